/** Files and flags to apps, or every complaint at once. */
import type { App, Config, Listen, ManagerWish } from "./app.ts";
import type { AppValues } from "./app-values.ts";
import { describe } from "./describe.ts";
import { tableOfFlags } from "./flags.ts";
import { appKeys, fileKeys, managerKeys } from "./keys.ts";
import { locateProblems } from "./locate.ts";
import type { KeyPath, Problem } from "./problem.ts";
import { ConfigError, formatKeyPath } from "./problem.ts";
import type { KeyTable, Place, Table } from "./read.ts";
import { isTable, readTable, readValue } from "./read.ts";
import { complainOfName, readApp, readDefaults } from "./read-app.ts";
import { isSameListener } from "./rules.ts";
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

/** An app that was found, and where. */
interface Found {
  readonly source: Source;
  readonly keyPath: KeyPath;
  readonly listen: Listen | undefined;
  readonly app: App | undefined;
}

/**
 * What the files want. The first is the main file; the others came from its `include` patterns and hold apps only.
 * Throws one ConfigError with every problem of every file, each with its line.
 */
export async function parseConfig(files: readonly ConfigFile[], context: ParseContext): Promise<Config> {
  const problems: Problem[] = [];
  const sources = files.flatMap((file) => openSource(file, context, problems));
  const main = sources.find((source) => source.path === files[0]?.path);
  const config: Config = {
    manager: main === undefined ? readManager(undefined, noPlace) : readManager(main.table["manager"], main),
    apps: readSources(sources, main, context),
  };
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

/** The one app of a command line. Throws a ConfigError (FCGI_PM_USAGE_WRONG) with every problem of the flags. */
export function appFromFlags(name: string, command: readonly string[], flags: Flags, context: ParseContext): App {
  return fromFlags(context, (place) => {
    const complaint = complainOfName(name);
    if (complaint !== undefined) place.report(["name"], complaint);
    const table = { ...readFlags(appKeys, flags, place), command };
    const { directory, runtimeDirectory } = context;
    return readApp(name, table, { place, keyPath: [], directory, defaults: {}, runtimeDirectory }).app;
  });
}

/** What flags say of the manager, over what a file says. */
export function managerFromFlags(
  flags: Flags,
  context: ParseContext,
  base: ManagerWish = { logFormat: "auto" },
): ManagerWish {
  return fromFlags(context, (place) => ({
    ...base,
    ...managerWish(readTable(managerKeys, readFlags(managerKeys, flags, place), [], place)),
  }));
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
  const directory = context.directoryOf(file.path);
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

function readSources(sources: readonly Source[], main: Source | undefined, context: ParseContext): App[] {
  for (const source of sources) checkTop(source, source === main, main);
  const defaults = main === undefined ? {} : readDefaults(main.table["defaults"], main);
  const found = sources.flatMap((source) => readApps(source, defaults, context));
  checkTogether(found);
  return found.flatMap(({ app }) => app ?? []);
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
  return { logFormat: "auto", ...managerWish(values) };
}

function managerWish(values: { "log-format"?: ManagerWish["logFormat"]; "log-file"?: string }): Partial<ManagerWish> {
  const { "log-format": logFormat, "log-file": logFile } = values;
  return { ...(logFormat === undefined ? {} : { logFormat }), ...(logFile === undefined ? {} : { logFile }) };
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
    return { source, keyPath, listen: undefined, app: undefined };
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

/** No two apps have one name or one listener. The later one is told. */
function checkTogether(found: readonly Found[]): void {
  for (const [index, one] of found.entries()) {
    const earlier = found.slice(0, index);
    const namesake = earlier.find((other) => formatKeyPath(other.keyPath) === formatKeyPath(one.keyPath));
    const rival = earlier.find(
      ({ listen }) => listen !== undefined && one.listen !== undefined && isSameListener(listen, one.listen),
    );
    if (namesake !== undefined)
      one.source.report(one.keyPath, `an app of this name stands in ${namesake.source.path}, too`);
    else if (rival !== undefined) reportRival(one, rival);
  }
}

function reportRival(one: Found, rival: Found): void {
  const where = rival.source === one.source ? "" : ` in ${rival.source.path}`;
  const key = one.listen?.kind === "tcp" ? "port" : "socket";
  one.source.report(
    [...one.keyPath, key],
    `${formatKeyPath(rival.keyPath)}${where} listens there already; an app needs its own`,
  );
}
