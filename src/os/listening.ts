/** Who listens at an address, whoever's program it is, and what waits there. Nobody is connected to. */
import { closeSync, readFileSync, statSync } from "node:fs";
import { parseTcpTable } from "../diagnosis/socket-table.ts";
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

/** The sockets that take connections to this address; of one port there may be several (SO_REUSEPORT). */
export function listeningAt(place: Place): Listening[] {
  return place.kind === "unix" ? unixListening(place.path) : tcpListening(place.host, place.port);
}

function unixListening(path: string): Listening[] {
  const file = statSync(path, { throwIfNoEntry: false });
  const inodes = file?.isSocket() === true ? [...(unixSocketsAt(file, "listening")?.keys() ?? [])] : [];
  const holdings = holdingsOf(inodes);
  return inodes.map((inode) => ({
    inode,
    at: path,
    holdings: holdings.get(inode) ?? [],
    queue: unixQueueOf(inode),
  }));
}

function tcpListening(host: string, port: number): Listening[] {
  const sockets = ["tcp", "tcp6"].flatMap((name) => parseTcpTable(tryRead(`/proc/net/${name}`)));
  const fitting = sockets.filter(({ isListening, local }) => isListening && takes(local, host, port));
  const holdings = holdingsOf(fitting.map(({ inode }) => inode));
  return fitting.map(({ inode, local }) => {
    const held = holdings.get(inode) ?? [];
    return { inode, at: local, holdings: held, queue: tcpQueueThrough(held[0]) };
  });
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
