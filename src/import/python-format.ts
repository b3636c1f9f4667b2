/** Python's `text % {name: value}`, as far as configurations of supervisord use it. */

import { lookUp } from "./look-up.ts";

/** What a name stands for. */
export type Expansions = (name: string) => string | number | undefined;

export type Formatted =
  | { readonly text: string; readonly used: ReadonlySet<string> }
  | { readonly missing: string }
  | { readonly wrong: string };

const placeholder =
  /%(?:%|\((?<name>[^)]*)\)(?<flags>[-+ #0]*)(?<width>\d*)(?:\.(?<precision>\d*))?[hlL]?(?<type>.))/gs;

/** Replaces `%(name)s`, `%(name)02d` and `%%`. Another percent sign is an error, as in Python. */
export function formatPython(text: string, expansions: Expansions): Formatted {
  const used = new Set<string>();
  let problem: Formatted | undefined;
  const leftover = text.replace(placeholder, "");
  if (leftover.includes("%")) return { wrong: "a percent sign is written %%" };
  const result = text.replace(placeholder, (whole, ...rest) => {
    const groups = rest.at(-1) as Record<string, string | undefined>;
    if (whole === "%%") return "%";
    const name = groups["name"] ?? "";
    const value = expansions(name);
    if (value === undefined) {
      problem ??= { missing: name };
      return "";
    }
    used.add(name);
    const done = formatOne(value, groups);
    if (done === undefined) problem ??= { wrong: `%(${name})${groups["type"]} does not fit its value` };
    return done ?? "";
  });
  return problem ?? { text: result, used };
}

function formatOne(value: string | number, groups: Record<string, string | undefined>): string | undefined {
  const { flags = "", width = "", precision, type = "" } = groups;
  const text = convert(value, type, flags, precision);
  if (text === undefined) return undefined;
  const room = Number(width);
  if (flags.includes("-")) return text.padEnd(room, " ");
  if (flags.includes("0") && type !== "s" && type !== "r" && type !== "c") return padWithZeros(text, room);
  return text.padStart(room, " ");
}

/** Zeros stand behind the sign. */
function padWithZeros(text: string, room: number): string {
  const sign = /^[+ -]/.exec(text)?.[0] ?? "";
  return sign + text.slice(sign.length).padStart(room - sign.length, "0");
}

/** The value without its padding; undefined where the type does not fit. */
function convert(
  value: string | number,
  type: string,
  flags: string,
  precision: string | undefined,
): string | undefined {
  if (type === "s") return precision === undefined ? String(value) : String(value).slice(0, Number(precision));
  if (typeof value !== "number" || precision !== undefined) return undefined;
  const base = lookUp(bases, type);
  if (base === undefined) return undefined;
  const prefix = flags.includes("#") ? base.prefix : "";
  const sign = base.radix !== 10 ? "" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  const digits = value.toString(base.radix);
  return sign + prefix + (type === "X" ? digits.toUpperCase() : digits);
}

const decimal = { radix: 10, prefix: "" };

const bases: Readonly<Record<string, { readonly radix: number; readonly prefix: string }>> = {
  d: decimal,
  i: decimal,
  u: decimal,
  x: { radix: 16, prefix: "0x" },
  X: { radix: 16, prefix: "0X" },
  o: { radix: 8, prefix: "0o" },
};
