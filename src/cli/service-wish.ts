/** A config as a service of the machine: what `generate systemd`, `generate sysv` and `install` have to know of it. */
import { realpathSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { App, Config, Listen } from "../config/app.ts";
import { FcgiPmError } from "../errors.ts";
import type { Service, ServicePlaces, ServiceSocket } from "../generate/deployment.ts";
import { planApp } from "../manager/plan.ts";
import { plainName } from "../plain-name.ts";
import { findConfig, loadConfig } from "./context.ts";
import { ownerOf, userOf } from "./service-user.ts";

export interface ServiceWish {
  readonly service: Service;
  readonly config: Config;
}

export interface WishOptions {
  readonly config?: string;
  /** For the systemd of a user. */
  readonly user?: boolean;
  /** systemd opens the listeners. */
  readonly socketUnit?: boolean;
  /** Node and the script of fcgi-pm; those that run now, if it is left out. */
  readonly program?: readonly [string, string] | undefined;
}

/** `/etc/fcgi-pm/fcgi-pm.toml` is run by the service fcgi-pm, `blog.toml` by fcgi-pm-blog. */
export function serviceNameOf(config: string): string {
  const name = plainName(basename(config, ".toml"));
  return name === "fcgi-pm" ? name : `fcgi-pm-${name || "config"}`;
}

/** Reads the config with the runtime directory that the service will have; from here on it is this process's own, too. */
export async function wishService(options: WishOptions): Promise<ServiceWish> {
  const path = resolve(findConfig(options.config, "name it: --config FILE"));
  process.env["RUNTIME_DIRECTORY"] = runtimeOf(path, options);
  return readWish(path, options);
}

/** The same of the config at `path`, which is absolute; nothing of this process is changed. */
export async function readWish(path: string, options: WishOptions): Promise<ServiceWish> {
  const config = await loadConfig(path, runtimeOf(path, options));
  refuseNothing(config.apps.length, path);
  return { config, service: await serviceOf(path, config, options) };
}

function runtimeOf(path: string, { user }: WishOptions): string {
  return `${runtimeBase(user === true)}/${serviceNameOf(path)}`;
}

/** What systemd makes runtime directories in: `%t`. */
function runtimeBase(isUser: boolean): string {
  if (!isUser) return "/run";
  return process.env["XDG_RUNTIME_DIR"] || `/run/user/${process.getuid?.() ?? 0}`;
}

/** Node and the script that runs now, by the name it was called by: a link outlives the next version. */
function ownProgram(): readonly [string, string] {
  const [node = "", script = ""] = process.argv;
  return [node, script];
}

async function serviceOf(path: string, config: Config, options: WishOptions): Promise<Service> {
  const { apps, manager } = config;
  const sockets = apps.flatMap((app) => socketOf(app, options));
  const openFiles = mostFiles(apps);
  const { program = ownProgram(), socketUnit = false } = options;
  const runtime = runtimeOf(path, options);
  return {
    name: serviceNameOf(path),
    program,
    config: path,
    ...(manager.control === undefined ? {} : { control: manager.control }),
    user: options.user === true ? { kind: "session" } : userOf({ config, path, runtime, socketUnit }),
    sockets,
    places: await placesOf(config, runtime, [path, ...program]),
    workers: apps.reduce((sum, { processes }) => sum + processes, 0),
    startMs: Math.max(0, ...apps.map((app) => app.startTimeoutMs + app.initStartDelayMs * (app.processes - 1))),
    stopMs: Math.max(0, ...apps.map((app) => app.drainTimeoutMs + app.stopTimeoutMs)),
    ...(openFiles === undefined ? {} : { openFiles }),
    setsPriority: apps.some(({ priority }) => priority !== undefined),
    passesEnvironment: apps.some(({ passEnv }) => passEnv.length > 0),
  };
}

/** What nothing is known of: any config, in time. */
export function templateService(): Service {
  return {
    name: "fcgi-pm@",
    program: ownProgram(),
    user: { kind: "root", reasons: ["a config may name several users"], capabilities: [] },
    sockets: [],
    places: { read: withTargets(ownProgram()), written: ["/run"], homes: ["/opt", "/mnt"], logs: [] },
    workers: 0,
    startMs: 60_000,
    stopMs: 70_000,
    setsPriority: false,
    passesEnvironment: true,
  };
}

function mostFiles(apps: readonly App[]): number | "unlimited" | undefined {
  const wanted = apps.flatMap(({ rlimits }) => rlimits.nofile ?? []);
  if (wanted.length === 0) return undefined;
  return wanted.includes("unlimited") ? "unlimited" : Math.max(...wanted.map(Number));
}

function socketOf(app: App, { user }: WishOptions): ServiceSocket[] {
  if (app.listen.kind === "none") return [];
  const owner = user === true ? {} : ownerOf(app);
  return [{ app: app.name, listen: app.listen, backlog: app.listenQueueDepth, mode: app.socketMode, ...owner }];
}

/** `own`: files of the service itself. */
async function placesOf({ apps, manager }: Config, runtime: string, own: readonly string[]): Promise<ServicePlaces> {
  const logs = [manager.logFile, ...apps.map(({ outputFile }) => outputFile)].flatMap((path) =>
    path === undefined ? [] : [dirname(path)],
  );
  const sockets = [...apps.flatMap(({ listen }) => directoryOf(listen)), ...controlOf(manager.control)];
  const isMade = (directory: string) => /^\/var\/log\/[^/]+$/.test(directory);
  const files = (await Promise.all(apps.map(filesOf))).flat();
  return {
    read: withTargets([...own, ...files]),
    written: unique([...sockets.filter((path) => path !== runtime), ...logs]),
    homes: unique(apps.flatMap(homeOf)),
    logs: unique(logs.filter(isMade)),
  };
}

function directoryOf(listen: Listen): string[] {
  return listen.kind === "unix" ? [dirname(listen.path)] : [];
}

function controlOf(control: string | undefined): string[] {
  return control === undefined ? [] : [dirname(control)];
}

/** Whatever has to be there for the app: its program as it is found, its arguments, its environment. */
async function filesOf(app: App): Promise<string[]> {
  const { command, python, cwd, directory, envFile, watch } = app;
  const words = [...(command ?? []), ...(python === undefined ? [] : [python])].filter((word) => word.includes("/"));
  const named = [...words, ...(cwd === undefined ? [] : [cwd]), ...envFile, ...watch];
  return [...named.map((path) => resolve(directory, path)), ...(await foundOf(app))];
}

/** Looked up in PATH, perhaps: not in that of this shell, which the service will not have. A config for another machine names what is not here. */
async function foundOf(app: App): Promise<string[]> {
  try {
    const { program } = await planApp(app, { ...process.env, PATH: undefined });
    return [program.path, program.cwd, ...program.args.filter((word) => word.startsWith("/")), ...program.sources];
  } catch (error) {
    if (error instanceof FcgiPmError) return [];
    throw error;
  }
}

/** Links lead elsewhere: both ends have to be seen. */
function withTargets(paths: readonly string[]): string[] {
  return unique(
    paths.flatMap((path) => {
      try {
        return [path, realpathSync(path)];
      } catch {
        return [path];
      }
    }),
  );
}

/** Where the app lies, and its data perhaps; a program of the system has none there. */
function homeOf({ command, cwd, directory }: App): string[] {
  const [program = ""] = command ?? [];
  const ofProgram = program.includes("/") ? dirname(resolve(directory, program)) : undefined;
  const home = cwd ?? (command === undefined ? directory : ofProgram);
  return home === undefined || /^\/(usr|bin|sbin|lib\w*|etc|$)(\/|$)/.test(home) || home === "/" ? [] : [home];
}

const unique = (paths: readonly string[]): string[] => [...new Set(paths)];

/** One app alone is no service: a config is one. */
export function refuseOneOfSeveral(app: string | undefined, config: Config): void {
  if (app === undefined) return;
  const names = config.apps.map(({ name }) => name);
  if (!names.includes(app)) {
    const message = `There is no app "${app}" in the config: there is ${names.join(", ")}`;
    throw new FcgiPmError("FCGI_PM_APP_UNKNOWN", message, { remedy: "name one of these, or none" });
  }
  if (names.length === 1) return;
  throw new FcgiPmError(
    "FCGI_PM_USAGE_WRONG",
    `Cannot make a service of ${app} alone: the config has ${names.length} apps, and its manager runs them all`,
    {
      remedy: `leave ${app} out, or give it a config of its own: /etc/fcgi-pm/${app}.toml, and fcgi-pm generate systemd --template`,
    },
  );
}

function refuseNothing(apps: number, config: string): void {
  if (apps > 0) return;
  throw new FcgiPmError("FCGI_PM_CONFIG_WRONG", `Cannot make a service of ${config}: there is no app in it to start`);
}
