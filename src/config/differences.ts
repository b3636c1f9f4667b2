/** Every field of an App, and what a reload has to do where it differs. A field that is forgotten here does not compile. */
import type { App, Owner } from "./app.ts";
import type { Tell } from "./difference-words.ts";
import {
  tellChoice,
  tellCommand,
  tellDuration,
  tellListen,
  tellMode,
  tellNames,
  tellNumber,
  tellPaths,
  tellRlimits,
  tellSize,
  tellText,
} from "./difference-words.ts";

/** An app, and what the shell has made of it. */
export interface Facts {
  readonly app: App;
  /** What its workers get, env-files already read. */
  readonly environment: Readonly<Record<string, string>>;
  /** A fingerprint of the program file and of what it runs. */
  readonly program: string;
  /** The workers' uid, gid and groups, as they were looked up. */
  readonly identity: string;
  /** The numbers of the socket's owner. */
  readonly owner: string;
}

/** What has to be done. */
export interface Effects {
  /** Its workers have to be replaced. */
  readonly rolls: boolean;
  /** Its listener is another one. Its workers are then new anyway, so it does not roll as well. */
  readonly moves: boolean;
  /** The mode or the owner of the same Unix socket: applied in place. */
  readonly rights: boolean;
  /** The queue of the same listener: applied in place. */
  readonly depth: boolean;
  /** Times and choices for the law: applied in place. */
  readonly policy: boolean;
  /** The number of workers. */
  readonly size: boolean;
  /** Where the lines of the workers go: applied in place. */
  readonly output: boolean;
  /** What is watched: applied in place. */
  readonly watch: boolean;
}

export interface Difference {
  readonly effect: keyof Effects;
  /** One line. */
  readonly words: string;
}

type Fact = Exclude<keyof Facts, "app">;

/** A field that is compared as it is. */
interface Compared<V> {
  readonly effect: keyof Effects;
  readonly tell: Tell<V>;
  /** Absent: it always means something. */
  readonly matters?: (before: App, after: App) => boolean;
}

/** A field that acts through a fact alone; `name` tells which two apps are compared. */
interface Through {
  readonly through: Fact | "name";
}

type Field<V> = Compared<V> | Through;
type Fields = { readonly [F in keyof Required<App>]: Field<App[F]> };

const fields: Fields = {
  name: { through: "name" },
  command: { effect: "rolls", tell: tellCommand },
  wsgi: { effect: "rolls", tell: tellText },
  python: { effect: "rolls", tell: tellText },
  threads: { effect: "rolls", tell: tellNumber, matters: both(isWsgi) },
  scriptName: { effect: "rolls", tell: tellText, matters: both(isWsgi) },
  lighttpdRootFix: { effect: "rolls", tell: tellChoice, matters: both(isWsgi) },
  directory: {
    effect: "rolls",
    tell: (_, before, after) => tellText("the directory of the config", before, after),
    matters: either(startsInDirectory),
  },
  listen: { effect: "moves", tell: tellListen },
  processes: { effect: "size", tell: tellNumber },
  listenQueueDepth: { effect: "depth", tell: tellNumber, matters: both((app) => app.listen.kind !== "none") },
  socketMode: { effect: "rights", tell: tellMode, matters: both(isOnUnixSocket) },
  socketOwner: { through: "owner" },
  cwd: { effect: "rolls", tell: tellText },
  user: { through: "identity" },
  group: { through: "identity" },
  umask: { effect: "rolls", tell: tellMode },
  env: { through: "environment" },
  envFile: { through: "environment" },
  passEnv: { through: "environment" },
  allowedClients: { through: "environment" },
  initStartDelayMs: { effect: "policy", tell: tellDuration },
  startTimeoutMs: { effect: "policy", tell: tellDuration },
  startGraceMs: { effect: "policy", tell: tellDuration },
  minServerLifeMs: { effect: "policy", tell: tellDuration },
  restartDelayMs: { effect: "policy", tell: tellDuration },
  maxRestartDelayMs: { effect: "policy", tell: tellDuration },
  stopSignal: { effect: "policy", tell: tellText },
  stopTimeoutMs: { effect: "policy", tell: tellDuration },
  drain: { effect: "policy", tell: tellText },
  drainTimeoutMs: { effect: "policy", tell: tellDuration },
  watch: { effect: "watch", tell: tellPaths },
  priority: { effect: "rolls", tell: tellNumber },
  rlimits: { effect: "rolls", tell: tellRlimits },
  outputFile: { effect: "output", tell: tellText },
  outputMaxSize: { effect: "output", tell: tellSize, matters: either(hasOutputFile) },
  outputMaxAgeMs: { effect: "output", tell: tellDuration, matters: either(hasOutputFile) },
  outputKeep: { effect: "output", tell: tellNumber, matters: either(hasOutputFile) },
};

