/** A command line to words as a POSIX shell splits it, with no shell: no variables, no patterns, no operators. */
import { shellWord } from "../shell-word.ts";

interface Quoted {
  readonly text: string;
  /** Behind the closing quote. */
  readonly end: number;
}

/**
 * Splits at blanks; `"…"`, `'…'` and `\` keep what they protect, and `""` is an empty word. Undefined: a quote is not closed.
 * Rules of POSIX.1-2024, Shell Command Language, 2.2. The package string-argv knows no backslash and closes every quote by itself.
 */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length; ) {
    const char = line.charAt(at);
    if (isBlank(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      at += 1;
      continue;
    }
    const part = readPart(line, at, char);
    if (part === undefined) return undefined;
    word = (word ?? "") + part.text;
    at = part.end;
  }
  return word === undefined ? words : [...words, word];
}

/** The command line that splitWords splits into these words. */
export function joinWords(words: readonly string[]): string {
  return words.map(shellWord).join(" ");
}

function readPart(line: string, at: number, char: string): Quoted | undefined {
  if (char === "'") return readSingle(line, at + 1);
  if (char === '"') return readDouble(line, at + 1);
  if (char === "\\") return readEscape(line, at + 1);
  return { text: char, end: at + 1 };
}

function readSingle(line: string, start: number): Quoted | undefined {
  const end = line.indexOf("'", start);
  return end === -1 ? undefined : { text: line.slice(start, end), end: end + 1 };
}

/** Between double quotes a backslash protects only what would mean something there, and joins lines. */
function readDouble(line: string, start: number): Quoted | undefined {
  let text = "";
  for (let at = start; at < line.length; at += 1) {
    const char = line.charAt(at);
    if (char === '"') return { text, end: at + 1 };
    if (char !== "\\") {
      text += char;
      continue;
    }
    at += 1;
    text += escapedInDouble(line.charAt(at));
  }
  return undefined;
}

function escapedInDouble(char: string): string {
  if (char === "\n") return "";
  return char !== "" && '$`"\\'.includes(char) ? char : `\\${char}`;
}

function readEscape(line: string, at: number): Quoted | undefined {
  const char = line.charAt(at);
  if (char === "") return undefined;
  return { text: char === "\n" ? "" : char, end: at + 1 };
}

function isBlank(char: string): boolean {
  return char === " " || char === "\t" || char === "\n" || char === "\r";
}
