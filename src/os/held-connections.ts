/**
 * Which accepted connections a process holds, wherever their clients are. Linux lists an accepted Unix connection in the
 * network namespace of its client: what a web server in another container has connected stands in no list of ours. It is
 * known by what it is not: a Unix stream socket of a worker that no list of our own namespace has.
 */
import { addressOf, attributeOf, isShutForSending, SystemCallError, unreadBytes, withDescriptor } from "./posix.ts";
import { inodeOf, socketsOf } from "./proc-files.ts";
import { type Connection, type Connections, isUnixSocketOfOurs } from "./sockdiag.ts";

/** What of a listener is needed to recognise it, and its connections, in other processes. */
export interface Watched {
  readonly inode: number;
  readonly kind: "unix" | "tcp";
  /** Our own descriptor of it, where we have one. */
  readonly fd?: number;
  /**
   * The connections that have been accepted, by inode, as far as the kernel lists them for us (all of TCP, and those of
   * Unix clients in our own network namespace); undefined where it does not tell.
   */
  connections(): Connections | undefined;
}

/** A connection that a process has accepted and not closed. */
export interface Held extends Connection {
  readonly fd: number;
  readonly inode: number;
}

/**
 * Those of a process, `accepted` being the listener's `connections()`. Throws where the process is gone, or not ours to
 * see.
 */
export function heldBy(pid: number, accepted: Connections, listener: Watched): Held[] {
  if (!mayHold(accepted, listener)) return [];
  return [...socketsOf(pid)].flatMap(([fd, inode]): Held[] => {
    const connection = connectionAt(pid, fd, inode, accepted, listener);
    return connection === undefined ? [] : [{ fd, inode, ...connection }];
  });
}

/** What a descriptor stands for whose inode was just read; undefined where it is no connection of the listener. */
export function connectionAt(
  pid: number,
  fd: number,
  inode: number,
  accepted: Connections,
  listener: Watched,
): Connection | undefined {
  return accepted.get(inode) ?? farConnection(pid, fd, inode, listener);
}

/** Has any client in another network namespace been seen on this listener? */
export function hasFarClients({ inode }: Watched): boolean {
  return farListeners.has(inode);
}

/** False where the lists alone tell that nobody holds any. */
export function mayHold(accepted: Connections, { kind }: Watched): boolean {
  return accepted.size > 0 || kind === "unix";
}

/**
 * `far`: accepted from a client in another network namespace. By inode, of sockets that are in no list of connections: what
 * a socket is never changes, and the kernel gives an inode anew only after four billion others.
 */
const known = new Map<number, "far" | "other">();
const mostKnown = 10_000;
/** By inode. */
const farListeners = new Set<number>();

function farConnection(pid: number, fd: number, inode: number, listener: Watched): Connection | undefined {
  if (listener.kind !== "unix" || inode === listener.inode) return undefined;
  const kind = known.get(inode) ?? kindOf(pid, fd, inode, listener);
  if (kind === undefined) return undefined;
  if (known.size >= mostKnown) known.clear();
  known.set(inode, kind);
  if (kind === "far") farListeners.add(listener.inode);
  return kind === "far" ? lookInto(pid, fd) : undefined;
}

/** Undefined where the descriptor was closed while we looked. */
function kindOf(pid: number, fd: number, inode: number, listener: Watched): "far" | "other" | undefined {
  const isUnix = protocolOf(pid, fd)?.startsWith("UNIX") === true;
  const isOurs = isUnix ? isUnixSocketOfOurs(inode) : true;
  // Another socket may have taken the descriptor's number meanwhile; then the first one is in no list since it is closed.
  if (isOurs === undefined || inodeOf(pid, fd) !== inode) return undefined;
  return !isOurs && hasNameOf(pid, fd, listener) !== false ? "far" : "other";
}

/** `UNIX-STREAM` (`UNIX` before Linux 5.15), `TCP` and so on; undefined where the kernel does not tell. */
function protocolOf(pid: number, fd: number): string | undefined {
  return ifAllowed(() => attributeOf(`/proc/${pid}/fd/${fd}`, "system.sockprotoname", 32));
}

/** An accepted connection has the name that its listener was bound to. Undefined where we may not take the descriptor. */
function hasNameOf(pid: number, fd: number, listener: Watched): boolean | undefined {
  const { fd: ours } = listener;
  if (ours === undefined) return undefined;
  return ifAllowed(() => withDescriptor(pid, fd, (taken) => addressOf(taken).equals(addressOf(ours))));
}

/** Where we may not take the descriptor, a connection counts as one that is still to be answered. */
function lookInto(pid: number, fd: number): Connection {
  const look = (taken: number) => ({ unreadBytes: unreadBytes(taken), isOver: isShutForSending(taken) });
  return ifAllowed(() => withDescriptor(pid, fd, look)) ?? { unreadBytes: 0, isOver: false };
}

function ifAllowed<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof SystemCallError) return undefined;
    throw error;
  }
}
