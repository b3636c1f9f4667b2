/** lighttpd's configuration, evaluated: variables, `+`, `include` and conditions, to a list of assignments. */
import type { Given, Remark, World } from "./draft.ts";
import { remark } from "./draft.ts";
import type { Token } from "./lighttpd-tokens.ts";
import { SyntaxProblem, tokenize } from "./lighttpd-tokens.ts";
import { directoryOf, resolveFrom } from "./paths.ts";

export interface Entry {
  /** Absent in a list. */
  readonly key?: string;
  readonly value: LightValue;
  readonly line: number;
}

export type LightValue = string | number | readonly Entry[];

/** One `name = value` or `name += value`. */
export interface Assignment {
  readonly name: string;
  readonly value: LightValue;
  readonly file: string;
  readonly line: number;
  /** The conditions around it, as they are written. */
  readonly conditions: readonly string[];
}

/** Reads the main file and all that it includes, as far as they can be understood. */
export function readLighttpd(file: string, text: string, world: World, remarks: Remark[]): Assignment[] {
  const reading: Reading = { base: directoryOf(file), world, remarks, variables: new Map(), found: [], open: [] };
  readText(reading, file, text, []);
  return reading.found;
}

interface Reading {
  readonly base: string;
  readonly world: World;
  readonly remarks: Remark[];
  readonly variables: Map<string, LightValue>;
  readonly found: Assignment[];
  /** Files that are being read, the main one first. */
  readonly open: string[];
}

function readText(reading: Reading, file: string, text: string, conditions: readonly string[]): void {
  reading.open.push(file);
  try {
    new Parser(reading, file, tokenize(text)).statements(conditions, false);
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    const written = text.split("\n")[error.line - 1] ?? "";
    remark(
      reading.remarks,
      "lost",
      { origin: { file, line: error.line }, written },
      `not understood, nor what follows in this file: ${error.message}`,
    );
  }
  reading.open.pop();
}

