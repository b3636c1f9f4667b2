/** Worlds to import from: made of texts, or the fixtures as they lie there. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse } from "smol-toml";
import { globSync } from "tinyglobby";
import type { World } from "../../src/import/draft.ts";
import { importAll } from "../../src/import/importer.ts";
import type { Kind } from "../../src/import/recognise.ts";
import { writeConfig } from "../../src/import/write.ts";

export const fixtures = resolve(import.meta.dirname, "../../fixtures/imports");

/** Every fixture that is imported by itself; the others are included by these. */
export const mainFiles: readonly string[] = [
  ...globSync(
    ["*.conf", "*.sh", "*.command", "*/supervisord.conf", "*/lighttpd.conf", "*/php-fpm.conf", "units/*.service"],
    {
      cwd: fixtures,
    },
  ),
].toSorted();

/** A world of these files and variables, and nothing else. */
export function worldOf(
  files: Readonly<Record<string, string>> = {},
  variables: Readonly<Record<string, string>> = {},
): World {
  return {
    read: (path) => files[path],
    match: (pattern) =>
      Object.keys(files)
        .filter((path) => fits(pattern, path))
        .toSorted(),
    variable: (name) => variables[name],
    host: "box",
  };
}

/** `*` is anything but a slash. */
function fits(pattern: string, path: string): boolean {
  const expression = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${expression.join("[^/]*")}$`).test(path);
}

/** The fixtures, with another text for one of them where that is wanted. */
export function fixtureWorld(replaced: Readonly<Record<string, string>> = {}): World {
  return {
    read: (path) => {
      try {
        return replaced[path] ?? readFileSync(path, "utf8");
      } catch {
        return undefined;
      }
    },
    match: (pattern) => globSync(pattern, { absolute: true, expandDirectories: false }).toSorted(),
    variable: () => undefined,
    host: "box",
  };
}

export function readFixture(name: string): string {
  return readFileSync(join(fixtures, name), "utf8");
}

/** The config that an import writes. */
export function configOf(file: string, text: string, world: World = worldOf(), from?: Kind): string {
  return writeConfig(importAll([{ file, text }], world, from), [file]);
}

interface ReadApp {
  readonly [key: string]: unknown;
}

/** Its apps, read back. */
export function appsOf(text: string): Readonly<Record<string, ReadApp>> {
  return (parse(text)["apps"] ?? {}) as unknown as Readonly<Record<string, ReadApp>>;
}

/** The comments of a config, each remark as `LINE: what → why`. */
export function remarksOf(text: string): string[] {
  const lines = text.split("\n");
  return lines.flatMap((line, index) => {
    const match = /^# {3}(\S.*)$/.exec(line);
    return match === null ? [] : [`${match[1]} → ${(lines[index + 1] ?? "").replace(/^# +/, "")}`];
  });
}
