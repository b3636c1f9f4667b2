/** Values as TOML 1.0 writes them. */
import type { Value } from "./draft.ts";

/** `key = value` in one line. */
export function tomlLine(key: string, value: Value): string {
  return `${key} = ${tomlOf(value)}`;
}

export function tomlOf(value: Value): string {
  if (typeof value === "string") return tomlString(value);
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `[${value.map(tomlString).join(", ")}]`;
  const pairs = Object.entries(value).map(([name, one]) => `${tomlKey(name)} = ${tomlOf(one)}`);
  return `{ ${pairs.join(", ")} }`;
}

/** A bare key where that is allowed. */
export function tomlKey(name: string): string {
  return /^[A-Za-z0-9_-]+$/.test(name) ? name : tomlString(name);
}

/** Halves of surrogate pairs: no text of UTF-8 has them. */
const halves = /\p{Surrogate}/gu;

const escapes: ReadonlyMap<string, string> = new Map([
  ["\\", "\\\\"],
  ['"', '\\"'],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

/** A basic string; control characters, halves of pairs and what looks like a line's end to others are escaped. */
function tomlString(text: string): string {
  const safe = text
    .replace(halves, "\uFFFD")
    .replace(/[\\"\u0000-\u001F\u007F-\u009F\u2028\u2029]/g, (char) => escapes.get(char) ?? escapeCode(char));
  return `"${safe}"`;
}

function escapeCode(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Text for a comment: one line, nothing that TOML forbids there. */
export function commentText(text: string): string {
  return text
    .replace(halves, "\uFFFD")
    .replace(/[\r\n\u2028\u2029]+\s*/g, " ⏎ ")
    .replace(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g, "?");
}
