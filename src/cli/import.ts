/** `fcgi-pm import`: the configuration of another manager, as a config of ours. */
import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { joinWords } from "../config/words.ts";
import { FcgiPmError } from "../errors.ts";
import type { Imported, World } from "../import/draft.ts";
import type { Source } from "../import/importer.ts";
import { importAll } from "../import/importer.ts";
import type { Kind } from "../import/recognise.ts";
import { isKind, kinds, recognise } from "../import/recognise.ts";
import { countLost, writeConfig } from "../import/write.ts";
import { print } from "./terminal.ts";

export interface ImportOptions {
  /** Whose configuration it is. */
  readonly from?: string;
  /** A command line. */
  readonly command?: string;
  /** Where the config is written; standard output without it, and with `-`. */
  readonly output?: string;
  /** An output file that is there may be replaced. */
  readonly force?: boolean;
}

/** Imports files, or the one command line that stands behind `--` in `argv`; gives the exit status. */
export async function importFiles(
  named: readonly string[],
  options: ImportOptions,
  argv: readonly string[],
): Promise<number> {
  const words = wordsBehindDashes(argv);
  const files = named.slice(0, named.length - words.length);
  const sources = readSources(files, options, words);
  const world = await openWorld();
  const imported = importAll(sources, world, kindOf(files, options));
  if (imported.apps.length === 0) throw nothingFound(sources, imported);
  const text = writeConfig(
    imported,
    sources.map(({ file }) => file),
  );
  await prove(text);
  const output = options.output === "-" ? undefined : options.output;
  if (output === undefined) await print(text);
  else writeOutput(output, text, options.force === true);
  process.stderr.write(`${summary(imported, output)}\n`);
  return 0;
}

/** Commander takes the first `--` away, and no other. */
function wordsBehindDashes(argv: readonly string[]): readonly string[] {
  const at = argv.indexOf("--");
  return at === -1 ? [] : argv.slice(at + 1);
}

/** A command line is one, whatever it looks like. */
function kindOf(files: readonly string[], { from }: ImportOptions): Kind | undefined {
  if (files.length === 0) return "command";
  if (from === undefined || isKind(from)) return from;
  throw new FcgiPmError("FCGI_PM_USAGE_WRONG", `Cannot import from "${from}": there is ${kinds.join(", ")}`);
}

const commandLine = "the command line";

function readSources(files: readonly string[], options: ImportOptions, words: readonly string[]): Source[] {
  const isCommand = options.command !== undefined || words.length > 0;
  if (isCommand === files.length > 0 || (options.command !== undefined && words.length > 0)) {
    const why = isCommand ? "files and a command line do not go together" : "no file is named";
    throw new FcgiPmError("FCGI_PM_USAGE_WRONG", `Cannot import: ${why}`, { remedy: "fcgi-pm import --help" });
  }
  if (isCommand) return [{ file: commandLine, text: options.command ?? joinWords(words) }];
  return files.map((file) => (file === "-" ? readStdin() : { file: resolve(file), text: readNamed(file) }));
}

function readStdin(): Source {
  return { file: "standard input", text: decode("standard input", readFileSync(0)) };
}

/** Old files are in Latin-1, in their comments at least. Names on the disk would have to be looked at, so it is said. */
function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    process.stderr.write(`warning: ${file} is not UTF-8, and was read as Latin-1: look at its letters beyond ASCII\n`);
    return Buffer.from(bytes).toString("latin1");
  }
}

function readNamed(file: string): string {
  try {
    return decode(file, readFileSync(file));
  } catch (error) {
    const reasons = { ENOENT: "there is no such file", EACCES: "no right to read it", EISDIR: "it is a directory" };
    const code = String((error as NodeJS.ErrnoException).code);
    const why = reasons[code as keyof typeof reasons] ?? code;
    throw new FcgiPmError("FCGI_PM_IMPORT_UNREADABLE", `Cannot read "${file}": ${why}`);
  }
}

/** This machine: its files and its environment. */
async function openWorld(): Promise<World> {
  const { globSync } = await import("tinyglobby");
  return {
    read: (path) => {
      try {
        return decode(path, readFileSync(path));
      } catch {
        return undefined;
      }
    },
    match: (pattern) =>
      isPlain(pattern) ? existing(pattern) : globSync(pattern, { absolute: true, expandDirectories: false }).toSorted(),
    variable: (name) => process.env[name],
    host: hostname(),
  };
}

function isPlain(pattern: string): boolean {
  return !/[*?[\]{}!()]/.test(pattern);
}

function existing(path: string): string[] {
  try {
    return statSync(path).isDirectory() ? [] : [path];
  } catch {
    return [];
  }
}

function nothingFound(sources: readonly Source[], { remarks }: Imported): FcgiPmError {
  const names = sources.map(({ file }) => file).join(", ");
  const reasons = remarks
    .slice(0, 1)
    .map(({ origin, written, why }) => `  ${origin.file}:${origin.line}: ${written}: ${why}`);
  const message = [`Cannot import ${names}: nothing in it starts a FastCGI program`, ...reasons].join("\n");
  const [first] = sources;
  const kind = first === undefined ? undefined : recognise(first.file, first.text);
  const remedy = `import the file that starts the program: docs/${kind === undefined ? pages.command : pages[kind]}.md`;
  return new FcgiPmError("FCGI_PM_IMPORT_EMPTY", message, { remedy });
}

const pages: Readonly<Record<Kind, string>> = {
  supervisord: "coming-from-supervisord",
  apache: "coming-from-mod-fastcgi",
  lighttpd: "coming-from-spawn-fcgi",
  "php-fpm": "coming-from-php-fpm",
  systemd: "coming-from-spawn-fcgi",
  command: "coming-from-spawn-fcgi",
};

/** What is written parses, whatever was read: else it is our bug. */
async function prove(text: string): Promise<void> {
  const { parse } = await import("smol-toml");
  parse(text);
}

function writeOutput(path: string, text: string, mayReplace: boolean): void {
  try {
    const fd = openSync(path, mayReplace ? "w" : "wx");
    try {
      writeFileSync(fd, text);
    } catch (error) {
      // Half a config may be one, with some apps only.
      if (!mayReplace) rmSync(path, { force: true });
      throw error;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EEXIST")
      throw new FcgiPmError("FCGI_PM_IMPORT_OUTPUT_EXISTS", `Cannot write "${path}": it is there already`);
    const reasons = {
      ENOENT: "its directory is not there",
      EACCES: "no right to write it",
      EISDIR: "it is a directory",
    };
    const why = reasons[code as keyof typeof reasons] ?? code;
    throw new FcgiPmError("FCGI_PM_IMPORT_OUTPUT_UNWRITABLE", `Cannot write "${path}": ${why}`);
  }
}

function summary(imported: Imported, output: string | undefined): string {
  const apps = imported.apps.length;
  const lost = countLost(imported);
  const dormant = imported.apps.filter(({ isDormant }) => isDormant).length;
  const what = `imported ${apps} ${apps === 1 ? "app" : "apps"}${dormant === 0 ? "" : `, ${dormant} of them as a comment`}`;
  const rest =
    lost === 0
      ? "every setting has a counterpart"
      : `${lost} ${lost === 1 ? "setting" : "settings"} without a counterpart, each in a comment with its line`;
  const next = output === undefined ? "" : `\n  next: fcgi-pm check ${output}`;
  return `${what}; ${rest}${next}`;
}
