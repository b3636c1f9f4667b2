/** What the pure room of config has to be told about this machine and this shell. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import type { Config } from "../config/app.ts";
import { type ConfigFile, includesOf, type ParseContext, parseConfig } from "../config/parse.ts";
import { FcgiPmError } from "../errors.ts";
import { runtimeDirectory } from "../os/runtime-dir.ts";

export function parseContext(): ParseContext {
  return {
    runtimeDirectory: runtimeDirectory(process.env),
    directory: process.cwd(),
    resolvePath: resolve,
    directoryOf: dirname,
  };
}

/** Where a config is looked for when nobody names one. */
const usualPlaces = ["fcgi-pm.toml", "/etc/fcgi-pm/fcgi-pm.toml"];

/** The file that is named, or the first of the usual ones. */
export function findConfig(named: string | undefined): string {
  if (named !== undefined) return named;
  const found = usualPlaces.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new FcgiPmError(
    "FCGI_PM_CONFIG_MISSING",
    "Nothing to do: no program is named, and there is neither ./fcgi-pm.toml nor /etc/fcgi-pm/fcgi-pm.toml",
  );
}

/** Reads a config with all that it includes. */
export async function loadConfig(path: string): Promise<Config> {
  return parseConfig(await readFiles(path), parseContext());
}

/** The file itself, and those that it includes. */
export async function readFiles(path: string): Promise<ConfigFile[]> {
  const main = readConfig(path);
  const patterns = includesOf(main);
  const base = dirname(resolve(path));
  const included = patterns.length === 0 ? [] : await expand(patterns, base);
  return [main, ...included.toSorted().map((file) => readConfig(shorter(file)))];
}

/** The files that fit. The library for it takes 7 ms to load and is for those who include. */
async function expand(patterns: readonly string[], base: string): Promise<string[]> {
  const { glob } = await import("tinyglobby");
  return glob([...patterns], { cwd: base, absolute: true, expandDirectories: false });
}

/** As people would write it: below the current directory without its path. */
function shorter(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith("..") ? path : near;
}

function readConfig(path: string): ConfigFile {
  try {
    return { path, text: readFileSync(path, "utf8") };
  } catch (error) {
    const why = { ENOENT: "there is no such file", EACCES: "no right to read it", EISDIR: "it is a directory" };
    const code = String((error as NodeJS.ErrnoException).code);
    throw new FcgiPmError(
      "FCGI_PM_CONFIG_UNREADABLE",
      `Cannot read the config "${path}": ${why[code as keyof typeof why] ?? code}`,
    );
  }
}
