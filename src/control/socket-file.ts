/** The path of a control socket: looked at, cleared of a dead one, taken in one step, given back. */
import { existsSync, linkSync, lstatSync, renameSync, type Stats, unlinkSync } from "node:fs";
import type { Server } from "node:net";
import { dirname, join } from "node:path";
import { FcgiPmError } from "../errors.ts";
import { judgeSocket, longestSocketPath } from "../supervision/socket.ts";
import { probe } from "./probe.ts";

export interface SocketFile {
  /** Removes the path, if it is still ours. */
  release(): void;
}

let madeAside = 0;

/**
 * Lets the server listen at `path`, which appears there in one step, with mode 0600 and already listening. The socket of
 * a dead manager is replaced; that of a living one, and what is no socket, is refused and not touched.
 */
export async function listenAt(server: Server, path: string): Promise<SocketFile> {
  // Node would cut a longer one short and say nothing.
  const aside = join(dirname(path), `.${process.pid}.${++madeAside}`);
  refuseLong(path, aside);
  try {
    removeSocket(aside);
    await listenAside(server, aside);
  } catch (error) {
    throw explain(error, path);
  }
  return appear(server, aside, path);
}

/** The mode of a socket is what the umask leaves: it has no moment with wider rights. */
function listenAside(server: Server, aside: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const umask = process.umask(0o177);
    try {
      server.listen({ path: aside }, () => {
        server.off("error", reject);
        resolve();
      });
    } finally {
      process.umask(umask);
    }
  });
}

/** A link is refused where a name is taken, so that of two that start at once one loses. */
async function appear(server: Server, aside: string, path: string): Promise<SocketFile> {
  try {
    for (let isThere = false; !isThere; ) {
      await clear(path);
      isThere = tryLink(aside, path);
    }
    const file = lstatSync(path);
    return { release: () => removeSame(path, file) };
  } catch (error) {
    server.close();
    throw explain(error, path);
  } finally {
    removeSocket(aside);
  }
}

function tryLink(aside: string, path: string): boolean {
  try {
    linkSync(aside, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
  }
  // A file system without links.
  renameSync(aside, path);
  return true;
}

/** Leaves the path free, or throws what stands in the way. */
async function clear(path: string): Promise<void> {
  const file = lookUp(path);
  if (file === undefined) return;
  if (!file.isSocket()) {
    const message = `Cannot listen on "${path}": it is no socket, and fcgi-pm does not touch it`;
    throw new FcgiPmError("FCGI_PM_CONTROL_NOT_A_SOCKET", message, { remedy: "give another --control" });
  }
  const verdict = judgeSocket({ kind: "socket" }, await probe(path));
  if (verdict === "stale") removeSame(path, file);
  if (verdict === "in-use") {
    throw new FcgiPmError("FCGI_PM_CONTROL_IN_USE", `Cannot listen on "${path}": another manager listens there`);
  }
}

function lookUp(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw explain(error, path);
  }
}

/** Removes the name, if it still stands for this file. A new file may have the inode of one that is gone: they differ in age. */
export function removeSame(path: string, file: Stats): void {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined || there.birthtimeMs !== file.birthtimeMs) return;
  if (there.ino === file.ino && there.dev === file.dev) unlinkSync(path);
}

function removeSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(path);
}

function refuseLong(...paths: readonly string[]): void {
  const bytes = Math.max(...paths.map((path) => Buffer.byteLength(path)));
  if (bytes <= longestSocketPath) return;
  throw new FcgiPmError(
    "FCGI_PM_CONTROL_PATH_TOO_LONG",
    `Cannot listen on "${paths[0]}": the path has ${bytes} bytes, the system allows ${longestSocketPath}`,
  );
}

/** A failed call on the path as an expected error; what is one already stays as it is. */
function explain(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof FcgiPmError || code === undefined) return error;
  const message = `Cannot listen on "${path}": ${reasonOf(code, dirname(path))}`;
  return new FcgiPmError("FCGI_PM_CONTROL_PATH_WRONG", message, { cause: error });
}

/** libuv says EACCES where the system said ENOENT. */
function reasonOf(code: string, directory: string): string {
  if (code === "ENOENT" || !existsSync(directory)) return `there is no directory ${directory}`;
  if (code === "ENOTDIR") return `${directory} is no directory`;
  return `no right to write to ${directory}, or to what lies there (${code})`;
}
