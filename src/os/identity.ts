/** As whom a worker runs: names to numbers, and the setpriv arguments that take on that identity with all its groups. */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { FcgiPmError } from "../errors.ts";
import { type Account, findGroup, findUser } from "./posix.ts";

export interface Identity {
  /** Login name, for USER; the number as text where no account has it. */
  readonly name: string;
  readonly home: string;
  readonly uid: number;
  readonly gid: number;
  /** Absent where the workers run as the manager does. */
  readonly setpriv?: readonly string[];
}

/** Who `user` and `group` are; the manager's own identity where neither is given. */
export function resolveIdentity(user: string | undefined, group: string | undefined): Identity {
  const own = ownIdentity();
  const account = user === undefined ? own : lookUpUser(user);
  const gid = group === undefined ? account.gid : lookUpGroup(group);
  if (account.uid === own.uid && gid === own.gid) return own;
  if (own.uid !== 0) throw forbidden(user, group, own.name);
  return { ...account, gid, setpriv: setprivArgs(account, gid) };
}

/** Owner and group of a socket file as numbers: a name, or a number as text. */
export function resolveOwner(owner: { user?: string; group?: string }): { uid?: number; gid?: number } {
  return {
    ...(owner.user === undefined ? {} : { uid: lookUpUser(owner.user).uid }),
    ...(owner.group === undefined ? {} : { gid: lookUpGroup(owner.group) }),
  };
}

/** The account of a user: a name, or a number as text. */
export function findAccount(user: string): Account | undefined {
  return findUser(user) ?? (/^\d+$/.test(user) ? findUser(Number(user)) : undefined);
}

/**
 * The group that a user's programs have where nobody says another. As a rule it has the user's name, but not that of
 * `nobody`. Undefined: this machine has no such user.
 */
export function ownGroupOf(user: string): string | undefined {
  const account = findAccount(user);
  return account === undefined ? undefined : findGroup(account.gid)?.name;
}

/** All groups of a user, by number: its own first. Where nobody knows them, `gid` alone. */
export function groupsOf(user: string, gid: number): number[] {
  const { status, stdout } = spawnSync("id", ["-G", user], { encoding: "utf8", timeout: 10_000 });
  return status === 0 ? stdout.trim().split(/\s+/).map(Number) : [gid];
}

/** A tool of util-linux or coreutils by its absolute path: PATH is not asked where root runs it. */
export function toolPath(name: string): string {
  for (const directory of ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"]) {
    const path = `${directory}/${name}`;
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {}
  }
  throw new FcgiPmError("FCGI_PM_TOOL_MISSING", `Cannot find the program "${name}", which starts workers as asked for`);
}

function ownIdentity(): Identity {
  const uid = process.geteuid?.() ?? 0;
  const gid = process.getegid?.() ?? 0;
  const account = findUser(uid);
  return { name: account?.name ?? String(uid), home: account?.home ?? "/", uid, gid };
}

function lookUpUser(name: string): Identity {
  const account = findAccount(name);
  if (account !== undefined) return account;
  if (/^\d+$/.test(name)) return { name, home: "/", uid: Number(name), gid: Number(name) };
  throw new FcgiPmError("FCGI_PM_USER_UNKNOWN", `There is no user "${name}"`);
}

function lookUpGroup(name: string): number {
  const found = findGroup(name);
  if (found !== undefined) return found.gid;
  if (/^\d+$/.test(name)) return Number(name);
  throw new FcgiPmError("FCGI_PM_USER_UNKNOWN", `There is no group "${name}"`);
}

/** initgroups(3) needs an account; a bare number has no supplementary groups. */
function setprivArgs(account: Identity, gid: number): string[] {
  const groups = findUser(account.uid) === undefined ? "--clear-groups" : "--init-groups";
  return [toolPath("setpriv"), `--reuid=${account.uid}`, `--regid=${gid}`, groups, "--"];
}

function forbidden(user: string | undefined, group: string | undefined, own: string): FcgiPmError {
  const wanted = [user, group].filter((name) => name !== undefined).join(":");
  return new FcgiPmError(
    "FCGI_PM_USER_FORBIDDEN",
    `Cannot run workers as "${wanted}": only root can, and this is ${own}`,
  );
}
