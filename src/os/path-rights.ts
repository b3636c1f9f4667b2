/** Owner and mode of a file that others may exchange at any moment: changed by way of a descriptor, never by its path. */
import { chmodSync, chownSync, closeSync, constants, fstatSync, openSync, type Stats } from "node:fs";
import { FcgiPmError } from "../errors.ts";
import { explainPath } from "./refusal.ts";

export interface Rights {
  readonly mode: number;
  /** Absent: left as it is. */
  readonly uid?: number;
  readonly gid?: number;
}

/** Opens neither the file nor what a link points to: the descriptor only stands for what lies at the path. */
const O_PATH = 0o10000000;

/**
 * Gives the file at `path` new rights, if it is the one that is meant; else nothing happens. On the way nobody has rights
 * that he has neither before nor afterwards: first those go that are not to stay, then the owner changes, at last those
 * come that are new.
 */
export function changeRights(path: string, meant: Stats, rights: Rights): void {
  try {
    const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
    try {
      const there = fstatSync(fd);
      if (there.ino === meant.ino && there.dev === meant.dev) change(`/proc/self/fd/${fd}`, there, rights);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw explainPath(error, path);
  }
}

/** May a file of ours at `path` be given to this owner? Throws if not. */
export function proveOwner(path: string, { uid, gid }: Omit<Rights, "mode">): void {
  const own = process.geteuid?.();
  if (own === 0) return;
  const isOurs = gid === undefined || gid === process.getegid?.() || process.getgroups?.().includes(gid);
  if ((uid === undefined || uid === own) && isOurs) return;
  throw new FcgiPmError(
    "FCGI_PM_SOCKET_FORBIDDEN",
    `Cannot give the socket "${path}" to another owner: only root can`,
    {
      remedy: "leave socket-owner out, or start fcgi-pm as root",
    },
  );
}

function change(file: string, before: Stats, { mode, uid = before.uid, gid = before.gid }: Rights): void {
  const modeBefore = before.mode & 0o7777;
  if (uid === before.uid && gid === before.gid) {
    if (mode !== modeBefore) chmodSync(file, mode);
    return;
  }
  const narrow = mode & modeBefore;
  if (narrow !== modeBefore) chmodSync(file, narrow);
  try {
    chownSync(file, uid, gid);
  } catch (error) {
    chmodSync(file, modeBefore);
    throw error;
  }
  if (narrow !== mode) chmodSync(file, mode);
}
