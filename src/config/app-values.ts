/** Checked values to an App: defaults filled in, layers laid over each other. */
import type { App, Listen } from "./app.ts";
import { valueOfFlag } from "./flags.ts";
import type { Key } from "./keys.ts";
import { appKeys } from "./keys.ts";
import type { Place, Values } from "./read.ts";
import { readValue } from "./read.ts";

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
export function buildApp(
  name: string,
  command: App["command"],
  directory: string,
  listen: Listen,
  values: FullValues,
): App {
  return {
    name,
    command,
    directory,
    listen,
    ...listenerOf(values, listen),
    ...lifeOf(values),
    ...withoutUndefined({ cwd: values.cwd, user: values.user, group: values.group, priority: values.priority }),
    umask: values.umask,
    env: values.env ?? {},
    envFile: values["env-file"] ?? [],
    passEnv: values["pass-env"] ?? [],
    rlimits: values.rlimits ?? {},
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
  };
}

/** The defaults of the key table go through the same checks as what people write. */
function readBuiltIn(): FullValues {
  const place: Place = { resolve: (path) => path, report: (path, message) => raise(path.join("."), message) };
  const read = Object.entries<Key>(appKeys).flatMap(([name, key]) => {
    if (key.default === undefined) return [];
    const value = valueOfFlag(key, key.default, (message) => raise(name, message));
    return [[name, readValue(key, value, [name], place)]];
  });
  return Object.fromEntries(read) as FullValues;
}

function raise(key: string, message: string): never {
  throw new Error(`The default of ${key} is wrong: ${message}`);
}

type Present<T> = { [N in keyof T]?: Exclude<T[N], undefined> };

function withoutUndefined<T extends object>(values: T): Present<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Present<T>;
}
