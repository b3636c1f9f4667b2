/** What an import makes of other people's configuration: apps as plain settings, and a remark for all that has no counterpart. */

/** Where something was written. */
export interface Origin {
  readonly file: string;
  readonly line: number;
}

/** A setting as it was written, with its value apart. */
export interface Given {
  readonly origin: Origin;
  /** As people would find it in the file: `startretries=5`. */
  readonly written: string;
  readonly value: string;
}

export type Value = string | number | boolean | readonly string[] | Readonly<Record<string, string | number>>;

/**
 * What became of a setting that is no key here: `lost` has no counterpart, `elsewhere` belongs to another program's configuration,
 * `same` is what fcgi-pm does anyway, `changed` was translated with a difference that people should know.
 */
export type RemarkKind = "lost" | "elsewhere" | "same" | "changed";

export interface Remark extends Omit<Given, "value"> {
  readonly kind: RemarkKind;
  /** What to know or to do, in one sentence. */
  readonly why: string;
}

/** One app in the making. */
export interface Draft {
  name: string;
  readonly origin: Origin;
  /** The line that it comes from. */
  readonly written: string;
  readonly settings: Map<string, Value>;
  readonly remarks: Remark[];
  /** It did not start by itself where it comes from: it is written as a comment. */
  isDormant: boolean;
}

/** All of one import. */
export interface Imported {
  readonly apps: readonly Draft[];
  /** Settings of no single app, and files that could not be read. */
  readonly remarks: readonly Remark[];
  /** What is different in general, in sentences. */
  readonly differences: readonly string[];
}

/** What only the shell knows: files and variables. */
export interface World {
  /** The text of a file; undefined where it cannot be read. */
  read(path: string): string | undefined;
  /** Files that fit an absolute pattern, in alphabetical order. */
  match(pattern: string): readonly string[];
  /** A variable of the environment. */
  variable(name: string): string | undefined;
  /** The name of this machine. */
  readonly host: string;
}

export function newDraft(name: string, given: Pick<Given, "origin" | "written">): Draft {
  const { origin, written } = given;
  return { name, origin, written, settings: new Map(), remarks: [], isDormant: false };
}

/** Adds a remark to a list of them. */
export function remark(
  remarks: Remark[],
  kind: RemarkKind,
  given: Pick<Given, "origin" | "written">,
  why: string,
): void {
  remarks.push({ kind, origin: given.origin, written: given.written, why });
}

/** Adds names and values to a table such as env or rlimits. */
export function addTo(draft: Draft, key: "env" | "rlimits", more: Readonly<Record<string, string | number>>): void {
  const before = draft.settings.get(key);
  draft.settings.set(key, { ...(typeof before === "object" ? before : {}), ...more } as Value);
}

/** Names of variables that are handed on; a shell must be able to carry them. */
export function passEnv(draft: Draft, given: Pick<Given, "origin" | "written">, names: readonly string[]): void {
  const wrong = names.filter((name) => !isVariableName(name));
  if (wrong.length > 0) remark(draft.remarks, "lost", given, `no name that a shell can carry: "${wrong.join('", "')}"`);
  if (wrong.length < names.length)
    addWords(
      draft,
      "pass-env",
      names.filter((name) => isVariableName(name)),
    );
}

/** A name that a shell can carry, as a config wants it: without the one that has a meaning in JavaScript. */
export function isVariableName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && name !== "__proto__";
}

/** Adds to a list such as env-file, each word once. */
export function addWords(draft: Draft, key: "pass-env" | "env-file", more: readonly string[]): void {
  const before = draft.settings.get(key);
  draft.settings.set(key, [...new Set([...(Array.isArray(before) ? (before as string[]) : []), ...more])]);
}

/** Variables that a shell can carry go to env; the others are lost. */
export function addEnv(draft: Draft, given: Given, env: Iterable<readonly [string, string]>): void {
  for (const [name, value] of env) {
    if (isVariableName(name)) addTo(draft, "env", { [name]: value });
    else remark(draft.remarks, "lost", given, `"${name}" is no name that a shell can carry`);
  }
}

/** The setting as a number, where it is one so far. */
export function numberOf(draft: Draft, key: string): number | undefined {
  const value = draft.settings.get(key);
  return typeof value === "number" ? value : undefined;
}

/** The variables so far. */
export function envOf(draft: Draft): Readonly<Record<string, string>> {
  const env = draft.settings.get("env");
  return typeof env === "object" && !Array.isArray(env) ? (env as Record<string, string>) : {};
}
