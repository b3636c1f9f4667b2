/** What a socket tells whoever has its descriptor, and takes: the queue of a listener, how much has come in on a connection. */
import { SystemCallError, setSocketOption, socketOption } from "./posix.ts";
import type { Queue } from "./sockdiag.ts";

const SOL_SOCKET = 1;
const SO_DOMAIN = 39;
const SO_PEEK_OFF = 42;
const AF_UNIX = 1;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_INFO = 11;

/** `struct tcp_info` of a listening socket: `tcpi_unacked` and `tcpi_sacked` count something else there. */
export function tcpQueueOf(fd: number): Queue | undefined {
  try {
    const info = socketOption(fd, IPPROTO_TCP, TCP_INFO, 32);
    return { length: info.readUInt32LE(24), limit: info.readUInt32LE(28) };
  } catch (error) {
    if (error instanceof SystemCallError) return undefined;
    throw error;
  }
}

/** High enough that no program reads so much between two looks. */
const markStart = 2 ** 30;

/**
 * A number that changes with what comes in, whoever reads it and however. TCP counts the bytes (`tcpi_bytes_received`,
 * Linux 4.1). A Unix socket does not, but it lowers its peek offset by each byte that is read, once it has one: so it is
 * given one, which matters only to programs that look at their input without reading it. `unmark` takes it away.
 */
export function markOf(fd: number): number {
  if (!isUnix(fd)) return Number(socketOption(fd, IPPROTO_TCP, TCP_INFO, 136).readBigUInt64LE(128));
  const mark = socketOption(fd, SOL_SOCKET, SO_PEEK_OFF, 4).readInt32LE(0);
  if (mark > markStart / 2) return mark;
  setSocketOption(fd, SOL_SOCKET, SO_PEEK_OFF, markStart);
  return markStart;
}

export function unmark(fd: number): void {
  if (isUnix(fd)) setSocketOption(fd, SOL_SOCKET, SO_PEEK_OFF, -1);
}

/** What waits to be sent is sent at once, and so is what comes (TCP_NODELAY). */
export function sendWithoutDelay(fd: number): void {
  if (!isUnix(fd)) setSocketOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

function isUnix(fd: number): boolean {
  return socketOption(fd, SOL_SOCKET, SO_DOMAIN, 4).readInt32LE(0) === AF_UNIX;
}
