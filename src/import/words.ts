/** Command lines to words, as Python's shlex splits them (supervisord) and as a shell does (scripts), without running a shell. */

/** How backslashes act and how a comment begins differ from reader to reader. */
interface Manner {
  /** What a backslash protects between double quotes. */
  readonly escapedInDouble: string;
  /** A `#` at the start of a word begins a comment. */
  readonly comments: boolean;
  /** `;`, `&`, `|` end a command. */
  readonly operators: boolean;
}

const shlex: Manner = { escapedInDouble: '"\\', comments: false, operators: false };
const shell: Manner = { escapedInDouble: '$`"\\\n', comments: true, operators: true };

/** As `shlex.split(line)` of Python 3; undefined where a quote is not closed. */
export function splitShlex(line: string): string[] | undefined {
  return split(line, shlex, (text) => text)?.words;
}

/** One simple command, and what stands behind it. */
export interface SimpleCommand {
  readonly words: string[];
  /** From the operator that ends it. */
  readonly rest: string;
  /** `>/dev/null`, `2>&1`: where its streams go, or come from. */
  readonly redirections: readonly Redirection[];
}

export interface Redirection {
  /** With the number of the stream: `2>>`. */
  readonly operator: string;
  readonly target: string;
}

/** One simple command of a shell script. `expand` gets text with its dollar signs, and whether it is quoted. */
export function splitShell(line: string, expand: Expand = (text) => text): SimpleCommand | undefined {
  const mark: Expand = (text, isQuoted, isAssigned) => {
    const value = expand(text, isQuoted);
    if (isAssigned === true || !text.includes("$")) return value;
    if (isQuoted) return value === "" && text === "$@" ? fieldEnd : value;
    return value === "" ? fieldEnd : value.replace(/\s+/g, fieldEnd);
  };
  const command = split(line, shell, mark);
  if (command === undefined) return undefined;
  const fields = command.words.flatMap((word) =>
    word.includes(fieldEnd) ? word.split(fieldEnd).filter((part) => part !== "") : [word],
  );
  // In front of other words it may be the value of an option.
  const words = fields
    .slice(0, fields.findLastIndex((word) => word !== unknownField) + 1)
    .map((word) => word.replaceAll(unknownField, ""));
  const redirections = command.redirections.map(({ operator, target }) => ({
    operator,
    target: target.replaceAll(fieldEnd, "").replaceAll(unknownField, ""),
  }));
  return { ...command, words, redirections };
}

/** Stands where an unquoted variable has a blank or nothing: there the word ends, or is none. No script has it. */
const fieldEnd = "\u0001";

/** For `expand` to give in the place of an unquoted variable that nobody knows. */
export const unknownField = "\u0002";

/** Text with its dollar signs to its value. What is assigned to a variable stays one word. */
type Expand = (text: string, isQuoted: boolean, isAssigned?: boolean) => string;

function split(line: string, manner: Manner, expand: Expand): SimpleCommand | undefined {
  const splitter = new Splitter();
  let at = 0;
  while (at < line.length) {
    const operator = manner.operators ? redirectionAt(line, at) : undefined;
    if (operator !== undefined) {
      splitter.redirect(operator, /\d/.test(line.charAt(at - 1)));
      at += operator.length;
      continue;
    }
    if (endsCommand(line.charAt(at), splitter.word, manner)) break;
    if (/[ \t\r\n]/.test(line.charAt(at))) {
      splitter.endWord();
      at += 1;
      continue;
    }
    const part = readPart(line, at, manner);
    if (part === undefined) return undefined;
    splitter.add(
      part.isLiteral ? part.text : expand(part.text, part.isQuoted === true, splitter.isAssigning(part.text)),
    );
    at = part.end;
  }
  splitter.endWord();
  return { words: splitter.words, rest: line.slice(at), redirections: splitter.redirections };
}

const assignment = /^[A-Za-z_]\w*=/;

/** Collects words and redirections. */
class Splitter {
  readonly words: string[] = [];
  readonly redirections: Redirection[] = [];
  /** What has been read of a word. */
  word: string | undefined;
  /** Its target is the next word. */
  #operator: string | undefined;

