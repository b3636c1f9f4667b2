/** Files and flags to apps, or every complaint at once. */
import type { App, Config, ManagerWish } from "./app.ts";
import type { AppValues } from "./app-values.ts";
import { withoutUndefined } from "./app-values.ts";
import { describe } from "./describe.ts";
import { tableOfFlags } from "./flags.ts";
import { appKeys, fileKeys, managerKeys } from "./keys.ts";
import { locateProblems } from "./locate.ts";
import type { KeyPath, Problem } from "./problem.ts";
import { ConfigError } from "./problem.ts";
import type { KeyTable, Place, Table, Values } from "./read.ts";
import { isTable, readTable, readValue } from "./read.ts";
import { complainOfName, readApp, readDefaults } from "./read-app.ts";
import type { Found } from "./rivals.ts";
import { checkLog, checkManager, checkTogether } from "./rivals.ts";
import { complainOfUnknownKey, topNames } from "./suggest.ts";
import type { ConfigFile } from "./toml.ts";
import { parseToml } from "./toml.ts";

export type { ConfigFile } from "./toml.ts";

/** What only the shell knows. */
export interface ParseContext {
  /** Where the sockets of apps lie that name none. */
  readonly runtimeDirectory: string;
  /** Where relative names in flags start. */
  readonly directory: string;
  /** `relative` as seen from `base`, absolute and normalized; an absolute `relative` stays itself. */
  resolvePath(base: string, relative: string): string;
  directoryOf(file: string): string;
}

/** The values of flags, by the key's name (`listen-queue-depth`) or in camel case. Flags that are no keys are passed over. */
export type Flags = Readonly<Record<string, unknown>>;

/** One file while it is read. */
interface Source extends Place {
  readonly path: string;
  readonly directory: string;
  readonly table: Table;
}

/**
 * What the files want. The first is the main file; the others came from its `include` patterns and hold apps only.
 * Throws one ConfigError with every problem of every file, each with its line.
 */
export async function parseConfig(files: readonly ConfigFile[], context: ParseContext): Promise<Config> {
  const problems: Problem[] = [];
  const sources = files.flatMap((file) => openSource(file, context, problems));
  const main = sources.find((source) => source.path === files[0]?.path);
  const manager = main === undefined ? readManager(undefined, noPlace) : readManager(main.table["manager"], main);
  const config: Config = { manager, ...readSources(sources, main, manager, context) };
  // A file that could not be read may hold apps, and one that has the key "apps" has been told what is wrong with it.
  const isBare = sources.length === files.length && sources.every(({ table }) => !Object.hasOwn(table, "apps"));
  if (isBare) problems.push({ ...(main === undefined ? {} : { file: main.path }), keyPath: [], message: noApp });
  if (problems.length > 0) throw new ConfigError(await locateProblems(problems, files));
  return config;
}

/** The include patterns of a main file, as they are written. A file that is wrong has none: parseConfig says what is wrong. */
export function includesOf(file: ConfigFile): string[] {
  const parsed = parseToml(file);
  if ("problem" in parsed || !Object.hasOwn(parsed.table, "include")) return [];
  return readValue(fileKeys.include, parsed.table["include"], ["include"], noPlace) ?? [];
}

/** The one app of a command line: a program, or without words the WSGI application of the flags. Throws a ConfigError (FCGI_PM_USAGE_WRONG) with every problem of the flags. */
export function appFromFlags(name: string, command: readonly string[], flags: Flags, context: ParseContext): App {
  return fromFlags(context, (place) => {
    const complaint = complainOfName(name);
    if (complaint !== undefined) place.report(["name"], complaint);
    const given = readFlags(appKeys, flags, place);
    const table = command.length === 0 && Object.hasOwn(given, "wsgi") ? given : { ...given, command };
    const { directory, runtimeDirectory } = context;
    return readApp(name, table, { place, keyPath: [], directory, defaults: {}, runtimeDirectory }).app;
  });
}

/** What flags say of the manager, over what a file says. It must not want what one of its apps has. */
export function managerFromFlags(
  flags: Flags,
  context: ParseContext,
  base: ManagerWish = { logFormat: "auto" },
  apps: readonly App[] = [],
): ManagerWish {
  return fromFlags(context, (place) => {
    const values = readTable(managerKeys, readFlags(managerKeys, flags, place), [], place);
    const manager = { ...base, ...managerWish(values) };
    checkManager(manager, apps, place.report);
    return manager;
  });
}

const noApp = 'no app is configured: add a table such as [apps.blog] with command = ["/var/www/blog/app.fcgi"]';
const noPlace: Place = { report: () => undefined, resolve: (path) => path };

