/** A value of a config in words, for complaints. */

const longestQuote = 60;

/** `the string "4"`, `the number 5`, `a date`, `a list`. */
export function describe(value: unknown): string {
  if (typeof value === "string") return value === "" ? "an empty string" : `the string ${quote(value)}`;
  if (typeof value === "number") return describeNumber(value);
  if (typeof value === "bigint") return `the number ${shorten(String(value))}`;
  if (typeof value === "boolean") return String(value);
  if (value instanceof Date) return "a date";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return typeof value === "object" && value !== null ? "a table" : "nothing";
}

/** As describe, but a list is told by its first element that is not a string, or that cannot be used. */
export function describeStrings(value: unknown): string {
  if (!Array.isArray(value) || value.length === 0) return describe(value);
  const alien = value.find((element) => typeof element !== "string");
  const odd = alien ?? value.find((element) => element === "" || String(element).includes("\0"));
  return odd === undefined ? describe(value) : `a list with ${describe(odd)} in it`;
}

/** In double quotes, on one line, not endless. */
export function quote(text: string, longest = longestQuote): string {
  return JSON.stringify(shorten(text, longest));
}

function describeNumber(value: number): string {
  if (Number.isNaN(value)) return "nan";
  return Number.isFinite(value) ? `the number ${value}` : value > 0 ? "inf" : "-inf";
}

function shorten(text: string, longest = longestQuote): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}
