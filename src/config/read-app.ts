/** One app's table to an App. */
import type { App, External, Listen } from "./app.ts";
import type { AppValues } from "./app-values.ts";
import { buildApp, layValues, listenOf } from "./app-values.ts";
import { describe, quote } from "./describe.ts";
import { isExternal, readExternal } from "./external.ts";
import { appKeys } from "./keys.ts";
import type { KeyPath } from "./problem.ts";
import type { Place, Table } from "./read.ts";
import { isTable, readTable } from "./read.ts";
import { checkDefaults, checkDelays, checkListener, checkOutput, checkProgram } from "./rules.ts";

/** Where an app is written, and what surrounds it. */
export interface Surroundings {
  readonly place: Place;
  /** The keys that lead to the app's table. Empty for flags. */
  readonly keyPath: KeyPath;
  readonly directory: string;
  readonly defaults: AppValues;
  readonly runtimeDirectory: string;
}

/** What was read. Where something is wrong it has been reported, and what hangs on it is absent. */
export interface ReadApp {
  readonly app: App | undefined;
  /** Instead of an app. */
  readonly external?: External | undefined;
  readonly listen: Listen | undefined;
  readonly outputFile: string | undefined;
}

const noProgram =
  'command is missing, for example command = ["/var/www/app.fcgi"]; or, for Python, wsgi = "yourapplication:app"';

/** What an app may be called. */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Says what is wrong with an app's name; undefined where nothing is. */
export function complainOfName(name: string): string | undefined {
  if (namePattern.test(name)) return undefined;
  return `expected a name of 1 to 64 letters, digits, ".", "_" and "-", a letter or digit first, got ${quote(name)}`;
}

/** Reads the table of one app. */
export function readApp(name: string, table: Table, around: Surroundings): ReadApp {
  const { place, keyPath, defaults } = around;
  if (isExternal(table)) {
    const external = readExternal(name, table, keyPath, place);
    return { app: undefined, external, listen: external?.listen, outputFile: undefined };
  }
  const own = readTable(appKeys, table, keyPath, place);
  const values = layValues(own, defaults);
  const report = (key: string, message: string) => place.report([...keyPath, key], message);
  const has = (key: string) => Object.hasOwn(table, key);
  checkProgram(has, values.listen, report);
  checkListener(has, values.listen, report);
  checkOutput(has, report);
  checkDelays(own, defaults, report);
  if (!has("command") && !has("wsgi")) place.report(keyPath, noProgram);
  const listen = isListenKnown(table, own) ? listenOf(values, `${around.runtimeDirectory}/${name}.sock`) : undefined;
  const outputFile = own["output-file"];
  const isWhole = (own.command ?? own.wsgi) !== undefined && listen !== undefined;
  const app = isWhole ? buildApp(name, around.directory, listen, values) : undefined;
  return { app, listen, outputFile };
}

/** Reads [defaults]. */
export function readDefaults(value: unknown, place: Place): AppValues {
  if (value === undefined) return {};
  if (!isTable(value)) {
    place.report(["defaults"], `expected a table such as [defaults] with user = "www-data", got ${describe(value)}`);
    return {};
  }
  const report = (key: string, message: string) => place.report(["defaults", key], message);
  checkDefaults((key) => Object.hasOwn(value, key), report);
  const values = readTable(appKeys, value, ["defaults"], place);
  checkDelays(values, {}, report);
  return withoutOwn(values);
}

/** What stands in [defaults] by mistake is told, and forgotten. */
function withoutOwn(values: AppValues): AppValues {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !("own" in appKeys[name as keyof AppValues])));
}

/** Was everything right that says where the app listens? */
function isListenKnown(table: Table, own: AppValues): boolean {
  return (["listen", "socket", "port"] as const).every((key) => own[key] !== undefined || !Object.hasOwn(table, key));
}