class Parser {
  readonly #reading: Reading;
  readonly #file: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(reading: Reading, file: string, tokens: readonly Token[]) {
    this.#reading = reading;
    this.#file = file;
    this.#tokens = tokens;
  }

  statements(conditions: readonly string[], isBlock: boolean): void {
    for (;;) {
      const token = this.#next();
      if (token.kind === "end" && !isBlock) return;
      if (token.text === "}" && token.kind === "sign" && isBlock) return;
      if (token.kind !== "word") throw new SyntaxProblem(token.line, `"${token.text}" is not expected here`);
      this.#statement(token, conditions);
    }
  }

  #statement(token: Token, conditions: readonly string[]): void {
    if (token.text === "include" || token.text === "include_shell") this.#include(token, conditions);
    else if (token.text === "global" && this.#peek().text === "{") {
      this.#next();
      this.statements(conditions, true);
    } else if (token.text === "else" || token.text === "elseif" || token.text === "elsif" || token.text.startsWith("$"))
      this.#block(token, conditions);
    else this.#assign(token, conditions);
  }

  /** `$HTTP["host"] == "x" { … }`, `else { … }`. */
  #block(first: Token, conditions: readonly string[]): void {
    const words = [first.text];
    for (;;) {
      const token = this.#next();
      if (token.kind === "end") throw new SyntaxProblem(first.line, "its block has no end");
      if (token.kind === "sign" && token.text === "{") break;
      words.push(token.kind === "text" ? `"${token.text}"` : token.text);
    }
    const condition = words
      .join(" ")
      .replace(/ ?([[\]]) ?/g, "$1")
      .replace(/\](?=\S)/, "] ");
    this.statements([...conditions, condition], true);
  }

  #assign(name: Token, conditions: readonly string[]): void {
    const operator = this.#next();
    if (!["=", "+=", ":="].includes(operator.text))
      throw new SyntaxProblem(operator.line, `"=" is expected behind ${name.text}`);
    const value = this.#expression();
    const { variables } = this.#reading;
    const before = variables.get(name.text);
    variables.set(name.text, operator.text === "+=" && before !== undefined ? add(before, value) : value);
    this.#reading.found.push({ name: name.text, value, file: this.#file, line: name.line, conditions });
  }

  #include(word: Token, conditions: readonly string[]): void {
    const what = this.#expression();
    const { world, remarks, base } = this.#reading;
    const given = { origin: { file: this.#file, line: word.line }, written: `${word.text} "${String(what)}"` };
    if (word.text === "include_shell" || typeof what !== "string") {
      remark(remarks, "lost", given, "no command is run by an import: give it the file that this prints");
      return;
    }
    const files = world.match(resolveFrom(base, what));
    if (files.length === 0) remark(remarks, "lost", given, "no file fits");
    for (const file of files) {
      const text = world.read(file);
      if (this.#reading.open.includes(file)) remark(remarks, "lost", given, "files include each other");
      else if (text === undefined) remark(remarks, "lost", given, `${file} cannot be read`);
      else readText(this.#reading, file, text, conditions);
    }
  }

  #expression(): LightValue {
    let value = this.#value();
    while (this.#peek().kind === "sign" && this.#peek().text === "+") {
      this.#next();
      value = add(value, this.#value());
    }
    return value;
  }

  #value(): LightValue {
    const token = this.#next();
    if (token.kind === "text") return token.text;
    if (token.kind === "number") return Number(token.text);
    if (token.kind === "sign" && token.text === "(") return this.#list();
    if (token.kind === "word") return this.#variable(token);
    throw new SyntaxProblem(token.line, `a value is expected, not "${token.text}"`);
  }

  #variable({ text, line }: Token): LightValue {
    const { variables, world, remarks } = this.#reading;
    if (text.startsWith("env.")) {
      const value = world.variable(text.slice("env.".length));
      if (value === undefined)
        remark(
          remarks,
          "lost",
          { origin: { file: this.#file, line }, written: text },
          "this variable is not set where the import runs: it counts as empty",
        );
      return value ?? "";
    }
    const known =
      variables.get(text) ?? variables.get(`var.${text}`) ?? (text === "var.CWD" ? this.#reading.base : undefined);
    if (known === undefined)
      remark(
        remarks,
        "lost",
        { origin: { file: this.#file, line }, written: text },
        "nobody says what this variable is: it counts as empty",
      );
    return known ?? "";
  }

  #list(): readonly Entry[] {
    const entries: Entry[] = [];
    for (;;) {
      const token = this.#peek();
      if (token.kind === "sign" && token.text === ")") {
        this.#next();
        return entries;
      }
      const first = this.#expression();
      if (this.#peek().text === "=>" && this.#peek().kind === "sign") {
        this.#next();
        entries.push({ key: String(first), value: this.#expression(), line: token.line });
      } else entries.push({ value: first, line: token.line });
      if (this.#peek().kind === "sign" && this.#peek().text === ",") this.#next();
      else if (this.#peek().text !== ")" || this.#peek().kind !== "sign")
        throw new SyntaxProblem(this.#peek().line, `"," or ")" is expected, not "${this.#peek().text}"`);
    }
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: "end", text: "", line: 0 };
  }

  #next(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }
}

/** Texts are joined, lists too. */
function add(one: LightValue, other: LightValue): LightValue {
  if (typeof one === "object" || typeof other === "object")
    return [...(typeof one === "object" ? one : []), ...(typeof other === "object" ? other : [])];
  return typeof one === "number" && typeof other === "number" ? one + other : `${one}${other}`;
}

/** A value as people would write it. */
export function textOf(value: LightValue): string {
  if (typeof value !== "object") return typeof value === "number" ? String(value) : `"${value}"`;
  const parts = value.map(({ key, value: one }) => (key === undefined ? textOf(one) : `"${key}" => ${textOf(one)}`));
  return `( ${parts.join(", ")} )`;
}

/** An assignment as a setting of one line. */
export function givenOfAssignment({ name, value, file, line }: Assignment): Given {
  return {
    origin: { file, line },
    written: `${name} = ${textOf(value)}`,
    value: typeof value === "object" ? "" : String(value),
  };
}
