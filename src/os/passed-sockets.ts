/** Descriptors that systemd has passed: what each of them is, and where it listens. */
import { fstatSync, lstatSync, type Stats } from "node:fs";
import { FcgiPmError } from "../errors.ts";
import { formatAddress } from "../supervision/socket.ts";
import type { Place } from "./listening.ts";
import { addressOf, inetAddress, socketOption } from "./posix.ts";
import { unixSocketsAt } from "./sockdiag.ts";

/** A stream socket that listens. */
export interface PassedSocket {
  readonly fd: number;
  /** FileDescriptorName= of its socket unit, by default the unit's name; or the one under which it was stored. */
  readonly name: string;
  readonly inode: number;
  /** What it is bound to. A path may have been renamed since. */
  readonly at: Place;
}

/** Anything else, in words that follow "it is". */
export interface Misfit {
  readonly fd: number;
  readonly name: string;
  readonly what: string;
}

const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_ACCEPTCONN = 30;
const SOCK_STREAM = 1;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const kinds: Readonly<Record<number, string>> = { 2: "a datagram socket", 3: "a raw socket", 5: "a packet socket" };

export function examine({ fd, name }: { readonly fd: number; readonly name: string }): PassedSocket | Misfit {
  const file = tryStat(fd);
  if (file === undefined) return { fd, name, what: "not open" };
  if (!file.isSocket()) return { fd, name, what: "no socket" };
  const type = numberOf(fd, SO_TYPE);
  if (type !== SOCK_STREAM) return { fd, name, what: kinds[type] ?? "no stream socket" };
  if (numberOf(fd, SO_ACCEPTCONN) === 0) return { fd, name, what: "a socket that does not listen" };
  const at = placeOf(addressOf(fd));
  if (typeof at === "string") return { fd, name, what: at };
  return { fd, name, inode: file.ino, at };
}

/** Throws where one is such that no app could serve on it. */
export function refuseMisfits(sockets: readonly (PassedSocket | Misfit)[]): PassedSocket[] {
  return sockets.map((socket) => {
    if ("at" in socket) return socket;
    const { fd, name, what } = socket;
    throw new FcgiPmError(
      "FCGI_PM_PASSED_SOCKET_WRONG",
      `Cannot take over descriptor ${fd}, which systemd passes as "${name}": it is ${what}`,
    );
  });
}

export function describePlace(place: Place): string {
  return place.kind === "unix" ? place.path : formatAddress(place.host, place.port);
}

/** Do clients that connect to this place reach this socket? */
export function isAt(socket: PassedSocket, place: Place): boolean {
  return reachedFrom(place)(socket);
}

/** The same for many sockets: the place is looked at once, which takes a look at all sockets of the machine. */
export function reachedFrom(place: Place): (socket: PassedSocket) => boolean {
  if (place.kind === "tcp") return ({ at }) => at.kind === "tcp" && isSame(at, place);
  const file = fileAt(place.path);
  if (file?.isSocket() !== true) return () => false;
  // The file is the socket's own, whatever it is called by now; where the kernel does not tell, the name has to do.
  const inodes = unixSocketsAt(file, "listening");
  return ({ at, inode }) => at.kind === "unix" && (inodes?.has(inode) ?? place.path === at.path);
}

type Tcp = Extract<Place, { kind: "tcp" }>;

/** An IPv6 address can be written in many ways. */
function isSame(one: Tcp, other: Tcp): boolean {
  return inetAddress(one.host, one.port).equals(inetAddress(other.host, other.port));
}

export function fileAt(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // a directory that we may not enter
  }
}

function tryStat(fd: number): Stats | undefined {
  try {
    return fstatSync(fd);
  } catch {
    return undefined;
  }
}

function numberOf(fd: number, name: number): number {
  return socketOption(fd, SOL_SOCKET, name, 4).readInt32LE(0);
}

/** `struct sockaddr_un`, `_in` or `_in6` as a place; what is none, in words. */
function placeOf(address: Buffer): Place | string {
  switch (address.readUInt16LE(0)) {
    case AF_UNIX:
      return unixPlace(address.subarray(2));
    case AF_INET:
      return { kind: "tcp", host: [...address.subarray(4, 8)].join("."), port: address.readUInt16BE(2) };
    case AF_INET6:
      return { kind: "tcp", host: ipv6(address.subarray(8, 24)), port: address.readUInt16BE(2) };
    default:
      return "neither a Unix nor a TCP socket";
  }
}

function unixPlace(name: Buffer): Place | string {
  if (name.length === 0) return "a socket without an address";
  if (name[0] === 0) return "an abstract socket, which has no path for a web server";
  const end = name.indexOf(0);
  return { kind: "unix", path: name.toString("utf8", 0, end === -1 ? name.length : end) };
}

/** As it is usually written, which the parser of URLs knows. */
function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}
