/** Who is meant: a program from flags, an app of a config or of a manager, somebody's socket, or everybody there is. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { parseRemotePort } from "../config/address.ts";
import type { App, External } from "../config/app.ts";
import { appFromFlags } from "../config/parse.ts";
import { connectControl } from "../control/client.ts";
import type { FoundManager } from "../control/find.ts";
import type { Finding } from "../diagnosis/finding.ts";
import type { Journal, Patient, Running, Wish } from "../doctor/patient.ts";
import { planPatient } from "../doctor/planning.ts";
import { FcgiPmError } from "../errors.ts";
import { type Address, formatAddress } from "../fastcgi/address.ts";
import { environmentOf } from "../os/survey.ts";
import { appNameOf } from "./app-name.ts";
import { findConfig, loadConfig, parseContext, refuseConfigAsProgram } from "./context.ts";
import { find } from "./managers.ts";

/** What was typed. */
export interface Asked {
  readonly words: readonly string[];
  /** The flags of an app that were given. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly name: string | undefined;
  readonly config: string | undefined;
  readonly control: string | undefined;
  readonly wish: Wish;
  readonly journal: Journal;
}

/** A patient, and what was found on the way to it. */
export interface Admitted {
  readonly patient: Patient;
  readonly known: readonly Finding[];
}

export async function patientsOf(asked: Asked): Promise<Admitted[]> {
  const { words, flags } = asked;
  const { wsgi, socket, port } = flags as { wsgi?: string; socket?: string; port?: string };
  const [first] = words;
  if (first === undefined && wsgi === undefined) {
    if (socket !== undefined || port !== undefined) return [stranger(asked, addressOf(socket, port))];
    refuseFlags(flags);
    return everybody(asked);
  }
  const named = first === undefined || words.length > 1 ? undefined : await appNamed(asked, first);
  if (named !== undefined) return [named];
  const tried = await fromFlags(asked, first, wsgi);
  return [words.length === 1 ? { ...tried, known: await withApps(asked, tried.known) } : tried];
}

/** What is no program may be the name of an app, mistyped. */
async function withApps(asked: Asked, known: readonly Finding[]): Promise<Finding[]> {
  const isName = asked.words[0]?.includes("/") === false;
  if (!isName || !known.some(({ code }) => code === "program.missing")) return [...known];
  const names = (await knownApps(asked)).map(({ name }) => name);
  if (names.length === 0) return [...known];
  const remedy = `or name an app: ${names.join(", ")}`;
  return known.map((finding) => ({ ...finding, remedy: [...finding.remedy, remedy] }));
}

/** Those that lines of a log may be about: there may be none. */
export async function acquaintances(asked: Asked): Promise<Admitted[]> {
  if (asked.words.length > 0 || Object.keys(asked.flags).length > 0) return patientsOf(asked);
  return Promise.all((await knownApps(asked)).map((one) => admit(asked, one)));
}

function refuseFlags(flags: Readonly<Record<string, unknown>>): void {
  const [flag] = Object.keys(flags);
  if (flag === undefined) return;
  throw new FcgiPmError("FCGI_PM_USAGE_WRONG", `Without a program, --${flag} has no meaning`, {
    remedy: "name a program: fcgi-pm doctor app.fcgi, or give --wsgi module:app",
  });
}

/** Any FastCGI server's socket. */
function stranger(asked: Asked, address: Address): Admitted {
  return admitted(asked, { name: formatAddress(address), address });
}

function addressOf(socket: string | undefined, port: string | undefined): Address {
  if (socket !== undefined) return { kind: "unix", path: resolve(socket) };
  const found = parseRemotePort(port ?? "");
  if (typeof found === "object") return { kind: "tcp", ...found };
  throw new FcgiPmError("FCGI_PM_USAGE_WRONG", `--port: ${found}, got "${port}"`, { remedy: "--port 127.0.0.1:9000" });
}

async function fromFlags(asked: Asked, program: string | undefined, wsgi: string | undefined): Promise<Admitted> {
  const { words, flags, name, config } = asked;
  if (config !== undefined) {
    throw new FcgiPmError("FCGI_PM_USAGE_WRONG", `There is no app "${program ?? wsgi}" in ${config}`, {
      remedy: "name an app of it, or leave --config out to try a program",
    });
  }
  if (program !== undefined) refuseConfigAsProgram("doctor", program);
  const app = appFromFlags(name ?? appNameOf(program ?? wsgi ?? "", wsgi), words, flags, parseContext());
  return planned(asked, { name: app.name, app }, process.env);
}

async function appNamed(asked: Asked, name: string): Promise<Admitted | undefined> {
  const all = await knownApps(asked);
  const found = all.find((one) => one.name === name);
  return found === undefined ? undefined : admit(asked, found);
}

async function everybody(asked: Asked): Promise<Admitted[]> {
  const all = await knownApps(asked);
  // Says that there is neither a config nor a manager.
  if (all.length === 0) findConfig(undefined);
  return Promise.all(all.map((one) => admit(asked, one)));
}

/** An app that somebody knows by its name. */
interface Known {
  readonly name: string;
  readonly app?: App;
  readonly configFile?: string;
  readonly manager?: FoundManager;
  /** Of one that somebody else starts: nothing else is known of it. */
  readonly external?: Address;
}

/** Those of the config, if there is one, or else those that run. */
async function knownApps({ config, control }: Asked): Promise<Known[]> {
  const { managers } = await find(control);
  const file = control === undefined ? configFile(config) : undefined;
  if (file === undefined) return (await Promise.all(managers.map(appsOf))).flat();
  const { apps, externals } = await loadConfig(file);
  const running = (name: string) =>
    managers.find(({ status }) => status.manager.config === resolve(file) && has(status.apps, name));
  const own = apps.map((app) => ({ name: app.name, app, configFile: file, ...withManager(running(app.name)) }));
  const known = [...own, ...externals.map(asKnown)];
  if (config !== undefined) return known;
  const others = managers.filter(({ status }) => status.manager.config !== resolve(file));
  return [...known, ...(await Promise.all(others.map(appsOf))).flat()];
}

function asKnown({ name, listen }: External): Known {
  return { name, external: listen };
}

function withManager(manager: FoundManager | undefined): { manager?: FoundManager } {
  return manager === undefined ? {} : { manager };
}

function has(apps: FoundManager["status"]["apps"], name: string): boolean {
  return apps.some(({ app }) => app === name);
}

function configFile(named: string | undefined): string | undefined {
  try {
    return findConfig(named);
  } catch {
    return undefined;
  }
}

/** With what its config says of each; of an app from flags a manager does not tell that. */
async function appsOf(manager: FoundManager): Promise<Known[]> {
  const { config } = manager.status.manager;
  const apps = config === null || !existsSync(config) ? [] : (await loadConfig(config)).apps;
  const own = manager.status.apps.map(({ app: name }) => {
    const app = apps.find((one) => one.name === name);
    return { name, manager, ...(app === undefined || config === null ? {} : { app, configFile: config }) };
  });
  const externals = manager.status.externals ?? [];
  return [...own, ...externals.map(({ app, address }) => ({ name: app, external: readAddress(address) }))];
}

function admit(asked: Asked, known: Known): Promise<Admitted> {
  const { manager } = known;
  const own = manager === undefined ? process.env : environmentOf(manager.status.manager.pid);
  return planned(asked, known, own ?? process.env);
}

async function planned(asked: Asked, known: Known, own: NodeJS.ProcessEnv): Promise<Admitted> {
  const { app, manager, name, external } = known;
  if (external !== undefined) return admitted(asked, { name, address: external });
  const running = manager === undefined ? undefined : runningOf(manager, name);
  const outcome = app === undefined ? undefined : await planPatient(app, own);
  const address = app === undefined ? statusAddress(running) : listenOf(app);
  return admitted(asked, {
    ...known,
    address,
    running,
    plan: outcome !== undefined && "plan" in outcome ? outcome.plan : undefined,
    known: outcome !== undefined && "finding" in outcome ? [outcome.finding] : [],
  });
}

function runningOf({ path, status }: FoundManager, name: string): Running | undefined {
  const own = status.apps.find(({ app }) => app === name);
  return own === undefined ? undefined : { status: own, manager: status.manager, client: connectControl(path) };
}

function listenOf({ listen }: App): Address | undefined {
  return listen.kind === "none" ? undefined : listen;
}

function statusAddress(running: Running | undefined): Address | undefined {
  const address = running?.status.address ?? null;
  return address === null ? undefined : readAddress(address);
}

/** A status has paths, which are absolute, and host:port. */
function readAddress(address: string): Address {
  return address.startsWith("/") ? { kind: "unix", path: address } : addressOf(undefined, address);
}

function admitted(
  { wish, journal }: Asked,
  found: Partial<Patient> & { readonly name: string; readonly known?: readonly Finding[] },
): Admitted {
  const { name, app, plan, configFile, address, running, known = [] } = found;
  return { patient: { name, app, plan, configFile, address, running, wish, journal }, known };
}
