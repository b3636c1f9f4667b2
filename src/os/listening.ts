/** Who listens at an address, whoever's program it is, and what waits there. Nobody is connected to. */
import { closeSync, readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { parseTcpTable } from "../diagnosis/socket-table.ts";
import { isLoopback } from "../supervision/socket.ts";
import { SystemCallError, takeDescriptor } from "./posix.ts";
import { allPids, socketsOf } from "./proc-files.ts";
import { type Queue, unixQueueOf, unixSocketsAt } from "./sockdiag.ts";
import { tcpQueueOf } from "./socket-facts.ts";

export type Place =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** A process that has the listening socket among its descriptors. */
export interface Holding {
  readonly pid: number;
  readonly fd: number;
}

export interface Listening {
  readonly inode: number;
  /** What it is bound to: the path, or host:port. */
  readonly at: string;
  /** As far as we may see. */
  readonly holdings: readonly Holding[];
  /** Undefined where the kernel does not tell. */
  readonly queue: Queue | undefined;
}

/** A listening socket, whoever has it: looking for that in all processes is the costly part. */
type Listener = Pick<Listening, "inode" | "at">;

/** The sockets that take connections to this address; of one port there may be several (SO_REUSEPORT). */
export function listeningAt(place: Place): Listening[] {
  const found = listenersAt(place);
  const holdings = holdingsOf(found.map(({ inode }) => inode));
  return found.map((listener) => {
    const held = holdings.get(listener.inode) ?? [];
    const queue = place.kind === "unix" ? unixQueueOf(listener.inode) : tcpQueueThrough(held[0]);
    return { ...listener, holdings: held, queue };
  });
}

/** The same without who has them. */
export function listenersAt(place: Place): Listener[] {
  return place.kind === "unix" ? unixListeners(place.path) : tcpListeners(place.host, place.port);
}

function unixListeners(path: string): Listener[] {
  const file = statSync(path, { throwIfNoEntry: false });
  const inodes = file?.isSocket() === true ? [...(unixSocketsAt(file, "listening")?.keys() ?? [])] : [];
  return inodes.map((inode) => ({ inode, at: path }));
}

function tcpListeners(host: string, port: number): Listener[] {
  if (!isOfThisMachine(host)) return [];
  const sockets = ["tcp", "tcp6"].flatMap((name) => parseTcpTable(tryRead(`/proc/net/${name}`)));
  const fitting = sockets.filter(({ isListening, local }) => isListening && takes(local, host, port));
  return fitting.map(({ inode, local }) => ({ inode, at: local }));
}

/** Another name than localhost may be any machine's: whoever connects looks it up. */
export function isOfThisMachine(host: string): boolean {
  if (isIP(host) === 0) return host === "localhost";
  return host === "0.0.0.0" || host === "::" || isLoopback(host) || ownAddresses().includes(host);
}

export function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address));
}

/** Does what is bound to `local` take connections to this host and port? */
function takes(local: string, host: string, port: number): boolean {
  const end = local.lastIndexOf(":");
  const name = local.slice(0, end).replace(/^\[|\]$/g, "");
  if (Number(local.slice(end + 1)) !== port) return false;
  if (name === host || name === "::") return true;
  return name === "0.0.0.0" ? !host.includes(":") : host === "localhost" && /^127\.|^::1$/.test(name);
}

function holdingsOf(inodes: readonly number[]): Map<number, Holding[]> {
  const found = new Map<number, Holding[]>(inodes.map((inode) => [inode, []]));
  if (inodes.length === 0) return found;
  for (const pid of allPids()) {
    for (const [fd, inode] of trySocketsOf(pid)) found.get(inode)?.push({ pid, fd });
  }
  return found;
}

function trySocketsOf(pid: number): Iterable<[number, number]> {
  try {
    return socketsOf(pid);
  } catch {
    return []; // gone, or not ours to see
  }
}

/** Only the socket itself tells what waits on a port. */
function tcpQueueThrough(holding: Holding | undefined): Queue | undefined {
  if (holding === undefined) return undefined;
  let fd: number | undefined;
  try {
    fd = takeDescriptor(holding.pid, holding.fd);
    return tcpQueueOf(fd);
  } catch (error) {
    if (error instanceof SystemCallError) return undefined;
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Does this descriptor have O_NONBLOCK? Undefined where we may not see. */
export function isNonBlockingIn({ pid, fd }: Holding): boolean | undefined {
  const flags = /^flags:\s+(\d+)/m.exec(tryRead(`/proc/${pid}/fdinfo/${fd}`))?.[1];
  return flags === undefined ? undefined : (Number.parseInt(flags, 8) & 0o4000) !== 0;
}

function tryRead(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
