/** Where the listening socket comes from: a manager's, or one that the program names itself. */
import { readFileSync, readlinkSync } from "node:fs";
import type { ListenOptions } from "node:net";
import { type Address, formatAddress, isPathTooLong, maxUnixPathBytes } from "./address.ts";
import { listenerFd } from "./inherited-listener.ts";

/** The first descriptor that is handed over by LISTEN_FDS, by the custom of systemd. */
const firstPassedFd = 3;

/** What the program's code says of it. */
export interface NamedPlace {
  readonly path?: string | undefined;
  readonly port?: number | undefined;
  readonly host?: string | undefined;
}

export interface ListeningPlace {
  /** The descriptor, if the socket is inherited. */
  readonly fd: number | undefined;
  readonly options: ListenOptions;
}

/**
 * In this order: LISTEN_FDS, if LISTEN_PID says that it is meant for us; a listening socket on fd 0; what the code names. If there is
 * none of them it is fd 0 all the same: trying it tells why it does not do.
 */
export function findListeningPlace(named: NamedPlace, env: NodeJS.ProcessEnv): ListeningPlace {
  if (Number(env["LISTEN_PID"]) === process.pid && Number(env["LISTEN_FDS"]) > 0) return inherited(firstPassedFd);
  const { path, port, host = "127.0.0.1" } = named;
  if ((path === undefined && port === undefined) || isListeningSocket(listenerFd)) return inherited(listenerFd);
  if (path === undefined) return { fd: undefined, options: { host, port: port ?? 0 } };
  const address: Address = { kind: "unix", path };
  if (!isPathTooLong(address)) return { fd: undefined, options: { path } };
  throw new RangeError(`Cannot listen on ${formatAddress(address)}: the path is longer than ${maxUnixPathBytes} bytes`);
}

function inherited(fd: number): ListeningPlace {
  return { fd, options: { fd } as ListenOptions };
}

/** As the kernel's tables have it; trying to listen would change what is not ours, as a terminal's or a pipe's flags. */
function isListeningSocket(fd: number): boolean {
  const inode = inodeOf(fd);
  if (inode === undefined) return false;
  return (
    isInTable("unix", inode, 6, 3, "00010000") ||
    isInTable("tcp", inode, 9, 3, "0A") ||
    isInTable("tcp6", inode, 9, 3, "0A")
  );
}

function inodeOf(fd: number): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  } catch {
    return undefined;
  }
}

/** True if the socket of this inode stands in the table, and what tells of listening has this value. */
function isInTable(name: string, inode: string, inodeColumn: number, column: number, listening: string): boolean {
  let table: string;
  try {
    table = readFileSync(`/proc/self/net/${name}`, "latin1");
  } catch {
    return false;
  }
  const words = table.split("\n").map((line) => line.trim().split(/\s+/));
  return words.some((row) => row[inodeColumn] === inode && row[column] === listening);
}
