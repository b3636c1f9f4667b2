/**
 * Listening sockets: probe, clear, bind, release. The manager holds them, never accepts on them, and never touches
 * O_NONBLOCK: all workers share the one open file description.
 */
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lchownSync,
  lstatSync,
  openSync,
  renameSync,
  type Stats,
  unlinkSync,
} from "node:fs";
import { isIPv4 } from "node:net";
import { dirname, join } from "node:path";
import { FcgiPmError } from "../errors.ts";
import { type Found, formatAddress, judgeSocket, longestSocketPath } from "../supervision/socket.ts";
import { type LockFile, lockBeside } from "./lock.ts";
import {
  bind,
  connect,
  inetAddress,
  listen,
  openSocket,
  peerCredentials,
  SystemCallError,
  setReuseAddress,
  unixAddress,
} from "./posix.ts";
import { holdersOf } from "./procfs.ts";
import { explainPath, explainTcp, refuseHeld } from "./refusal.ts";
import { tcpSocketsAt, unixSocketsAt } from "./sockdiag.ts";

export interface Listener {
  readonly fd: number;
  /** The socket's own inode, as `/proc/PID/fd` shows it. */
  readonly inode: number;
  /** Where clients connect: the path, or host:port. */
  readonly address: string;
  /** Whether a dead socket stood at the path and was replaced. */
  readonly replacedStale: boolean;
  /** Inodes of the connections that workers have accepted; undefined where the kernel does not tell. */
  accepted(): ReadonlySet<number> | undefined;
  /** Is the name still ours? False after somebody bound the path anew. */
  isOurs(): boolean;
  /** Closes the socket and removes the path, if it is still ours. */
  release(): void;
}

export interface UnixOptions {
  readonly backlog: number;
  readonly mode: number;
  /** Absent: left as it is made. */
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * A Unix listener at `path`, which appears there in one step, with its owner and mode, already listening. A stale
 * socket is replaced; a live one, or anything that is no socket, is refused and not touched.
 */
export function bindUnix(path: string, options: UnixOptions): Listener {
  refuseLongPath(path);
  refuseOther(path);
  const lock = lockSocket(path);
  try {
    refuseOther(path);
    const file = lookUp(path);
    const verdict = judgeSocket(describe(file), file === undefined ? undefined : probe(path, file));
    if (verdict === "in-use") throw inUse(path, file);
    return openUnix(path, options, lock, verdict === "stale");
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Could a listener be bound at this path, now or after its present one has gone? Changes nothing. */
export function proveSocketPath(path: string): void {
  refuseLongPath(path);
  refuseOther(path);
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
  } catch (error) {
    throw explainPath(error, path);
  }
}

/** A TCP listener on an address of this machine. `[::]` takes IPv4 as well, as the system is set (bindv6only). */
export function bindTcp(host: string, port: number, backlog: number): Listener {
  const family = isIPv4(host) ? "ipv4" : "ipv6";
  const fd = openSocket(family);
  try {
    setReuseAddress(fd);
    bind(fd, inetAddress(host, port));
    listen(fd, backlog);
  } catch (error) {
    closeSync(fd);
    throw explainTcp(error, host, port);
  }
  return {
    fd,
    inode: fstatSync(fd).ino,
    address: formatAddress(host, port),
    replacedStale: false,
    accepted: () => asSet(tcpSocketsAt(family, port, "connected")),
    isOurs: () => true,
    release: () => closeSync(fd),
  };
}

function refuseLongPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= longestSocketPath) return;
  throw new FcgiPmError(
    "FCGI_PM_SOCKET_PATH_TOO_LONG",
    `Cannot listen on "${path}": the path has ${bytes} bytes, the system allows ${longestSocketPath}`,
  );
}

function lockSocket(path: string): LockFile {
  let lock: LockFile | { readonly heldBy: string };
  try {
    lock = lockBeside(path);
  } catch (error) {
    throw explainPath(error, path);
  }
  if ("release" in lock) return lock;
  throw new FcgiPmError("FCGI_PM_SOCKET_IN_USE", `Cannot listen on "${path}": ${lock.heldBy} has it`);
}

