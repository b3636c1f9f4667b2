/** Checked values to an App: defaults filled in, layers laid over each other. */
import { parseDuration, parseMode, parseSize } from "../units.ts";
import type { App, Listen } from "./app.ts";
import type { Key, Kind } from "./keys.ts";
import { appKeys } from "./keys.ts";
import type { Values } from "./read.ts";

export type AppValues = Values<typeof appKeys>;

type WithDefault = {
  [N in keyof typeof appKeys]: (typeof appKeys)[N] extends { default: string } ? N : never;
}[keyof typeof appKeys];
type FullValues = AppValues & Required<Pick<AppValues, WithDefault>>;

let builtIn: FullValues | undefined;

/** The values of an app over those of [defaults] over the built-in ones; env and rlimits are merged name by name. */
export function layValues(own: AppValues, defaults: AppValues): FullValues {
  builtIn ??= readBuiltIn();
  const env = { ...defaults.env, ...own.env };
  return { ...builtIn, ...defaults, ...own, env, rlimits: { ...defaults.rlimits, ...own.rlimits } };
}

/** Where the app listens. */
export function listenOf(values: AppValues, defaultSocket: string): Listen {
  if (values.listen === false) return { kind: "none" };
  if (values.port !== undefined) return { kind: "tcp", ...values.port };
  return { kind: "unix", path: values.socket ?? defaultSocket };
}

/** The app of these values. */
export function buildApp(name: string, directory: string, listen: Listen, values: FullValues): App {
  return {
    name,
    ...programOf(values),
    directory,
    listen,
    ...listenerOf(values, listen),
    ...lifeOf(values),
    ...outputOf(values),
    ...withoutUndefined({ cwd: values.cwd, user: values.user, group: values.group, priority: values.priority }),
    umask: values.umask,
    env: values.env ?? {},
    envFile: values["env-file"] ?? [],
    passEnv: values["pass-env"] ?? [],
    rlimits: values.rlimits ?? {},
  };
}

function programOf(values: FullValues) {
  const { command, wsgi, python, "script-name": scriptName } = values;
  if (wsgi === undefined) return { ...withoutUndefined({ command }), threads: 1, lighttpdRootFix: false };
  return {
    ...withoutUndefined({ wsgi, python, scriptName }),
    threads: values.threads,
    lighttpdRootFix: values["lighttpd-root-fix"],
  };
}

function listenerOf(values: FullValues, listen: Listen) {
  return {
    listenQueueDepth: values["listen-queue-depth"],
    socketMode: values["socket-mode"],
    ...withoutUndefined({ socketOwner: values["socket-owner"] }),
    // From [defaults] it may reach an app on a Unix socket, where it means nothing.
    allowedClients: listen.kind === "tcp" ? (values["allowed-clients"] ?? []) : [],
  };
}

function lifeOf(values: FullValues) {
  return {
    processes: values.processes,
    initStartDelayMs: values["init-start-delay"],
    startTimeoutMs: values["start-timeout"],
    startGraceMs: values["start-grace"],
    minServerLifeMs: values["min-server-life"],
    restartDelayMs: values["restart-delay"],
    maxRestartDelayMs: values["max-restart-delay"],
    stopSignal: values["stop-signal"],
    stopTimeoutMs: values["stop-timeout"],
    drain: values.drain,
    drainTimeoutMs: values["drain-timeout"],
    watch: values.watch ?? [],
  };
}

function outputOf(values: FullValues) {
  return {
    ...withoutUndefined({ outputFile: values["output-file"], outputMaxAgeMs: values["output-max-age"] }),
    outputMaxSize: values["output-max-size"],
    outputKeep: values["output-keep"],
  };
}

/** The defaults of the key table. Not by way of the schemas: building them all would take ten times as long as the rest of a start. */
function readBuiltIn(): FullValues {
  const read = Object.entries<Key>(appKeys).flatMap(([name, key]) =>
    key.default === undefined ? [] : [[name, readDefault(key.kind, key.default)]],
  );
  return Object.fromEntries(read) as FullValues;
}

function readDefault(kind: Kind, text: string): unknown {
  switch (kind) {
    case "duration":
      return parseDuration(text);
    case "mode":
      return parseMode(text);
    case "size":
      return parseSize(text);
    case "integer":
      return Number(text);
    case "boolean":
      return text === "true";
    default:
      return text;
  }
}

type Present<T> = { [N in keyof T]?: Exclude<T[N], undefined> };

/** Only what has a value: the fields of an App and of a ManagerWish are there, or not. */
export function withoutUndefined<T extends object>(values: T): Present<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Present<T>;
}
