/** How evidence is written: texts of others in quotes or behind a bar, so that nobody takes them for ours. */
import { formatDuration } from "../units.ts";

/** The most that is shown of an answer's start. */
const mostShown = 120;

/** Bytes (a binary string) as people can read them: `"<html>\r\n"`, at most 120 of them. */
export function quoteBytes(bytes: string): string {
  const shown = bytes.slice(0, mostShown);
  const text = JSON.stringify(shown)
    .replace(/[^\x20-\x7e]/g, escapeByte)
    .replace(/\\u00([0-9a-f]{2})/g, "\\x$1");
  return bytes.length > mostShown ? `${text.slice(0, -1)}…"` : text;
}

function escapeByte(char: string): string {
  return `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

/** Lines that somebody wrote, the last ones. */
export function barred(lines: readonly string[], most = 20): string[] {
  const shown = lines.slice(-most).map((line) => `| ${line}`);
  return lines.length > most ? [`| … (${lines.length - most} lines before)`, ...shown] : shown;
}

/** A binary string, which is UTF-8 as a rule, to its lines. */
export function linesOf(bytes: string): string[] {
  const text = decode(bytes).replace(/\s+$/, "");
  return text === "" ? [] : text.split(/\r?\n/);
}

function decode(bytes: string): string {
  return new TextDecoder().decode(Uint8Array.from(bytes, (char) => char.charCodeAt(0)));
}

export function took(ms: number): string {
  return formatDuration(ms).replace(/^(\d+)ms$/, "$1 ms");
}

/** What the application and its worker wrote, under a line that says so; nothing where they wrote nothing. */
export function wrote(stderr: string, lines: readonly string[]): string[] {
  const stream = linesOf(stderr);
  // Many a logger writes to both.
  const others = lines.filter((line) => !stream.includes(line));
  return [
    ...(stream.length === 0 ? [] : ["its error stream (the web server's error log gets it) says:", ...barred(stream)]),
    ...(others.length === 0 ? [] : ["the worker wrote last:", ...barred(others)]),
  ];
}
