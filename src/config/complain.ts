/** The sentences of complaints: what was expected, what was found, and what to write instead. */
import { formatDuration, formatSize } from "../units.ts";
import { parsePort, parseRemotePort } from "./address.ts";
import { describe, describeStrings, quote } from "./describe.ts";

export type Complain = (input: unknown) => string;

/** `expected true or false, got the number 1`. */
export function expected(what: string): Complain {
  return (input) => `expected ${what}, got ${describe(input)}`;
}

/** As expected, for a list of strings: the odd element is named. */
export function expectedStrings(what: string): Complain {
  return (input) => `expected ${what}, got ${describeStrings(input)}`;
}

/** `one of TERM, INT`. */
export function oneOf(words: readonly string[]): string {
  return `one of ${words.join(", ")}`;
}

export function complainOfInteger(min: number, max: number): Complain {
  const say = expected(`a whole number from ${min} to ${max}`);
  return (input) => {
    const quoted = typeof input === "string" && /^-?\d{1,15}$/.test(input);
    return say(input) + (quoted ? `; write ${Number(input)} without quotes` : "");
  };
}

export function complainOfDuration(min: number, max: number): Complain {
  return (input) => {
    const bounds =
      min === 0 ? `of at most ${formatDuration(max)}` : `from ${formatDuration(min)} to ${formatDuration(max)}`;
    const what =
      typeof input === "string" && /^[\d.]+[a-z]+$/.test(input)
        ? `${bounds}, such as "5s"`
        : 'such as "250ms", "5s" or "10m"';
    return `expected a duration ${what}, got ${describe(input)}${adviseUnit(input)}`;
  };
}

/** A number without a unit: most systems mean seconds. */
function adviseUnit(input: unknown): string {
  const text = typeof input === "number" ? String(input) : input;
  return typeof text === "string" && /^\d+(?:\.\d+)?$/.test(text)
    ? `; a unit is missing: write "${text}s" for seconds`
    : "";
}

export function complainOfSize(min: number): Complain {
  const say = expected(`a size of at least ${formatSize(min)}, such as "64M"`);
  return (input) => say(input) + adviseSizeUnit(input);
}

/** `64MB` and `64MiB` are what others write. */
function adviseSizeUnit(input: unknown): string {
  const plain = typeof input === "string" ? /^(\d+ ?[KMGT])i?B$/i.exec(input)?.[1] : undefined;
  return plain === undefined ? "" : `; write "${plain.replace(" ", "").toUpperCase()}"`;
}

/** The digits are not repeated: TOML has read 0o660 as 432 before anybody could look. */
export function complainOfMode(input: unknown): string {
  const advice = typeof input === "number" ? "; write the octal digits in quotes" : "";
  return `expected an octal mode in a string such as "0660", got ${describe(input)}${advice}`;
}

export function complainOfPort(input: unknown): string {
  const reason = typeof input === "string" ? parsePort(input) : undefined;
  const what =
    typeof reason === "string" ? reason : 'expected a port from 1 to 65535, such as 9000 or "127.0.0.1:9000"';
  return `${what}, got ${describe(input)}`;
}

export function complainOfRemotePort(input: unknown): string {
  const reason = typeof input === "string" ? parseRemotePort(input) : undefined;
  const what = typeof reason === "string" ? reason : 'expected a host and a port, such as "app.example.org:9000"';
  return `${what}, got ${describe(input)}`;
}

export function complainOfCommand(input: unknown): string {
  if (typeof input !== "string" || input.trim() === "") return complainOfEmptyCommand(input);
  return `a quote is not closed, or a backslash ends the line: ${quote(input)}; a list of strings needs no quoting`;
}

function complainOfEmptyCommand(input: unknown): string {
  return expectedStrings('a program and its arguments such as ["/var/www/app.fcgi", "--verbose"]')(input);
}

/** The exec shim could not carry others: a shell drops what is no identifier. */
export function complainOfEnvName(input: unknown): string {
  return `expected the name of a variable: letters, digits and underscores, no digit first (a shell must be able to carry it), got ${describe(input)}`;
}

export function complainOfEnvValue(input: unknown): string {
  const scalar = typeof input === "number" || typeof input === "boolean" || typeof input === "bigint";
  return `expected a string, got ${describe(input)}${scalar ? `; write "${input}"` : ""}`;
}

export function complainOfScriptName(input: unknown): string {
  const slashed = typeof input === "string" ? `/${input.replace(/^\/+|\/+$/g, "")}` : "";
  const advice = slashed === "/" ? '; write "" for the root' : `; write ${quote(slashed)}`;
  const say = expected('a path such as "/blog", or "" for the root');
  return say(input) + (slashed === "" ? "" : advice);
}
