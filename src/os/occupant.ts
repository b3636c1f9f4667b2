/** What stands at a socket's path, and who listens there: looked at before anything is bound. */
import { closeSync, lstatSync, type Stats } from "node:fs";
import { FcgiPmError } from "../errors.ts";
import type { Found } from "../supervision/socket.ts";
import { connect, openSocket, peerCredentials, SystemCallError, unixAddress } from "./posix.ts";
import { holdersOf } from "./procfs.ts";
import { explainPath, refuseHeld } from "./refusal.ts";
import { unixSocketsAt } from "./sockdiag.ts";

export function describe(file: Stats | undefined): Found {
  if (file === undefined) return { kind: "absent" };
  return file.isSocket() ? { kind: "socket" } : { kind: "other", what: describeFile(file) };
}

/** What is no socket is somebody's file: refused before so much as a lock file is laid beside it. */
export function refuseOther(path: string): void {
  const found = describe(lookUp(path));
  if (found.kind !== "other") return;
  throw new FcgiPmError(
    "FCGI_PM_SOCKET_NOT_A_SOCKET",
    `Cannot listen on "${path}": it is ${found.what}, which fcgi-pm does not touch`,
  );
}

/** lstat, so that a symbolic link is seen as what it is. */
export function lookUp(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw explainPath(error, path);
  }
}

function describeFile(file: Stats): string {
  if (file.isSymbolicLink()) return "a symbolic link";
  if (file.isDirectory()) return "a directory";
  if (file.isFile()) return "a regular file";
  return file.isFIFO() ? "a named pipe" : "a device";
}

/**
 * Does somebody listen? The kernel is asked first, which disturbs nobody. Only where it knows of no listener (it may be
 * in another network namespace) one non-blocking connect is tried: a worker may have to deal with it.
 */
export function probe(path: string, file: Stats): string {
  if ((unixSocketsAt(file, "listening")?.size ?? 0) > 0) return "connected";
  return withProbe(path, () => "connected");
}

function withProbe(path: string, connected: (fd: number) => string): string {
  const fd = openSocket("unix", { nonBlocking: true });
  try {
    connect(fd, unixAddress(path));
    return connected(fd);
  } catch (error) {
    if (error instanceof SystemCallError) return error.errno;
    throw error;
  } finally {
    closeSync(fd);
  }
}

export function inUse(path: string, file: Stats | undefined): FcgiPmError {
  const listening = file === undefined ? undefined : unixSocketsAt(file, "listening");
  const holders = listening === undefined || listening.size === 0 ? peerOf(path) : holdersOf([...listening.keys()]);
  return refuseHeld("FCGI_PM_SOCKET_IN_USE", `"${path}"`, holders);
}

/** The listener sits where the kernel does not list it: ask for the credentials of the other end. */
function peerOf(path: string): number[] {
  let pid = 0;
  withProbe(path, (fd) => {
    pid = peerCredentials(fd).pid;
    return "connected";
  });
  return pid === 0 ? [] : [pid];
}