interface Seen {
  readonly effect: keyof Effects;
  readonly tell: (before: Facts, after: Facts) => readonly (string | undefined)[];
}

const facts: { readonly [F in Fact]: Seen } = {
  environment: { effect: "rolls", tell: tellEnvironment },
  program: { effect: "rolls", tell: tellProgram },
  identity: { effect: "rolls", tell: tellIdentity },
  owner: { effect: "rights", tell: tellOwner },
};

/** Every difference between two states of one app that a reload has to do something about. */
export function differencesOf(before: Facts, after: Facts): Difference[] {
  const names = Object.keys(fields) as (keyof App)[];
  const ofFields = names.flatMap((field) => compareField(field, before.app, after.app) ?? []);
  const ofFacts = Object.values(facts).flatMap(({ effect, tell }) =>
    tell(before, after).flatMap((words) => (words === undefined ? [] : [{ effect, words }])),
  );
  return [...ofFields, ...ofFacts];
}

function compareField<F extends keyof App>(field: F, before: App, after: App): Difference | undefined {
  const row: Field<App[F]> = fields[field];
  if ("through" in row || row.matters?.(before, after) === false) return undefined;
  const words = row.tell(keyOf(field), before[field], after[field]);
  return words === undefined ? undefined : { effect: row.effect, words };
}

/** `stopTimeoutMs` is the key `stop-timeout`. */
function keyOf(field: string): string {
  return field.replace(/Ms$/, "").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** It follows listen-queue-depth, which is applied in place; the workers of today keep what they were told. */
const depthVariable = "FCGI_PM_LISTEN_QUEUE_DEPTH";

function tellEnvironment(before: Facts, after: Facts) {
  const [{ [depthVariable]: _, ...one }, { [depthVariable]: __, ...other }] = [before.environment, after.environment];
  return [tellNames("env", one, other)];
}

/** Another command has been told already, and it is another program as a rule. */
function tellProgram(before: Facts, after: Facts) {
  const told = (["command", "wsgi", "python"] as const).some((field) => compareField(field, before.app, after.app));
  return before.program === after.program || told ? [] : ["the program has changed"];
}

/** By the names in the config, or without names where the numbers behind them have changed. */
function tellIdentity(before: Facts, after: Facts) {
  if (before.identity === after.identity) return [];
  const user = tellText("user", before.app.user, after.app.user);
  const group = tellText("group", before.app.group, after.app.group);
  return user === undefined && group === undefined ? ["the user, or its groups, have other numbers"] : [user, group];
}

function tellOwner(before: Facts, after: Facts) {
  if (before.owner === after.owner || !both(isOnUnixSocket)(before.app, after.app)) return [];
  const named = tellText("socket-owner", writeOwner(before.app.socketOwner), writeOwner(after.app.socketOwner));
  return [named ?? "the owner of the socket has other numbers"];
}

function writeOwner(owner: Owner | undefined): string | undefined {
  return owner && [owner.user ?? "", ...(owner.group === undefined ? [] : [owner.group])].join(":");
}

/** Does anything of this app lie where its config does? */
function startsInDirectory({ command, wsgi, python, cwd }: App): boolean {
  return (wsgi !== undefined && cwd === undefined) || [command?.[0], python, cwd].some(isRelative);
}

function isRelative(path: string | undefined): boolean {
  return path?.startsWith("/") === false;
}

function isWsgi(app: App): boolean {
  return app.wsgi !== undefined;
}

function isOnUnixSocket(app: App): boolean {
  return app.listen.kind === "unix";
}

function hasOutputFile(app: App): boolean {
  return app.outputFile !== undefined;
}

function either(holds: (app: App) => boolean) {
  return (before: App, after: App) => holds(before) || holds(after);
}

function both(holds: (app: App) => boolean) {
  return (before: App, after: App) => holds(before) && holds(after);
}
