/** A shell script as the lines that hold its commands: lines that go on are joined, here-documents are kept apart. */
import { splitShell } from "./words.ts";

export interface CommandLine {
  readonly text: string;
  /** Of its first line. */
  readonly number: number;
  /** The lines of the here-document behind it, the first of which has the number of `end`. */
  readonly document: readonly string[];
  /** Of the first line behind it. */
  readonly end: number;
}

/** How far an open quote is followed: what is open for longer is an apostrophe in some text. */
const longestQuote = 50;

const continued = /(?:^|[^\\])\\$/;

export function commandLines(script: string): CommandLine[] {
  const lines = script.split(/\r\n|\n/);
  const found: CommandLine[] = [];
  let at = 0;
  while (at < lines.length) {
    const { text, end } = joinedFrom(lines, at);
    const next = endOfDocument(lines, text, end);
    found.push({ text, number: at + 1, document: lines.slice(end, next), end: end + 1 });
    at = next;
  }
  return found;
}

/** A backslash at the end goes on, and so does a quote that is open. */
function joinedFrom(lines: readonly string[], start: number): { readonly text: string; readonly end: number } {
  let text = lines[start] ?? "";
  let end = start + 1;
  while (
    (continued.test(text) || splitShell(text) === undefined) &&
    end < Math.min(lines.length, start + longestQuote)
  ) {
    text = continued.test(text) ? `${text.slice(0, -1)} ${lines[end] ?? ""}` : `${text}\n${lines[end] ?? ""}`;
    end += 1;
  }
  if (splitShell(text) !== undefined) return { text, end };
  return { text: (lines[start] ?? "").replace(/['"\\]/g, ""), end: start + 1 };
}

/** `<<WORD` and its like: the text up to that word is no command. */
function endOfDocument(lines: readonly string[], text: string, start: number): number {
  const word = /(?<!<)<<-?\s*\\?(["']?)(\w+)\1/.exec(text)?.[2];
  if (word === undefined) return start;
  const end = lines.findIndex((line, at) => at >= start && line.trim() === word);
  return end === -1 ? start : end + 1;
}
