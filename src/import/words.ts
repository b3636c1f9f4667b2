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
}

/** One simple command of a shell script. `expand` gets text with its dollar signs, and whether it is quoted. */
export function splitShell(
  line: string,
  expand: (text: string, isQuoted: boolean) => string = (text) => text,
): SimpleCommand | undefined {
  const mark = (text: string, isQuoted: boolean) =>
    isQuoted || !text.includes("$") ? expand(text, isQuoted) : expand(text, isQuoted).replace(/\s+/g, fieldEnd);
  const command = split(line, shell, mark);
  if (command === undefined) return undefined;
  const words = command.words.flatMap((word) =>
    word.includes(fieldEnd) ? word.split(fieldEnd).filter((part) => part !== "") : [word],
  );
  return { words, rest: command.rest };
}

/** Stands where an unquoted variable has a blank: there the word ends. No script has it. */
const fieldEnd = "\u0001";

function split(
  line: string,
  manner: Manner,
  expand: (text: string, isQuoted: boolean) => string,
): SimpleCommand | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let at = 0;
  while (at < line.length && !endsCommand(line.charAt(at), word, manner)) {
    if (/[ \t\r\n]/.test(line.charAt(at))) {
      if (word !== undefined) words.push(word);
      word = undefined;
      at += 1;
      continue;
    }
    const part = readPart(line, at, manner);
    if (part === undefined) return undefined;
    word = (word ?? "") + (part.isLiteral ? part.text : expand(part.text, part.isQuoted === true));
    at = part.end;
  }
  return { words: word === undefined ? words : [...words, word], rest: line.slice(at) };
}

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
const shellRun = /^(?:\$\{[^}]*\}|\$\(\([^()]*\)\)|\$\([^()]*\)|`[^`]*`|[^\s'"\\;&|<>()`])+/;

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
