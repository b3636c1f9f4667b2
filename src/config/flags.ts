/** What stands behind a flag, as TOML would say it; the checks of TOML values do the rest. */
import { quote } from "./describe.ts";
import type { Key } from "./keys.ts";
import { fieldOf } from "./keys.ts";
import type { KeyTable, Table } from "./read.ts";

type Report = (message: string) => void;

/** The table that a file would hold instead of these flags. A flag is found by the key's name or, as commander has it, in camel case. */
export function tableOfFlags(
  keys: KeyTable,
  flags: Readonly<Record<string, unknown>>,
  report: (name: string, message: string) => void,
): Table {
  const found = Object.entries(keys).map(([name, key]): [string, unknown] => {
    const value = flags[name] ?? flags[fieldOf(name)];
    return [name, value === undefined ? undefined : valueOfFlag(key, value, (message) => report(name, message))];
  });
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}

/** `"4"` is 4 for a number, `["A=1"]` is `{ A: "1" }` for a table. What does not fit stays as it is: the schema complains. */
export function valueOfFlag(key: Key, value: unknown, report: Report): unknown {
  switch (key.kind) {
    case "integer":
      return typeof value === "string" && /^[+-]?\d{1,15}$/.test(value) ? Number(value) : value;
    case "boolean":
      return value === "true" ? true : value === "false" ? false : value;
    case "env":
    case "rlimits":
      return tableOfPairs(key, value, report);
    default:
      return key.repeats === true && typeof value === "string" ? [value] : value;
  }
}

function tableOfPairs(key: Key, value: unknown, report: Report): unknown {
  const pairs = typeof value === "string" ? [value] : value;
  return Array.isArray(pairs)
    ? Object.fromEntries(pairs.flatMap((pair) => splitPair(key, String(pair), report)))
    : value;
}

function splitPair(key: Key, pair: string, report: Report): [string, string][] {
  const at = pair.indexOf("=");
  if (at > 0) return [[pair.slice(0, at), pair.slice(at + 1)]];
  const example = key.kind === "env" ? "LANG=C; to pass a variable on: --pass-env NAME" : "nofile=65536";
  report(`expected NAME=VALUE, got ${quote(pair)}, for example ${example}`);
  return [];
}
