/** A lock that lives as long as its holder: a file beside the thing it guards, locked with flock(2). */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { tryLock } from "./posix.ts";

export interface LockFile {
  release(): void;
}

export function lockFileOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.lock`);
}

/**
 * Locks `path` by the file `.NAME.lock` beside it. Gives who holds it where it is taken. Throws what open(2) throws where
 * the directory is missing or not writable.
 */
export function lockBeside(path: string): LockFile | { readonly heldBy: string } {
  const file = lockFileOf(path);
  for (;;) {
    const fd = openLock(file);
    if (!tryLock(fd)) {
      closeSync(fd);
      return { heldBy: nameHolder(file) };
    }
    // The last holder may have removed the file after we opened it: then the lock is on a file that nobody finds.
    if (isStillAt(file, fd)) return keep(file, fd);
    closeSync(fd);
  }
}

/** In a sticky directory the kernel refuses O_CREAT on somebody else's file (fs.protected_regular): open first, create then. */
function openLock(file: string): number {
  for (;;) {
    try {
      return openSync(file, constants.O_RDWR | constants.O_NOFOLLOW);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    try {
      return openSync(file, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_CREAT | constants.O_EXCL, 0o600);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

function isStillAt(file: string, fd: number): boolean {
  const there = lstatSync(file, { throwIfNoEntry: false });
  const ours = fstatSync(fd);
  return there !== undefined && there.ino === ours.ino && there.dev === ours.dev;
}

function keep(file: string, fd: number): LockFile {
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`);
  const release = () => {
    try {
      if (isStillAt(file, fd)) unlinkSync(file);
    } catch {} // the directory is not ours to write to any more: the lock ends with the descriptor
    closeSync(fd);
  };
  return { release };
}

function nameHolder(file: string): string {
  try {
    const pid = readFileSync(file, "latin1").trim();
    // It is not us: it counts its processes for itself.
    if (pid === String(process.pid)) return `another fcgi-pm (process ${pid} of another container)`;
    return /^\d+$/.test(pid) ? `another fcgi-pm (process ${pid})` : "another fcgi-pm";
  } catch {
    return "another fcgi-pm";
  }
}
