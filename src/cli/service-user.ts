/** As whom the manager has to run as a service: as the one user of all workers if it can be, else as root, and why. */
import { type Stats, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { App, Config } from "../config/app.ts";
import type { ServiceUser } from "../generate/deployment.ts";
import { type Identity, ownGroupOf, resolveIdentity } from "../os/identity.ts";

interface Reason {
  readonly why: string;
  readonly capability?: string;
}

export function userOf(config: Config, path: string, isSocketUnit: boolean): ServiceUser {
  const [first] = config.apps;
  const reasons = reasonsForRoot(config, path, isSocketUnit);
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

function reasonsForRoot(config: Config, path: string, isSocketUnit: boolean): Reason[] {
  const { apps } = config;
  return [
    ...reasonsOfUsers(apps),
    ...apps.flatMap(reasonsOfPriority),
    ...(isSocketUnit ? [] : apps.flatMap(reasonsOfPort)),
    ...apps.filter((app) => !isSocketUnit || isInRuntime(app)).flatMap(reasonsOfOwner),
    ...reasonsOfRights(config, path, isSocketUnit),
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
function isInRuntime({ listen }: App): boolean {
  return listen.kind === "unix" && dirname(listen.path) === process.env["RUNTIME_DIRECTORY"];
}

/** What the one user could not read, or make files in. */
function reasonsOfRights({ apps, manager }: Config, path: string, isSocketUnit: boolean): Reason[] {
  const identity = identityOf(apps[0]?.user);
  if (identity === undefined) return [];
  const own = process.env["RUNTIME_DIRECTORY"];
  const sockets = isSocketUnit ? [] : apps.flatMap(({ listen }) => (listen.kind === "unix" ? [listen.path] : []));
  const made = [manager.logFile, manager.control, ...apps.map(({ outputFile }) => outputFile), ...sockets];
  const directories = made.flatMap((file) => (file === undefined ? [] : [dirname(file)]));
  const read = [path, ...apps.flatMap(({ envFile, directory }) => envFile.map((file) => resolve(directory, file)))];
  return [
    ...unique(read)
      .filter((file) => !mayDo(file, identity, 4))
      .map((file) => ({ why: `${file} may not be read by ${identity.name}` })),
    ...unique(directories)
      // systemd makes these two, for the user.
      .filter((directory) => directory !== own && !/^\/var\/log\/[^/]+$/.test(directory))
      .filter((directory) => !mayDo(directory, identity, 2))
      .map((directory) => ({ why: `${identity.name} may not make files in ${directory}` })),
  ];
}

/** By the rights of the file alone; what is not there, or cannot be looked at, is told by the start. */
function mayDo(path: string, { uid, gid }: Identity, right: 2 | 4): boolean {
  let found: Stats | undefined;
  try {
    found = statSync(path, { throwIfNoEntry: false });
  } catch {}
  if (found === undefined || uid === 0) return true;
  const shift = found.uid === uid ? 6 : found.gid === gid ? 3 : 0;
  return ((found.mode >> shift) & right) !== 0;
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
