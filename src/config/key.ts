/** What is known of a key, whatever the key. */

/** What a value looks like. The file schema.ts holds one schema for each kind. */
export type Kind =
  | "command"
  | "wsgi"
  | "program"
  | "script-name"
  | "path"
  | "paths"
  | "port"
  | "remote-port"
  | "boolean"
  | "integer"
  | "mode"
  | "owner"
  | "account"
  | "env"
  | "env-names"
  | "addresses"
  | "duration"
  | "size"
  | "signal"
  | "drain"
  | "rlimits"
  | "log-format"
  | "exit-on"
  | "patterns";

export interface Key {
  readonly kind: Kind;
  /** The section of docs/configuration.md. */
  readonly group: string;
  /** One sentence. */
  readonly description: string;
  /** What stands behind the flag: `<n>`. Empty for a flag without a value. */
  readonly placeholder: string;
  /** The default as it is written behind the flag. */
  readonly default?: string;
  /** What holds without the key, where that is not a fixed value. */
  readonly otherwise?: string;
  /** The flag may be given more than once. */
  readonly repeats?: true;
  /** The flag, where it is not `--` and the key's name. */
  readonly flag?: string;
  /** Not in [defaults]: each app has its own. */
  readonly own?: true;
  /** Bounds: a number as it is, a duration in milliseconds, a size in bytes. */
  readonly min?: number;
  readonly max?: number;
}

/** A timer of Node holds 31 bits of milliseconds: 24.8 days. A longer one fires at once. */
const longest = 24 * 86_400_000;

export interface NamedKey extends Key {
  readonly name: string;
}

/** The keys of a table with their names. */
export function listKeys(keys: Readonly<Record<string, Key>>): NamedKey[] {
  return Object.entries(keys).map(([name, key]) => ({ name, ...key }));
}

/** The flag as a help page shows it: `--processes <n>`, `--no-listen`. */
export function flagOf(key: NamedKey): string {
  return [key.flag ?? `--${key.name}`, key.placeholder].join(" ").trimEnd();
}

/** `listen-queue-depth` is `listenQueueDepth` in JavaScript. */
export function fieldOf(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** A key that holds a time; `holds` says what it may be, and what holds without it. */
export function duration<const H extends Pick<Key, "default" | "otherwise" | "min">>(
  group: string,
  description: string,
  holds: H,
) {
  return { kind: "duration", group, description, placeholder: "<duration>", ...holds, max: longest } as const;
}
