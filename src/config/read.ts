/** A TOML table to checked values, key by key, with every complaint. */
import { safeParse } from "zod/mini";
import type { Key } from "./keys.ts";
import type { KeyPath } from "./problem.ts";
import type { Outputs } from "./schema.ts";
import { schemaOf } from "./schema.ts";
import { complainOfUnknownKey } from "./suggest.ts";

export type Table = Readonly<Record<string, unknown>>;
export type KeyTable = Readonly<Record<string, Key>>;

/** The values of a table's keys that are there and right. */
export type Values<T extends KeyTable> = { [N in keyof T]?: Outputs[T[N]["kind"]] };

/** Where a table stands: whom to tell, and where its relative paths start. */
export interface Place {
  readonly report: (keyPath: KeyPath, message: string) => void;
  readonly resolve: (path: string) => string;
}

/** Reads the keys that the table has. What is wrong is reported and left out. */
export function readTable<T extends KeyTable>(keys: T, table: Table, path: KeyPath, place: Place): Values<T> {
  const values: [string, unknown][] = [];
  for (const [name, value] of Object.entries(table)) {
    const key = Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (key === undefined) place.report([...path, name], complainOfUnknownKey(name, Object.keys(keys)));
    else values.push([name, readValue(key, value, [...path, name], place)]);
  }
  return Object.fromEntries(values.filter(([, value]) => value !== undefined)) as Values<T>;
}

/** One value, checked and with its paths resolved; undefined where it is wrong. */
export function readValue<K extends Key>(
  key: K,
  value: unknown,
  path: KeyPath,
  place: Place,
): Outputs[K["kind"]] | undefined {
  // zod drops a key of this name without a word.
  if (isTable(value) && Object.hasOwn(value, "__proto__"))
    place.report([...path, "__proto__"], "this name is not allowed");
  const result = safeParse(schemaOf(key), value);
  if (result.success) return resolvePaths(key, result.data, place);
  for (const [message, inner] of firstOfEach(result.error.issues)) place.report([...path, ...inner], message);
  return undefined;
}

/** Is it a TOML table, and not a list or a date? */
export function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

interface Issue {
  readonly message: string;
  readonly path: readonly PropertyKey[];
}

/** A value may fail several checks that say the same; one complaint for each place is enough. */
function firstOfEach(issues: readonly Issue[]): [string, KeyPath][] {
  const first = new Map<string, [string, KeyPath]>();
  for (const { message, path } of issues) {
    const place = JSON.stringify(path);
    if (!first.has(place)) first.set(place, [message, path.filter((part) => typeof part !== "symbol")]);
  }
  return [...first.values()];
}

function resolvePaths<K extends Key>(key: K, value: Outputs[K["kind"]], place: Place): Outputs[K["kind"]] {
  if (key.kind === "path") return place.resolve(value as string) as Outputs[K["kind"]];
  if (key.kind === "paths") return (value as string[]).map(place.resolve) as Outputs[K["kind"]];
  return value;
}
