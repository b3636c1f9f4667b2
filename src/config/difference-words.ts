/** How a difference is told: in one line, in the words of the keys, `processes: 4 -> 8`. */
import { formatDuration, formatSize } from "../units.ts";
import type { App, Listen } from "./app.ts";
import { rlimitNames } from "./app.ts";
import { quote } from "./describe.ts";
import { joinWords } from "./words.ts";

/** The line for two values of a key; undefined where they mean the same. */
export type Tell<V> = (key: string, before: V, after: V) => string | undefined;

export const tellNumber = tellBy<number>(String);
export const tellText = tellBy(writeText);
export const tellChoice = tellBy<boolean>(String);
export const tellMode = tellBy<number>((mode) => mode.toString(8).padStart(4, "0"));
export const tellDuration = tellBy(formatDuration, (ms: number) => `${ms}ms`);
export const tellSize = tellBy(formatSize, String);

/** A command may be long. */
const longestCommand = 120;

/** As the one string that a config may hold; in full where only the end of a long one differs. */
export const tellCommand: Tell<App["command"]> = (key, before, after) => {
  const tell = tellBy((line: string) => quote(line, longestCommand), JSON.stringify);
  return tell(key, before && joinWords(before), after && joinWords(after));
};

/** `socket: /a.sock -> /b.sock`, `socket: /a.sock -> port 127.0.0.1:9000`. The key is that of the listener itself. */
export const tellListen: Tell<Listen> = (_, before, after) => {
  const [one, other] = [nameListen(before), nameListen(after)];
  if (one.key === other.key) return tellBy<string>(String)(one.key, one.value, other.value);
  return `${one.key}: ${one.value} -> ${other.key} ${other.value}`;
};

/** `rlimits: nofile 1024 -> 4096, core none -> unlimited`. */
export const tellRlimits: Tell<App["rlimits"]> = (key, before, after) => {
  const changed = rlimitNames.filter((name) => before[name] !== after[name]);
  const pairs = changed.map((name) => `${name} ${before[name] ?? "none"} -> ${after[name] ?? "none"}`);
  return pairs.length === 0 ? undefined : `${key}: ${pairs.join(", ")}`;
};

/** `watch: /srv/new added, /srv/old removed`. Their order means nothing. */
export const tellPaths: Tell<readonly string[]> = (key, before, after) => {
  const table = (paths: readonly string[]) => Object.fromEntries(paths.map((path) => [writeText(path), ""]));
  return tellNames(key, table(before), table(after));
};

/** `env: DEBUG added, DATABASE_URL changed, OLD removed`. Never the values: they may be secrets. */
export const tellNames: Tell<Readonly<Record<string, string>>> = (key, before, after) => {
  const [one, other] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  const names = {
    added: [...other.keys()].filter((name) => !one.has(name)),
    changed: [...other.keys()].filter((name) => one.has(name) && one.get(name) !== other.get(name)),
    removed: [...one.keys()].filter((name) => !other.has(name)),
  };
  const words = Object.entries(names).flatMap(([what, list]) => list.toSorted().map((name) => `${name} ${what}`));
  return words.length === 0 ? undefined : `${key}: ${words.join(", ")}`;
};

/** Values that are one number or one text. Where both are the same in brief, they are written exactly. */
function tellBy<V extends string | number | boolean>(
  brief: (value: V) => string,
  exact: (value: V) => string = brief,
): Tell<V | undefined> {
  return (key, before, after) => {
    if (before === after) return undefined;
    const line = (write: (value: V) => string) => [before, after].map((value) => writeOr(value, write));
    const [one, other] = line(brief);
    return `${key}: ${(one === other ? line(exact) : [one, other]).join(" -> ")}`;
  };
}

function writeOr<V>(value: V | undefined, write: (value: V) => string): string {
  return value === undefined ? "none" : write(value);
}

/** Paths and names as they are, as long as they stay one word on one line. */
function writeText(text: string): string {
  return /^[^\s"\p{C}]+$/u.test(text) ? text : JSON.stringify(text);
}

function nameListen(listen: Listen): { readonly key: string; readonly value: string } {
  switch (listen.kind) {
    case "unix":
      return { key: "socket", value: writeText(listen.path) };
    case "tcp":
      return { key: "port", value: `${listen.host.includes(":") ? `[${listen.host}]` : listen.host}:${listen.port}` };
    case "none":
      return { key: "listen", value: "false" };
  }
}
