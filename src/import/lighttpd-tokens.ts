/** lighttpd's configuration as tokens. */

export type TokenKind = "text" | "number" | "word" | "sign" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** Of a text without its quotes and backslashes. */
  readonly text: string;
  readonly line: number;
}

/** What cannot be read, with its line. */
export class SyntaxProblem extends Error {
  readonly line: number;
  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

const patterns: readonly (readonly [TokenKind | "nothing", RegExp])[] = [
  ["nothing", /(?:\s|#[^\n]*)+/y],
  ["text", /"(?:[^"\\]|\\.)*"/sy],
  ["number", /\d+(?![\w.])/y],
  ["sign", /=>|\+=|:=|==|!=|=~|!~|=\^|=\$|[=(){},+[\]:]/y],
  ["word", /\$?[A-Za-z_0-9][\w.\-/]*/y],
];

export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  while (at < text.length) {
    const found = matchAt(text, at);
    if (found === undefined) throw new SyntaxProblem(line, `"${text.charAt(at)}" is not expected here`);
    const [kind, raw] = found;
    if (kind !== "nothing") tokens.push({ kind, text: kind === "text" ? unquote(raw) : raw, line });
    line += raw.split("\n").length - 1;
    at += raw.length;
  }
  return [...tokens, { kind: "end", text: "", line }];
}

function matchAt(text: string, at: number): readonly [TokenKind | "nothing", string] | undefined {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const raw = pattern.exec(text)?.[0];
    if (raw !== undefined && raw !== "") return [kind, raw];
  }
  return undefined;
}

function unquote(raw: string): string {
  return raw.slice(1, -1).replace(/\\(["\\])/g, "$1");
}
