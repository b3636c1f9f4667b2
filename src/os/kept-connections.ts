/**
 * Workers that hold connections on which nothing is in flight: a web server keeps them for its next request
 * (FCGI_KEEP_CONN), and a program that serves one connection at a time is occupied by them. While such a worker is
 * stopped, its connections can be ended without losing anything.
 *
 * It can be told of programs only whose thread itself reads the connection that it serves. What an event loop (Node, Go)
 * has in flight nobody can see: a request that waits for a timer looks just like no request.
 */
import { closeSync } from "node:fs";
import { nowMs } from "./clock.ts";
import { connectionHoldersOf, type Holder } from "./connection-holders.ts";
import { admitPackets, refusePackets } from "./packet-filter.ts";
import { peek, SystemCallError, shutdown, takeDescriptor, unreadBytes } from "./posix.ts";
import { read } from "./proc-files.ts";
import type { Watched } from "./procfs.ts";
import { markOf, unmark } from "./socket-facts.ts";
import { isWholeRequest } from "./whole-request.ts";

/**
 * A worker that waits for bytes, and gets none, may be in the middle of an upload that pauses. After so long a pause the
 * connection is taken for an idle one: as long as libfcgi gives a web server for its first byte.
 */
export const stillMs = 2000;

/** What one look saw, for the next one. */
export interface Trace {
  /** How many accepted connections the worker and the processes of its session held. */
  readonly connections: number;
  /** Since when it has looked just so; undefined while it does not wait for all of them. */
  readonly still: Still | undefined;
}

interface Still {
  readonly sinceMs: number;
  /** The connections, and how much has come in on them: as long as nothing does, it stays the same. */
  readonly marks: string;
  /** How often the threads have given up the processor: it shows whether they came to run between two looks. */
  readonly switches: number;
  readonly hasRun: boolean;
}

/**
 * `idle`: nothing is in flight, and nothing can come any more: both ends know that its connections have ended. It may be
 * signalled at once. `leaving`: on one of its connections it has its last request before it; after the answer it reads
 * the end and comes back without it. `waiting`: nothing is to be seen in flight; what comes while it stays stopped shows
 * whether it was idle. `busy`: none of this.
 */
export type Outcome = "idle" | "leaving" | "waiting" | "busy";

export interface Kept {
  readonly trace: Trace;
  readonly outcome: Outcome;
}

const nothingSeen: Kept = { trace: { connections: 0, still: undefined }, outcome: "busy" };

/**
 * To be called while SIGSTOP is in effect in all threads of a worker that holds connections, each time that it is, with
 * the trace of the time before. Ends its connections where nothing is in flight on them. While it says `waiting`, the
 * worker may be kept stopped for some more milliseconds and looked at again: the request of a busy web server comes
 * soon, and then there is no doubt. Where the kernel does not let us take a descriptor, nothing is ended.
 */
export function releaseKept(pid: number, listener: Watched, before: Trace | undefined): Kept {
  try {
    const holders = connectionHoldersOf(pid, listener);
    if (holders === undefined) return nothingSeen;
    const connections = new Set(holders.flatMap(({ held }) => held.map(({ inode }) => inode))).size;
    const unsettled = { connections, still: undefined };
    if (connections === 0) return { trace: unsettled, outcome: "idle" };
    if (!isQuiet(holders)) {
      if (before?.still !== undefined) forEachHeld(holders, unmark);
      return { trace: unsettled, outcome: letLeave(holders) };
    }
    const still = stillAsBefore(before?.still, holders);
    const isIdle = still.hasRun && nowMs() - still.sinceMs >= stillMs;
    return { trace: { connections, still }, outcome: isIdle ? end(holders) : "waiting" };
  } catch (error) {
    if (error instanceof SystemCallError || typeof (error as NodeJS.ErrnoException).code === "string")
      return nothingSeen;
    throw error;
  }
}

/** Everybody waits for bytes, and there are none. */
function isQuiet(holders: readonly Holder[]): boolean {
  return holders.every(({ isReading, held }) => isReading && held.every(({ unreadBytes }) => unreadBytes === 0));
}

/**
 * The surest sign of a worker that was idle when it was stopped: its next request lies before it, unread and whole. Then
 * its web server sends nothing more until it has the answer, and the input may end here: after the answer the worker
 * reads the end. A program of several threads may read on while it answers, and would take the end for its client's.
 */
function letLeave(holders: readonly Holder[]): Outcome {
  let outcome: Outcome = "busy";
  for (const { pid, held, threads, isReading } of holders) {
    if (!isReading || threads.length > 1) continue;
    for (const { fd, unreadBytes } of held) {
      if (unreadBytes > 0 && withDescriptor(pid, fd, endInputAfterRequest)) outcome = "leaving";
    }
  }
  return outcome;
}

/** The largest request that is looked through: as much as a Unix socket holds by default. */
const largestRequest = 256 * 1024;

function endInputAfterRequest(fd: number): boolean {
  const length = unreadBytes(fd);
  if (length > largestRequest) return false;
  const bytes = peek(fd, Buffer.allocUnsafe(length + 1));
  if (bytes.length !== length || !isWholeRequest(bytes)) return false;
  shutdown(fd, "input");
  return true;
}

function end(holders: readonly Holder[]): Outcome {
  return forEachHeld(holders, endConnection).every((hasEnded) => hasEnded) ? "idle" : "busy";
}

/**
 * Ends both directions, unless something comes in at the last moment. Nothing can be lost in between: on TCP packets are
 * dropped meanwhile, unconfirmed; on a Unix socket the client cannot send any more once the input has ended. (Where we may
 * not filter packets, a request that comes within these microseconds is read by the worker, and its answer goes nowhere.)
 */
function endConnection(fd: number): boolean {
  const isFiltered = refusePackets(fd);
  try {
    if (unreadBytes(fd) > 0) return false;
    shutdown(fd, "input");
    if (unreadBytes(fd) > 0) return false; // sent just before; the worker answers it and then reads the end
    shutdown(fd, "output");
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && error.errno === "ENOTCONN") return true;
    throw error;
  } finally {
    if (isFiltered) admitPackets(fd);
  }
}

function forEachHeld<T>(holders: readonly Holder[], act: (fd: number) => T): T[] {
  return holders.flatMap(({ pid, held }) => held.map(({ fd }) => withDescriptor(pid, fd, act)));
}

function withDescriptor<T>(pid: number, fd: number, act: (ours: number) => T): T {
  const ours = takeDescriptor(pid, fd);
  try {
    return act(ours);
  } finally {
    closeSync(ours);
  }
}

/** Has nothing come in since the look before? Then its wait goes on, else a new one begins. */
function stillAsBefore(before: Still | undefined, holders: readonly Holder[]): Still {
  const inodes = holders.flatMap(({ held }) => held.map(({ inode }) => inode));
  const marks = [...inodes, ...forEachHeld(holders, markOf)].join(" ");
  const switches = holders.flatMap(({ threads }) => threads.map(({ path }) => switchesOf(path)));
  const sum = switches.reduce((total, count) => total + count, 0);
  if (before?.marks !== marks) return { sinceMs: nowMs(), marks, switches: sum, hasRun: false };
  return { ...before, switches: sum, hasRun: before.hasRun || sum > before.switches };
}

function switchesOf(thread: string): number {
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(read(`${thread}/status`))?.[1]);
}
