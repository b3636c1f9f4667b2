/** The apps that a web server is to serve, as their config says, or else as running managers say. */
import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { App, Config, External, Owner } from "../config/app.ts";
import { FcgiPmError } from "../errors.ts";
import type { WebAddress, WebApp, WebRights } from "../generate/web-site.ts";
import type { AppStatus, Status } from "../observe/status.ts";
import { ownGroupOf } from "../os/identity.ts";
import { isModule } from "../os/node-module.ts";
import { findConfig, loadConfig } from "./context.ts";
import type { WebOptions } from "./generate-web-options.ts";
import { find } from "./managers.ts";

/** All but the kind of program, which depends on what was typed, too. */
export interface Served extends Omit<WebApp, "program"> {
  readonly command: readonly string[] | undefined;
  /** Where it was configured. */
  readonly cwd: string | undefined;
  readonly scriptName: string | undefined;
  /** Files that are for nobody, wherever they lie. */
  readonly private: readonly string[];
}

/** The one that is named, or all that listen. A config is asked first, as for `request --config`. */
export async function appsToServe(name: string | undefined, options: WebOptions): Promise<Served[]> {
  const found = options.control === undefined ? await configured(options.config) : undefined;
  if (found === undefined) return running(name, options.control);
  return choose(name, ofConfig(found.config, found.file), `in ${found.file}`);
}

/** Undefined: nobody named a config, and none is at the usual places. */
async function configured(named: string | undefined) {
  let file: string;
  try {
    file = findConfig(named);
  } catch {
    return undefined;
  }
  return { file, config: await loadConfig(file) };
}

/** An app, or none where it has no listener. */
interface Known {
  readonly name: string;
  readonly served: Served | undefined;
}

function ofConfig({ manager, apps, externals }: Config, file: string): Known[] {
  const own = apps.map((app) => ({ name: app.name, served: app.listen.kind === "none" ? undefined : fromConfig(app) }));
  const others = externals.map((external) => ({ name: external.name, served: fromExternal(external) }));
  const files = [resolve(file), ...(manager.logFile === undefined ? [] : [resolve(manager.logFile)])];
  return [...own, ...others].map(({ name, served }) => ({
    name,
    served: served && { ...served, private: [...files, ...served.private] },
  }));
}

async function running(name: string | undefined, control: string | undefined): Promise<Served[]> {
  const { managers, failed } = await find(control);
  if (managers.length === 0) throw failed[0]?.error ?? nothingThere();
  const known = (
    await Promise.all(managers.map(({ status }) => withConfig(toldBy(status), status.manager.config)))
  ).flat();
  return choose(name, known, "running");
}

function nothingThere(): FcgiPmError {
  return new FcgiPmError(
    "FCGI_PM_CONFIG_MISSING",
    "No app to serve: there is neither ./fcgi-pm.toml nor /etc/fcgi-pm/fcgi-pm.toml, and no manager is running",
    { remedy: "name a config: --config FILE, or start the app first" },
  );
}

/** Of an app that the manager only knows of, it tells no more than the address. */
type Told = Pick<AppStatus, "app" | "address"> & { readonly wanted?: number };

function toldBy({ apps, externals = [] }: Status): Told[] {
  return [...apps, ...externals];
}

/** A manager does not tell what its apps are, but its config does. */
async function withConfig(apps: readonly Told[], config: string | null): Promise<Known[]> {
  const wishes = config === null || !existsSync(config) ? [] : ofConfig(await loadConfig(config), config);
  return apps.map((status) => {
    const wish = wishes.find(({ name }) => name === status.app);
    return wish ?? { name: status.app, served: fromStatus(status) };
  });
}

