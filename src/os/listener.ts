/**
 * Listening sockets: probe, clear, bind, release. The manager holds them, never accepts on them, and never
 * touches O_NONBLOCK: all workers share the one open file description.
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
import { formatAddress, judgeSocket, longestSocketPath } from "../supervision/socket.ts";
import { type LockFile, lockBeside, lockFileOf } from "./lock.ts";
import { describe, inUse, lookUp, probe, refuseOther } from "./occupant.ts";
import { refuseConnections } from "./packet-filter.ts";
import { changeRights, type Rights } from "./path-rights.ts";
import { bind, inetAddress, listen, openSocket, setReuseAddress, unixAddress } from "./posix.ts";
import { explainLock, explainPath, explainTcp } from "./refusal.ts";
import { type Connections, type Queue, tcpSocketsAt, unixQueueOf, unixSocketsAt } from "./sockdiag.ts";
import { tcpQueueOf } from "./socket-facts.ts";

/**
 * `bound` by us; `inherited` from whoever started us, to whom it belongs; `adopted`: bound by a manager before us, and
 * kept open meanwhile.
 */
export type Origin = "bound" | "inherited" | "adopted";

export interface Listener {
  readonly kind: "unix" | "tcp";
  readonly origin: Origin;
  readonly fd: number;
  /** The socket's own inode, as `/proc/PID/fd` shows it. */
  readonly inode: number;
  /** Where clients connect: the path, or host:port. */
  readonly address: string;
  /** Whether a dead socket stood at the path and was replaced. */
  readonly replacedStale: boolean;
  /** How many connections wait to be accepted, and how many may; undefined where the kernel does not tell. */
  queue(): Queue | undefined;
  /** As `Watched` has it. */
  connections(): Connections | undefined;
  /** Is the name still ours? False after somebody bound the path anew, and after `refuseNew`. */
  isOurs(): boolean;
  /**
   * From now on no new connection comes in; those in the queue and those that were accepted go on, with our workers. A
   * Unix path is removed, if it is still ours: clients are refused. TCP: what opens a connection is dropped unanswered.
   * The client tries again a second later, and then meets whoever listens by then, or is refused; a handshake that is
   * under way comes to its end. `release` is still to come. False where the system does not let us.
   */
  refuseNew(): boolean;
  /** Owner and mode of the Unix path from now on, if it is still ours; of a port there are none. */
  setRights(rights: Rights): void;
  /** From now on so many connections may wait, as far as the kernel's cap allows. */
  setBacklog(backlog: number): void;
  /** Closes the socket and removes the path, if it is still ours. */
  release(): void;
  /** At our end somebody else holds it: nobody is refused, clients wait for whoever takes it next. */
  outlivesUs(): boolean;
  /** Closes our descriptor only: whoever else holds the socket goes on with it, at its address. */
  leave(): void;
}

export interface UnixOptions extends Rights {
  readonly backlog: number;
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
  return tcpListener(fd, host, port, "bound");
}

/** What can be done with a TCP socket that listens. */
export function tcpListener(fd: number, host: string, port: number, origin: Origin): Listener {
  const close = () => closeSync(fd);
  const inode = fstatSync(fd).ino;
  const family = isIPv4(host) ? "ipv4" : "ipv6";
  let isListed: boolean | undefined;
  return {
    kind: "tcp",
    origin,
    fd,
    inode,
    address: formatAddress(host, port),
    replacedStale: false,
    queue: () => tcpQueueOf(fd),
    connections: () => {
      // One that was passed from another network namespace has its connections there.
      isListed ??= tcpSocketsAt(family, port, "listening")?.has(inode) ?? false;
      return isListed ? tcpSocketsAt(family, port, "connected") : undefined;
    },
    isOurs: () => true,
    refuseNew: () => refuseConnections(fd),
    setRights: () => {},
    setBacklog: (backlog) => listen(fd, backlog),
    release: close,
    outlivesUs: () => false,
    leave: close,
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

export function lockSocket(path: string): LockFile {
  let lock: LockFile | { readonly heldBy: string };
  try {
    lock = lockBeside(path);
  } catch (error) {
    throw explainLock(error, path, lockFileOf(path));
  }
  if ("release" in lock) return lock;
  throw new FcgiPmError("FCGI_PM_SOCKET_IN_USE", `Cannot listen on "${path}": ${lock.heldBy} has it`, {
    remedy: "fcgi-pm status shows it; reload or stop that one, or give this app another --socket",
  });
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
    return { ...unixListener(fd, path, file, lock, "bound"), replacedStale };
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

/** What can be done with a Unix socket that listens at `path`, where it is `file`. */
export function unixListener(
  fd: number,
  path: string,
  file: Stats,
  lock: LockFile | undefined,
  origin: Origin,
): Listener {
  const inode = fstatSync(fd).ino;
  const isOurs = () => {
    const there = lstatSync(path, { throwIfNoEntry: false });
    return there !== undefined && there.ino === file.ino && there.dev === file.dev;
  };
  const tryToRemove = () => {
    try {
      if (isOurs()) unlinkSync(path);
      return true;
    } catch {
      return false; // the directory is not ours to write to any more
    }
  };
  const leave = () => {
    closeSync(fd);
    lock?.release();
  };
  return {
    kind: "unix",
    origin,
    fd,
    inode,
    address: path,
    replacedStale: false,
    queue: () => unixQueueOf(inode),
    connections: () => unixSocketsAt(file, "connected"),
    isOurs,
    refuseNew: tryToRemove,
    setRights: (rights) => changeRights(path, file, rights),
    setBacklog: (backlog) => listen(fd, backlog),
    release: () => {
      tryToRemove();
      leave();
    },
    outlivesUs: () => false,
    leave,
  };
}
