/** A variable as a shell would read it. */
import { shellWord } from "../shell-word.ts";

const hasControls = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

const escapes: { readonly [char: string]: string } = {
  "\n": "\\n",
  "\t": "\\t",
  "\r": "\\r",
  "'": "\\'",
  "\\": "\\\\",
};

/**
 * `NAME=value`, quoted where a shell would read something else than the value. Values with control characters become
 * `$'a\nb'` (POSIX.1-2024; bash, zsh, ksh): one line each, and nothing in it moves a terminal's cursor.
 */
export function assignment(name: string, value: string): string {
  if (value === "") return `${name}=`;
  if (!hasControls.test(value)) return `${name}=${shellWord(value)}`;
  const text = value.replace(/[\u0000-\u001f'\\\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, escapeChar);
  return `${name}=$'${text}'`;
}

/** By bytes, not by code point: every shell that knows `$'…'` knows those. Octal ends after three digits, whatever follows. */
function escapeChar(char: string): string {
  const known = escapes[char];
  if (known !== undefined) return known;
  return [...utf8(char)].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
}

function utf8(char: string): Uint8Array {
  return new TextEncoder().encode(char);
}