function choose(name: string | undefined, all: readonly Known[], where: string): Served[] {
  const named = name === undefined ? all : all.filter((app) => app.name === name);
  const known = all.map((app) => app.name).join(", ");
  if (named.length === 0)
    throw new FcgiPmError("FCGI_PM_APP_UNKNOWN", `There is no app "${name}" ${where}, only ${known || "none"}`);
  const listening = named.flatMap(({ served }) => served ?? []);
  if (listening.length > 0) return listening;
  const what = name === undefined ? `No app ${where} has a listener` : `${name} has no listener`;
  throw new FcgiPmError("FCGI_PM_LISTENER_MISSING", `Cannot put a web server before it: ${what}`);
}

/** An app is given up by nginx and Apache after a minute of silence, or when a worker that drains would be. */
const usualPatienceSeconds = 60;

function fromConfig(app: App): Served {
  const { name, listen, command, cwd, scriptName } = app;
  return {
    name,
    ...reachable(listen),
    command,
    cwd,
    scriptName: scriptName?.replace(/\/+$/, ""),
    ...connectionsOf(app),
    patienceSeconds: Math.max(usualPatienceSeconds, Math.ceil(longestRequestMs(app) / 1000)),
    rights: listen.kind === "unix" ? rightsOf(app) : undefined,
    private: privateOf(app),
  };
}

/** How long a worker that is to leave has for its request. */
function longestRequestMs({ drain, drainTimeoutMs, stopTimeoutMs }: App): number {
  return drain === "signal" ? Math.max(drainTimeoutMs, stopTimeoutMs) : drainTimeoutMs;
}

function privateOf({ directory, command, envFile, outputFile }: App): string[] {
  const program = command?.[0]?.includes("/") === true ? command.slice(0, 1) : [];
  const output = outputFile === undefined ? [] : [outputFile];
  return [...program, ...envFile, ...output].map((file) => resolve(directory, file));
}

/** Somebody else's: what it is, and how much it takes, is not known. */
function fromExternal({ name, listen }: External): Served {
  return { name, ...reachable(listen), ...unknown };
}

const unknown = {
  command: undefined,
  cwd: undefined,
  scriptName: undefined,
  connections: undefined,
  keepsConnections: false,
  patienceSeconds: usualPatienceSeconds,
  rights: undefined,
  private: [],
} as const;

/** Ours and PHP's are known to leave a kept connection open; a module of Node takes as many as come. */
function connectionsOf({
  command,
  directory,
  wsgi,
  threads,
  processes,
}: App): Pick<Served, "connections" | "keepsConnections"> {
  if (wsgi !== undefined) return { connections: processes * threads, keepsConnections: true };
  const [program = ""] = command ?? [];
  if (isModule(resolve(directory, program))) return { connections: "any", keepsConnections: true };
  return { connections: processes, keepsConnections: /^php[\d.]*-cgi[\d.]*$/.test(basename(program)) };
}

function rightsOf({ socketMode, socketOwner = {}, user, group }: App): WebRights {
  const { user: owner, group: ofSocket } = socketOwner as Owner;
  return {
    mode: socketMode,
    user: owner ?? user,
    group: ofSocket ?? group ?? (user === undefined ? undefined : ownGroupOf(user)),
  };
}

function fromStatus({ app, address, wanted = 0 }: Told): Served | undefined {
  if (address === null) return undefined;
  const listen = address.startsWith("/") ? ({ kind: "unix", path: address } as const) : tcp(address);
  return { name: app, ...reachable(listen), ...unknown, connections: wanted === 0 ? undefined : wanted };
}

/** A status has host:port, with an IPv6 address in brackets. */
function tcp(address: string): WebAddress {
  const [, host = "", port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  return { kind: "tcp", host, port: Number(port) };
}

/** Nobody can connect to "every address": the web server takes that of its own machine. */
function reachable(listen: App["listen"]): { listen: WebAddress; listensEverywhere: boolean } {
  if (listen.kind === "none") throw new TypeError("An app without a listener is no app to serve");
  if (listen.kind === "unix") return { listen, listensEverywhere: false };
  const own = { "0.0.0.0": "127.0.0.1", "::": "::1" }[listen.host];
  return { listen: { ...listen, host: own ?? listen.host }, listensEverywhere: own !== undefined };
}