function fromFlags<T>(context: ParseContext, read: (place: Place) => T | undefined): T {
  const problems: Problem[] = [];
  const value = read({
    report: (keyPath, message) => problems.push({ keyPath, message }),
    resolve: (path) => context.resolvePath(context.directory, path),
  });
  if (problems.length > 0 || value === undefined) throw new ConfigError(problems);
  return value;
}

function readFlags(keys: KeyTable, flags: Flags, place: Place): Table {
  return tableOfFlags(keys, flags, (name, message) => place.report([name], message));
}

function openSource(file: ConfigFile, context: ParseContext, problems: Problem[]): Source[] {
  const parsed = parseToml(file);
  if ("problem" in parsed) {
    problems.push(parsed.problem);
    return [];
  }
  // Of "fcgi-pm.toml" it is ".", which would be another directory for whoever reads the file again by its whole path.
  const directory = context.resolvePath(context.directory, context.directoryOf(file.path));
  const report = (keyPath: KeyPath, message: string) => problems.push({ file: file.path, keyPath, message });
  return [
    {
      path: file.path,
      directory,
      table: parsed.table,
      report,
      resolve: (path) => context.resolvePath(directory, path),
    },
  ];
}

function readSources(
  sources: readonly Source[],
  main: Source | undefined,
  manager: ManagerWish,
  context: ParseContext,
): Pick<Config, "apps" | "externals"> {
  for (const source of sources) checkTop(source, source === main, main);
  const defaults = main === undefined ? {} : readDefaults(main.table["defaults"], main);
  const found = sources.flatMap((source) => readApps(source, defaults, context));
  checkTogether(found, manager);
  return {
    apps: found.flatMap(({ app }) => app ?? []),
    externals: found.flatMap(({ external }) => external ?? []),
  };
}

function checkTop(source: Source, isMain: boolean, main: Source | undefined): void {
  if (isMain && Object.hasOwn(source.table, "include")) {
    readValue(fileKeys.include, source.table["include"], ["include"], source);
  }
  const valid = isMain ? topNames : ["apps"];
  for (const name of Object.keys(source.table).filter((key) => !valid.includes(key))) {
    const misplaced = !isMain && topNames.includes(name);
    const move = `an included file holds tables [apps.NAME] only; move this to ${main?.path ?? "the main file"}`;
    source.report([name], misplaced ? move : complainOfUnknownKey(name, valid));
  }
}

function readManager(value: unknown, place: Place): ManagerWish {
  if (value !== undefined && !isTable(value)) {
    place.report(["manager"], `expected a table such as [manager] with log-format = "json", got ${describe(value)}`);
  }
  const values = isTable(value) ? readTable(managerKeys, value, ["manager"], place) : {};
  const manager: ManagerWish = { logFormat: "auto", ...managerWish(values) };
  checkLog(manager, (message) => place.report(["manager", "log-format"], message));
  return manager;
}

function managerWish(values: Values<typeof managerKeys>): Partial<ManagerWish> {
  const { "log-format": logFormat, "log-file": logFile, control, "exit-on": exitOn, subreaper } = values;
  return withoutUndefined({ logFormat, logFile, control, exitOn, subreaper });
}

function readApps(source: Source, defaults: AppValues, context: ParseContext): Found[] {
  if (!Object.hasOwn(source.table, "apps")) return [];
  const apps = source.table["apps"];
  const isEmpty = isTable(apps) && Object.keys(apps).length === 0;
  if (!isTable(apps) || isEmpty) {
    source.report(["apps"], `expected tables such as [apps.blog], got ${isEmpty ? "an empty table" : describe(apps)}`);
    return [];
  }
  return Object.entries(apps).map(([name, table]) => readOne(name, table, source, defaults, context));
}

function readOne(name: string, table: unknown, source: Source, defaults: AppValues, context: ParseContext): Found {
  const keyPath = ["apps", name];
  if (!isTable(table)) {
    const hint = Object.hasOwn(appKeys, name) ? "; an app has a name: put its keys under [apps.NAME]" : "";
    source.report(keyPath, `expected a table, got ${describe(table)}${hint}`);
    return { source, keyPath, listen: undefined, outputFile: undefined, app: undefined };
  }
  const complaint = complainOfName(name);
  if (complaint !== undefined) source.report(keyPath, complaint);
  const { directory } = source;
  const read = readApp(name, table, {
    place: source,
    keyPath,
    directory,
    defaults,
    runtimeDirectory: context.runtimeDirectory,
  });
  return { source, keyPath, ...read };
}
