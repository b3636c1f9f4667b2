/** An app that somebody else starts: `external = true`, and where it listens. */
import type { Address } from "./address.ts";
import type { External } from "./app.ts";
import type { AppKeyName } from "./keys.ts";
import { appKeys } from "./keys.ts";
import type { KeyPath } from "./problem.ts";
import type { Place, Table } from "./read.ts";
import { readTable } from "./read.ts";

/** A name may stand in the port: it is looked up when somebody connects, on whatever machine that is. */
const externalKeys = {
  external: appKeys.external,
  socket: appKeys.socket,
  port: { ...appKeys.port, kind: "remote-port" },
} as const;

/** All other keys of an app are about what fcgi-pm starts. */
export const notOfExternal = Object.keys(appKeys).filter((key) => !Object.hasOwn(externalKeys, key)) as AppKeyName[];

const programs: readonly string[] = ["command", "wsgi"];

/** Does the table say so? What is neither true nor false is told as a mistake of this key alone. */
export function isExternal(table: Table): boolean {
  return Object.hasOwn(table, "external") && table["external"] !== false;
}

/** Reads the table of one external app; undefined where something of it is wrong, which has been reported. */
export function readExternal(name: string, table: Table, keyPath: KeyPath, place: Place): External | undefined {
  const report = (key: string, message: string) => place.report([...keyPath, key], message);
  const misplaced = notOfExternal.filter((key) => Object.hasOwn(table, key));
  for (const key of misplaced) report(key, complainOf(key));
  const { external, socket, port } = readTable(externalKeys, without(table, misplaced), keyPath, place);
  const has = (key: string) => Object.hasOwn(table, key);
  if (has("socket") && has("port")) report("port", "cannot stand together with socket: an app has one listener");
  else if (!has("socket") && !has("port")) report("external", nowhere);
  const listen = listenOf(socket, port);
  return external === undefined || listen === undefined ? undefined : { name, listen };
}

function listenOf(path: string | undefined, port: Address | undefined): External["listen"] | undefined {
  if (port !== undefined) return { kind: "tcp", ...port };
  return path === undefined ? undefined : { kind: "unix", path };
}

const nowhere =
  'says that the app listens somewhere already; socket = "/run/app.sock" or port = "app.example.org:9000" says where';

function complainOf(key: string): string {
  return programs.includes(key)
    ? `cannot stand together with external = true: fcgi-pm does not start what is external; leave ${key} or external out`
    : "has no meaning with external = true: set it where the program is started, and leave it out here";
}

function without(table: Table, keys: readonly string[]): Table {
  return Object.fromEntries(Object.entries(table).filter(([key]) => !keys.includes(key)));
}
