/**
 * Workers that hold connections on which nothing is in flight: a web server keeps them for its next request
 * (FCGI_KEEP_CONN), and a program that serves one connection at a time is occupied by them. While such a worker is
 * stopped, its connections can be ended without losing anything.
 *
 * It can be told of programs only whose thread itself reads the connection that it serves. What an event loop (Node, Go)
 * has in flight nobody can see: a request that waits for a timer looks just like no request.
 */
import { askToClose } from "./ask-to-close.ts";
import { nowMs } from "./clock.ts";
import { connectionHoldersOf, type Holder } from "./connection-holders.ts";
import type { Watched } from "./held-connections.ts";
import { admitPackets, refusePackets } from "./packet-filter.ts";
import { isAtEnd, SystemCallError, shutdown, unreadBytes, withDescriptor } from "./posix.ts";
import { read } from "./proc-files.ts";
import { markOf, unmark } from "./socket-facts.ts";

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
  /** Those connections, by inode, that their web servers were asked to close. */
  readonly asked: ReadonlyMap<number, Asked>;
}

interface Asked {
  /** When they may be asked again. */
  readonly nextMs: number;
  readonly everyMs: number;
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
 * signalled at once. `waiting`: nothing is to be seen in flight; a web server that only keeps the connections closes them
 * while the worker stays stopped. `busy`: neither.
 */
export type Outcome = "idle" | "waiting" | "busy";

export interface Kept {
  readonly trace: Trace;
  readonly outcome: Outcome;
}

const nobodyAsked: Trace["asked"] = new Map();
const nothingSeen: Kept = { trace: { connections: 0, still: undefined, asked: nobodyAsked }, outcome: "busy" };

/**
 * To be called while SIGSTOP is in effect in all threads of a worker that holds connections, each time that it is, with
 * the trace of the time before. Has its connections closed where nothing is in flight on them. While it says `waiting`,
 * the worker may be kept stopped for some more milliseconds and looked at again: the answer of a web server comes soon,
 * be it the end of the connection or its next request. Where the kernel does not let us take a descriptor, nothing is done.
 */
export function releaseKept(pid: number, listener: Watched, before: Trace | undefined): Kept {
  try {
    const holders = connectionHoldersOf(pid, listener);
    if (holders === undefined) return nothingSeen;
    const connections = new Set(holders.flatMap(({ held }) => held.map(({ inode }) => inode))).size;
    const unsettled = { connections, still: undefined, asked: before?.asked ?? nobodyAsked };
    if (connections === 0) return { trace: unsettled, outcome: "idle" };
    if (isQuiet(holders)) return judgeQuiet(holders, { ...unsettled, still: before?.still });
    if (before?.still !== undefined) forEachHeld(holders, unmark);
    return { trace: unsettled, outcome: "busy" };
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

function judgeQuiet(holders: readonly Holder[], before: Trace): Kept {
  // No web server ends what it sends before it has read the answer, unless it does not want that any more.
  if (forEachHeld(holders, isAtEnd).every((hasEnded) => hasEnded)) return { trace: before, outcome: "idle" };
  const { connections } = before;
  const still = stillAsBefore(before.still, holders);
  const trace = { connections, still, asked: askAgain(holders, before.asked) };
  const isIdle = still.hasRun && nowMs() - still.sinceMs >= stillMs;
  return { trace, outcome: isIdle ? end(holders) : "waiting" };
}

/** nginx keeps what comes before an answer has begun in a buffer of 4 KiB: a minute of asking takes a quarter of it. */
const firstAskMs = 5;
const askGrowth = 1.05;

function askAgain(holders: readonly Holder[], before: Trace["asked"]): Trace["asked"] {
  const all = holders.flatMap(({ pid, held }) =>
    held.map(({ fd, inode }) => [inode, withDescriptor(pid, fd, (ours) => askOne(ours, before.get(inode)))] as const),
  );
  return new Map(all.flatMap(([inode, asked]) => (asked === undefined ? [] : [[inode, asked]])));
}

function askOne(fd: number, before: Asked | undefined): Asked | undefined {
  if ((before !== undefined && nowMs() < before.nextMs) || isAtEnd(fd)) return before;
  askToClose(fd);
  const everyMs = before === undefined ? firstAskMs : before.everyMs * askGrowth;
  return { nextMs: nowMs() + everyMs, everyMs };
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