  add(text: string): void {
    this.word = (this.word ?? "") + text;
  }

  /** Is this text, behind what there is, the value of a variable? */
  isAssigning(text: string): boolean {
    const [first = ""] = this.words;
    const isFirst = this.words.every((word) => assignment.test(word));
    return (isFirst || /^(?:export|readonly|local|declare)$/.test(first)) && assignment.test((this.word ?? "") + text);
  }

  endWord(): void {
    if (this.word === undefined) return;
    if (this.#operator === undefined) this.words.push(this.word);
    else this.redirections.push({ operator: this.#operator, target: this.word });
    this.#operator = undefined;
    this.word = undefined;
  }

  /** Digits directly before it are the number of the stream, and no word. */
  redirect(operator: string, isBehindDigit: boolean): void {
    const stream = isBehindDigit && /^\d+$/.test(this.word ?? "") ? (this.word ?? "") : "";
    if (stream !== "") this.word = undefined;
    this.endWord();
    this.#operator = `${stream}${operator}`;
  }
}

/** `>`, `>>`, `<`, `2>&`, `&>` and their like. `<(…)` is a command of its own. */
function redirectionAt(line: string, at: number): string | undefined {
  redirection.lastIndex = at;
  return redirection.exec(line)?.[0];
}

const redirection = /&>>?|<<<|<<-?|(?:>>|>\||<>|[<>]&?)(?!\()/y;

function endsCommand(char: string, word: string | undefined, { comments, operators }: Manner): boolean {
  return (comments && char === "#" && word === undefined) || (operators && /[;&|<>()]/.test(char));
}

interface Part {
  readonly text: string;
  readonly end: number;
  /** Nothing in it is a variable. */
  readonly isLiteral: boolean;
  readonly isQuoted?: boolean;
}

function readPart(line: string, at: number, manner: Manner): Part | undefined {
  const char = line.charAt(at);
  if (char === "'") return readSingle(line, at + 1);
  if (char === '"') return readDouble(line, at + 1, manner);
  if (char === "\\") return readEscape(line, at + 1, manner);
  const end = wordEnd(line, at, manner);
  return { text: line.slice(at, end), end, isLiteral: false };
}

const plainRun = /^[^\s'"\\]+/;
const shellRun = /^(?:\$\{(?:[^{}]|\{[^{}]*\})*\}|\$\(\([^()]*\)\)|\$\([^()]*\)|`[^`]*`|[^\s'"\\;&|<>()`])+/;

/** A run of plain text; in a shell's with `${…}`, `$(…)` and the like in it kept whole. */
function wordEnd(line: string, start: number, { operators }: Manner): number {
  const run = (operators ? shellRun : plainRun).exec(line.slice(start));
  return start + Math.max(1, run?.[0].length ?? 1);
}

function readSingle(line: string, start: number): Part | undefined {
  const end = line.indexOf("'", start);
  return end === -1 ? undefined : { text: line.slice(start, end), end: end + 1, isLiteral: true };
}

/** A protected character cannot begin a variable: it is kept apart from what is expanded by a NUL, which no line has. */
function readDouble(line: string, start: number, manner: Manner): Part | undefined {
  let text = "";
  for (let at = start; at < line.length; at += 1) {
    const char = line.charAt(at);
    if (char === '"') return { text, end: at + 1, isLiteral: false, isQuoted: true };
    if (char !== "\\") {
      text += char;
      continue;
    }
    at += 1;
    if (at >= line.length) return undefined;
    const next = line.charAt(at);
    if (!manner.escapedInDouble.includes(next)) text += `\\${next}`;
    else if (next !== "\n") text += next === "$" ? "\u0000$" : next;
  }
  return undefined;
}

function readEscape(line: string, at: number, manner: Manner): Part | undefined {
  const text = line.charAt(at);
  if (text === "") return undefined;
  return { text: manner.operators && text === "\n" ? "" : text, end: at + 1, isLiteral: true };
}
