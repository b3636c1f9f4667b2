/** As whom the manager has to run as a service: as the one user of all workers if it can be, else as root, and why. */
import { accessSync, constants, type Stats, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { App, Config } from "../config/app.ts";
import type { ServiceUser } from "../generate/deployment.ts";
import { tryAs } from "../os/access-as.ts";
import { type Identity, ownGroupOf, resolveIdentity } from "../os/identity.ts";

interface Reason {
  readonly why: string;
  readonly capability?: string;
}

/** What the user has to be enough for. */
interface Duties {
  readonly config: Config;
  /** Of the config. */
  readonly path: string;
  /** The runtime directory of the service. */
  readonly runtime: string;
  /** systemd opens the listeners. */
  readonly socketUnit: boolean;
}

export function userOf(duties: Duties): ServiceUser {
  const [first] = duties.config.apps;
  const reasons = reasonsForRoot(duties);
  if (first?.user !== undefined && reasons.length === 0)
    return { kind: "one", user: first.user, ...(first.group === undefined ? {} : { group: first.group }) };
  const capabilities = new Set(reasons.flatMap(({ capability }) => capability ?? []));
  return { kind: "root", reasons: reasons.map(({ why }) => why), capabilities: [...capabilities] };
}

/** Who the socket belongs to: `socket-owner`, or the workers' own user and group. */
export function ownerOf({ socketOwner, user, group }: App): { user?: string; group?: string } {
  if (socketOwner !== undefined) return socketOwner;
  if (user === undefined) return group === undefined ? {} : { group };
  return { user, group: group ?? String(identityOf(user)?.gid ?? user) };
}

function reasonsForRoot(duties: Duties): Reason[] {
  const { config, runtime, socketUnit } = duties;
  const { apps } = config;
  return [
    ...reasonsOfUsers(apps),
    ...apps.flatMap(reasonsOfPriority),
    ...(socketUnit ? [] : apps.flatMap(reasonsOfPort)),
    ...apps.filter((app) => !socketUnit || liesIn(runtime, app)).flatMap(reasonsOfOwner),
    ...reasonsOfRights(duties),
  ];
}

function reasonsOfUsers(apps: readonly App[]): Reason[] {
  const nobody = apps.filter(({ user }) => user === undefined).map(({ name }) => name);
  if (nobody.length > 0) {
    const why = `${list(nobody)} ${nobody.length === 1 ? "names" : "name"} no user, and ${nobody.length === 1 ? "runs" : "run"} as root (one user for all apps would allow a harder sandbox)`;
    return [{ why }];
  }
  const users = new Set(apps.map(({ user, group }) => (group === undefined ? `${user}` : `${user}:${group}`)));
  return users.size > 1 ? [{ why: `workers run as ${list([...users])}` }] : [];
}

function reasonsOfPriority({ name, priority = 0 }: App): Reason[] {
  return priority < 0 ? [{ why: `${name} has the priority ${priority}`, capability: "CAP_SYS_NICE" }] : [];
}

function reasonsOfPort({ name, listen }: App): Reason[] {
  if (listen.kind !== "tcp" || listen.port >= 1024) return [];
  return [{ why: `${name} listens on port ${listen.port}`, capability: "CAP_NET_BIND_SERVICE" }];
}

function reasonsOfOwner({ name, user, group, socketOwner, listen }: App): Reason[] {
  if (socketOwner === undefined || listen.kind !== "unix") return [];
  const own = group ?? (user === undefined ? undefined : (ownGroupOf(user) ?? user));
  const isOwn =
    (socketOwner.user === undefined || socketOwner.user === user) &&
    (socketOwner.group === undefined || socketOwner.group === own);
  const other = [socketOwner.user ?? "", socketOwner.group].filter((part) => part !== undefined).join(":");
  return isOwn ? [] : [{ why: `the socket of ${name} is given to ${other}` }];
}

/** systemd gives the runtime directory to the unit's user with all that lies in it, sockets of socket units too (measured, 252). */
function liesIn(runtime: string, { listen }: App): boolean {
  return listen.kind === "unix" && dirname(listen.path) === runtime;
}

/** What the one user could not read, or make files in. */
function reasonsOfRights({ config: { apps, manager }, path, runtime, socketUnit }: Duties): Reason[] {
  const identity = identityOf(apps[0]?.user);
  if (identity === undefined) return [];
  const sockets = socketUnit ? [] : apps.flatMap(({ listen }) => (listen.kind === "unix" ? [listen.path] : []));
  const made = [manager.logFile, manager.control, ...apps.map(({ outputFile }) => outputFile), ...sockets];
  const directories = made.flatMap((file) => (file === undefined ? [] : [dirname(file)]));
  const read = [path, ...apps.flatMap(({ envFile, directory }) => envFile.map((file) => resolve(directory, file)))];
  return [
    ...unique(read)
      .filter((file) => !mayDo(file, identity, "read"))
      .map((file) => ({ why: `${file} may not be read by ${identity.name}` })),
    ...unique(directories)
      // systemd makes these two, for the user.
      .filter((directory) => directory !== runtime && !/^\/var\/log\/[^/]+$/.test(directory))
      .filter((directory) => !mayDo(directory, identity, "write"))
      .map((directory) => ({ why: `${identity.name} may not make files in ${directory}` })),
  ];
}

/** What is not there, or cannot be looked at, is told by the start. */
function mayDo(path: string, { uid, gid }: Identity, right: "read" | "write"): boolean {
  let found: Stats | undefined;
  try {
    found = statSync(path, { throwIfNoEntry: false });
  } catch {}
  if (found === undefined || uid === 0) return true;
  if (uid === process.geteuid?.()) return mayOurselves(path, right);
  return tryAs({ uid, gid }, path, right) ?? mayByMode(found, uid, gid, right);
}

/** In the sandbox of a service more is read-only than the rights say. */
function mayOurselves(path: string, right: "read" | "write"): boolean {
  try {
    accessSync(path, right === "read" ? constants.R_OK : constants.W_OK);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EROFS";
  }
}

/** Only root can try it: for others the rights of the file alone count, and not those of the directories on the way. */
function mayByMode(found: Stats, uid: number, gid: number, right: "read" | "write"): boolean {
  const shift = found.uid === uid ? 6 : found.gid === gid ? 3 : 0;
  return ((found.mode >> shift) & (right === "read" ? 4 : 2)) !== 0;
}

/** Absent where there is no such user on this machine, or none is named. */
function identityOf(user: string | undefined): Identity | undefined {
  if (user === undefined) return undefined;
  try {
    return resolveIdentity(user, undefined);
  } catch {
    return undefined;
  }
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

const unique = (paths: readonly string[]): string[] => [...new Set(paths)];