function describe(file: Stats | undefined): Found {
  if (file === undefined) return { kind: "absent" };
  return file.isSocket() ? { kind: "socket" } : { kind: "other", what: describeFile(file) };
}

/** What is no socket is somebody's file: refused before so much as a lock file is laid beside it. */
function refuseOther(path: string): void {
  const found = describe(lookUp(path));
  if (found.kind !== "other") return;
  throw new FcgiPmError(
    "FCGI_PM_SOCKET_NOT_A_SOCKET",
    `Cannot listen on "${path}": it is ${found.what}, which fcgi-pm does not touch`,
  );
}

/** lstat, so that a symbolic link is seen as what it is. */
function lookUp(path: string): Stats | undefined {
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
function probe(path: string, file: Stats): string {
  const listening = unixSocketsAt(file, "listening");
  if (listening !== undefined && listening.length > 0) return "connected";
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

function inUse(path: string, file: Stats | undefined): FcgiPmError {
  const inodes = file === undefined ? undefined : unixSocketsAt(file, "listening");
  const holders = inodes === undefined || inodes.length === 0 ? peerOf(path) : holdersOf(inodes);
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

/** Bound under a temporary name, made ready there, then renamed: there is no moment with wrong rights, or without a listener. */
function openUnix(path: string, options: UnixOptions, lock: LockFile, replacedStale: boolean): Listener {
  const fd = openSocket("unix");
  let temporary: string | undefined;
  try {
    temporary = bindAside(fd, path, options.mode);
    if (options.uid !== undefined || options.gid !== undefined) {
      lchownSync(temporary, options.uid ?? -1, options.gid ?? -1);
    }
    listen(fd, options.backlog);
    const file = lstatSync(temporary);
    renameSync(temporary, path);
    return unixListener(fd, path, file, lock, replacedStale);
  } catch (error) {
    if (temporary !== undefined) unlinkSync(temporary);
    closeSync(fd);
    throw explainPath(error, path);
  }
}

/**
 * Binds to a name beside `path`. The file gets the mode that the socket has before (Linux), so that no path, which
 * somebody could exchange, has to be changed later. Where the name is too long, by way of the directory's descriptor.
 */
function bindAside(fd: number, path: string, mode: number): string {
  const beside = `${path}.${process.pid}`;
  fchmodSync(fd, mode);
  const umask = process.umask(0);
  try {
    if (Buffer.byteLength(beside) <= longestSocketPath) return bindAnew(fd, beside, beside);
    const short = `.fcgi-pm-${process.pid}`;
    const directory = openSync(dirname(path), "r");
    try {
      return bindAnew(fd, `/proc/self/fd/${directory}/${short}`, join(dirname(path), short));
    } finally {
      closeSync(directory);
    }
  } finally {
    process.umask(umask);
  }
}

/** A socket that a former process of our pid left at the temporary name is in the way; nobody else uses that name. */
function bindAnew(fd: number, name: string, path: string): string {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(path);
  bind(fd, unixAddress(name));
  return path;
}

function unixListener(fd: number, path: string, file: Stats, lock: LockFile, replacedStale: boolean): Listener {
  const isOurs = () => {
    const there = lstatSync(path, { throwIfNoEntry: false });
    return there !== undefined && there.ino === file.ino && there.dev === file.dev;
  };
  return {
    fd,
    inode: fstatSync(fd).ino,
    address: path,
    replacedStale,
    accepted: () => asSet(unixSocketsAt(file, "connected")),
    isOurs,
    release: () => {
      if (isOurs()) unlinkSync(path);
      closeSync(fd);
      lock.release();
    },
  };
}

function asSet(inodes: number[] | undefined): ReadonlySet<number> | undefined {
  return inodes === undefined ? undefined : new Set(inodes);
}
