/**
 * Workers that hold connections on which nothing is in flight: a web server keeps them for its next request
 * (FCGI_KEEP_CONN), and a program that serves one connection at a time is occupied by them. While such a worker is
 * stopped, its connections can be ended without losing anything.
 *
 * It can be told of programs only whose thread itself reads the connection that it serves. What an event loop (Node, Go)
 * has in flight nobody can see: a request that waits for a timer looks just like no request.
 */
import { closeSync } from "node:fs";
import { parseStat, parseSyscall, pollFds, selectFds, waitCallsOf } from "../supervision/readiness.ts";
import { type Wait, waitOf } from "../supervision/reading.ts";
import { nowMs } from "./clock.ts";
import { admitPackets, refusePackets } from "./packet-filter.ts";
import { peek, SystemCallError, shutdown, takeDescriptor, unreadBytes } from "./posix.ts";
import { inodeOf, isGone, read, readMemory, socketsOf, threadsOf } from "./proc-files.ts";
import { membersOf, type Watched } from "./procfs.ts";
import type { Connections } from "./sockdiag.ts";
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
  /** What must not change: who waits for which connection, in which call, after how many bytes read and written. */
  readonly picture: string;
  /** How often each thread has given up the processor, by its path. */
  readonly switches: ReadonlyMap<string, number>;
  /** Whether it was continued since then, and came to wait again. */
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

/** A process that holds accepted connections. */
interface Holder {
  readonly pid: number;
  readonly held: readonly Held[];
  readonly threads: readonly Thread[];
  /** Each of its connections is read by one of its threads, and all other threads sleep. */
  readonly isReading: boolean;
}

interface Held {
  readonly inode: number;
  readonly fd: number;
  readonly unreadBytes: number;
}

interface Thread {
  readonly path: string;
  /** The system call, as /proc has it. */
  readonly call: string;
  /** The inode of what it reads; undefined where it does something else, or runs. */
  readonly reads: number | "nothing" | undefined;
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
    const accepted = listener.connections();
    if (accepted === undefined) return nothingSeen;
    const holders = membersOf(pid).flatMap((member) => lookAtHolder(member, accepted, listener));
    const connections = new Set(holders.flatMap(({ held }) => held.map(({ inode }) => inode))).size;
    if (connections === 0) return { trace: { connections, still: undefined }, outcome: "idle" };
    if (!isQuiet(holders)) return { trace: { connections, still: undefined }, outcome: letLeave(holders) };
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
  const ended = holders.flatMap(({ pid, held }) => held.map(({ fd }) => withDescriptor(pid, fd, endConnection)));
  return ended.every((one) => one) ? "idle" : "busy";
}

/**
 * Ends both directions, unless something comes in at the last moment. Nothing can be lost in between: on TCP packets are
 * dropped meanwhile, unconfirmed; on a Unix socket the client cannot send any more once the input has ended.
 */
function endConnection(fd: number): boolean {
  refusePackets(fd);
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
    admitPackets(fd);
  }
}

function withDescriptor(pid: number, fd: number, act: (ours: number) => boolean): boolean {
  const ours = takeDescriptor(pid, fd);
  try {
    return act(ours);
  } finally {
    closeSync(ours);
  }
}

/**
 * Is this the same wait as before? A stop and a continue make a thread give up the processor once each (measured:
 * Linux 6.18), which is the most that may have happened between two looks. What is read by read(2) and written by
 * write(2) counts in rchar and wchar; what goes through recv(2) and send(2) does not, but a thread that reads it waits
 * once more.
 */
function stillAsBefore(before: Still | undefined, holders: readonly Holder[]): Still {
  const picture = holders.map(draw).join("\n");
  const switches = new Map(holders.flatMap(({ threads }) => threads).map(({ path }) => [path, switchesOf(path)]));
  const grown = [...switches].map(([path, count]) => count - (before?.switches.get(path) ?? 0));
  if (before === undefined || before.picture !== picture || grown.some((count) => count > 2)) {
    return { sinceMs: nowMs(), picture, switches, hasRun: false };
  }
  return { ...before, switches, hasRun: before.hasRun || grown.some((count) => count > 0) };
}

function draw({ pid, held, threads }: Holder): string {
  const io = read(`/proc/${pid}/io`).match(/^[rw]char: \d+/gm) ?? [];
  return [
    ...io,
    ...held.map(({ inode, fd }) => `${fd} ${inode}`),
    ...threads.map(({ path, call }) => `${path} ${call}`),
  ].join("\n");
}

function switchesOf(thread: string): number {
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(read(`${thread}/status`))?.[1]);
}

/** None where it holds no connection, or has just ended. */
function lookAtHolder(pid: number, accepted: Connections, listener: Watched): Holder[] {
  try {
    const held = [...socketsOf(pid)].flatMap(([fd, inode]): Held[] => {
      const connection = accepted.get(inode);
      return connection === undefined ? [] : [{ inode, fd, unreadBytes: connection.unreadBytes }];
    });
    if (held.length === 0) return [];
    const threads = threadsOf(pid).map((path) => lookAtThread(pid, path, listener));
    const wanted = new Set(held.map(({ inode }) => inode));
    const isReading =
      threads.every(({ reads }) => reads === "nothing" || wanted.has(reads ?? 0)) &&
      [...wanted].every((inode) => threads.some(({ reads }) => reads === inode));
    return [{ pid, held, threads, isReading }];
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

function lookAtThread(pid: number, path: string, listener: Watched): Thread {
  const call = read(`${path}/syscall`).trim();
  const isStopped = parseStat(read(`${path}/stat`)).state === "T";
  return { path, call, reads: isStopped ? readsOf(pid, call, listener) : undefined };
}

function readsOf(pid: number, text: string, listener: Watched): Thread["reads"] {
  const call = parseSyscall(text);
  if (call === undefined) return undefined;
  if (waitCallsOf(process.arch)?.get(call.number) === "accept") {
    return inodeOf(pid, Number(call.args[0])) === listener.inode ? "nothing" : undefined;
  }
  const wait = waitOf(call, process.arch);
  if (wait === undefined || wait.kind === "nothing") return wait?.kind;
  const [fd, ...others] = descriptorsOf(pid, wait);
  return fd === undefined || others.length > 0 ? undefined : inodeOf(pid, fd);
}

function descriptorsOf(pid: number, wait: Exclude<Wait, { kind: "nothing" }>): number[] {
  switch (wait.kind) {
    case "descriptor":
      return [wait.fd];
    case "polled":
      return pollFds(readMemory(pid, wait.address, 8));
    case "selected":
      return selectFds(readMemory(pid, wait.address, Math.ceil(wait.limit / 64) * 8), wait.limit);
  }
}
