/** What the pure room of config has to be told about this machine and this shell. */
import { isUtf8 } from "node:buffer";
import { existsSync, readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import type { Config } from "../config/app.ts";
import { type ConfigFile, includesOf, type ParseContext, parseConfig } from "../config/parse.ts";
import { ConfigError } from "../config/problem.ts";
import { joinWords } from "../config/words.ts";
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

/** The file that is named, or the first of the usual ones. A command that takes no program says how to name a file. */
export function findConfig(named: string | undefined, remedy?: string): string {
  if (named !== undefined) return named;
  const found = usualPlaces.find((path) => existsSync(path));
  if (found !== undefined) return found;
  const nowhere = "there is neither ./fcgi-pm.toml nor /etc/fcgi-pm/fcgi-pm.toml";
  if (remedy !== undefined) throw new FcgiPmError("FCGI_PM_CONFIG_MISSING", `No config: ${nowhere}`, { remedy });
  throw new FcgiPmError("FCGI_PM_CONFIG_MISSING", `Nothing to do: no program is named, and ${nowhere}`);
}

/** Made executable, a config would be run as a shell script. */
export function refuseConfigAsProgram(command: string, program: string): void {
  if (!program.endsWith(".toml")) return;
  throw new FcgiPmError("FCGI_PM_USAGE_WRONG", `Cannot start "${program}" as a program: it is a config`, {
    remedy: joinWords(["fcgi-pm", command, "--config", program]),
  });
}

/** Reads a config with all that it includes; for a manager with another runtime directory, where one is given. */
export async function loadConfig(path: string, directory = runtimeDirectory(process.env)): Promise<Config> {
  const files = await readFiles(path);
  try {
    return await parseConfig(files, { ...parseContext(), runtimeDirectory: directory });
  } catch (error) {
    // Where the problem is in an included file, or in one of several configs, the plain command would prove another one.
    if (error instanceof ConfigError) throw new ConfigError(error.problems, path);
    throw error;
  }
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
    return { path, text: textOf(path, readFileSync(path)) };
  } catch (error) {
    if (error instanceof FcgiPmError) throw error;
    const why = { ENOENT: "there is no such file", EACCES: "no right to read it", EISDIR: "it is a directory" };
    const code = String((error as NodeJS.ErrnoException).code);
    throw new FcgiPmError(
      "FCGI_PM_CONFIG_UNREADABLE",
      `Cannot read the config "${path}": ${why[code as keyof typeof why] ?? code}`,
    );
  }
}

/** TOML is UTF-8. Read as if it were, a path in Latin-1 would be another path. */
function textOf(path: string, bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  const lines = bytes.toString("latin1").split("\n");
  const line = lines.findIndex((text) => !isUtf8(Buffer.from(text, "latin1"))) + 1;
  throw new FcgiPmError("FCGI_PM_CONFIG_UNREADABLE", `${path}:${line}: not TOML: this line is not UTF-8`, {
    remedy: `save it as UTF-8, for example: iconv -f latin1 -t utf-8 ${joinWords([path])}`,
  });
}
