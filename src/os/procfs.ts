/** What the kernel tells about a process: is it waiting for a request, does it hold one, who holds this socket. */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from "node:fs";
import {
  epollWatches,
  parseStat,
  parseSyscall,
  pollFds,
  selectFds,
  socketInode,
  waitCallsOf,
} from "../supervision/readiness.ts";
import type { Sight } from "../supervision/worker.ts";
import { nowMs } from "./clock.ts";

const waitCalls = process.platform === "linux" ? waitCallsOf(process.arch) : undefined;

/** What of a listener is needed to recognise it, and its connections, in other processes. */
export interface Watched {
  readonly inode: number;
  /** Inodes of the connections that have been accepted; undefined where the kernel does not tell. */
  accepted(): ReadonlySet<number> | undefined;
}

/** A busy worker may go from one connection to the next between the kernel's answer and our look (measured: 4 to 11 of 100). */
const mostLooks = 4;

/**
 * One look at a worker and, where it does not wait itself, at the processes it started in its session (php-cgi with
 * children, preforking programs). Costs some 0.1 ms.
 */
export function lookAt(pid: number, listener: Watched): Sight {
  if (waitCalls === undefined) return "unseen";
  try {
    for (let look = 1; ; look += 1) {
      if (waitsOn(pid, listener.inode)) return "waiting";
      const accepted = listener.accepted();
      if (accepted === undefined) return "unseen";
      if (holdsAny(pid, accepted)) return "busy";
      if (look === mostLooks) return lookAtOthers(pid, listener, accepted);
    }
  } catch (error) {
    return isGone(error) ? "elsewhere" : "unseen";
  }
}

function lookAtOthers(pid: number, listener: Watched, accepted: ReadonlySet<number>): Sight {
  const others = recentSessionOf(pid).filter((other) => other !== pid);
  if (others.some((other) => waitsOn(other, listener.inode))) return "waiting";
  return others.some((other) => holdsAny(other, accepted)) ? "busy" : "elsewhere";
}

/** Does the worker, or a process of its session, hold an accepted connection? Made for stopped workers. */
export function lookForConnections(pid: number, listener: Watched): Sight {
  try {
    const accepted = listener.accepted();
    if (accepted === undefined) return "unseen";
    if (accepted.size === 0) return "elsewhere";
    const busy =
      holdsAny(pid, accepted) || recentSessionOf(pid).some((other) => other !== pid && holdsAny(other, accepted));
    return busy ? "busy" : "elsewhere";
  } catch (error) {
    return isGone(error) ? "elsewhere" : "unseen";
  }
}

/** Has SIGSTOP taken effect in every thread? True as well for a process that is gone. */
export function isStopped(pid: number): boolean {
  try {
    return threadsOf(pid).every((thread) => /[TtZX]/.test(parseStat(read(`${thread}/stat`)).state));
  } catch (error) {
    if (isGone(error)) return true;
    throw error;
  }
}

/** Processes of the session that this worker leads, itself included. */
export function sessionOf(pid: number): readonly number[] {
  return readSessions().get(pid) ?? [];
}

/** The same as of some moments ago: reading every process takes milliseconds, and many workers are looked at in a row. */
function recentSessionOf(pid: number): readonly number[] {
  if (sessions === undefined || nowMs() - sessions.atMs > oldestSessionsMs) {
    sessions = { atMs: nowMs(), members: readSessions() };
  }
  return sessions.members.get(pid) ?? [];
}

const oldestSessionsMs = 100;
let sessions: { readonly atMs: number; readonly members: ReadonlyMap<number, readonly number[]> } | undefined;

function readSessions(): Map<number, number[]> {
  const members = new Map<number, number[]>();
  for (const pid of allPids()) {
    const session = sessionNumberOf(pid);
    if (session === undefined) continue;
    const known = members.get(session);
    if (known === undefined) members.set(session, [pid]);
    else known.push(pid);
  }
  return members;
}

function sessionNumberOf(pid: number): number | undefined {
  try {
    return parseStat(read(`/proc/${pid}/stat`)).session;
  } catch {
    return undefined;
  }
}

/** Processes that hold a socket with one of these inodes, as far as we may see: those of other users only as root. */
export function holdersOf(inodes: readonly number[]): number[] {
  const wanted = new Set(inodes);
  return allPids().filter((pid) => {
    try {
      return holdsAny(pid, wanted);
    } catch {
      return false;
    }
  });
}

/** The name of a process as the kernel keeps it, 15 bytes of it; undefined when it is gone. */
export function processName(pid: number): string | undefined {
  try {
    return read(`/proc/${pid}/comm`)
      .trim()
      .replace(/^fcgi-pm: .*/, "fcgi-pm");
  } catch {
    return undefined;
  }
}

/** Was this process started as a worker of some fcgi-pm, and is it not a manager itself? */
export function isWorkerOfOurs(pid: number): boolean {
  try {
    return /(^|\0)FCGI_PM_APP=/.test(read(`/proc/${pid}/environ`)) && processName(pid) !== "fcgi-pm";
  } catch {
    return false;
  }
}

/** Does the shared listener have O_NONBLOCK now? Somebody among its holders set it. */
export function isNonBlocking(fd: number): boolean {
  try {
    const flags = /^flags:\s+(\d+)/m.exec(read(`/proc/self/fdinfo/${fd}`))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & 0o4000) !== 0;
  } catch {
    return false;
  }
}

/** The kernel's cap on listen queues (net.core.somaxconn); undefined where it does not tell. */
export function queueCap(): number | undefined {
  try {
    return Number(read("/proc/sys/net/core/somaxconn"));
  } catch {
    return undefined;
  }
}

function waitsOn(pid: number, inode: number): boolean {
  return threadsOf(pid).some((thread) => threadWaitsOn(pid, thread, inode));
}

function threadWaitsOn(pid: number, thread: string, inode: number): boolean {
  const call = parseSyscall(read(`${thread}/syscall`));
  if (call === undefined) return false;
  const first = Number(call.args[0]);
  switch (waitCalls?.get(call.number)) {
    case "accept":
      return inodeOf(pid, first) === inode;
    case "epoll":
      return epollWatches(read(`/proc/${pid}/fdinfo/${first}`), inode);
    case "poll":
      return polled(pid, call.args, inode);
    case "select":
      return selected(pid, call.args, inode);
    default:
      return false;
  }
}

/** More descriptors than this in one poll or select are not looked through. */
const mostPolled = 4096;

function polled(pid: number, args: readonly bigint[], inode: number): boolean {
  const count = Math.min(Number(args[1]), mostPolled);
  return pollFds(readMemory(pid, args[0] ?? 0n, count * 8)).some((fd) => inodeOf(pid, fd) === inode);
}

function selected(pid: number, args: readonly bigint[], inode: number): boolean {
  const limit = Math.min(Number(args[0]), mostPolled);
  const readSet = args[1] ?? 0n;
  if (readSet === 0n) return false;
  return selectFds(readMemory(pid, readSet, Math.ceil(limit / 64) * 8), limit).some((fd) => inodeOf(pid, fd) === inode);
}

/** Bytes of another process's memory: the descriptors a poll or select waits for are arguments in its memory. */
function readMemory(pid: number, address: bigint, length: number): Buffer {
  const memory = Buffer.alloc(length);
  const fd = openSync(`/proc/${pid}/mem`, "r");
  try {
    return memory.subarray(0, readSync(fd, memory, 0, length, address));
  } finally {
    closeSync(fd);
  }
}

function holdsAny(pid: number, inodes: ReadonlySet<number>): boolean {
  if (inodes.size === 0) return false;
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    const inode = inodeOf(pid, Number(fd));
    return inode !== undefined && inodes.has(inode);
  });
}

function inodeOf(pid: number, fd: number): number | undefined {
  try {
    return socketInode(readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Paths of the threads; the first is the process itself. */
function threadsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((tid) => `/proc/${pid}/task/${tid}`);
}

function allPids(): number[] {
  return readdirSync("/proc").map(Number).filter(Number.isInteger);
}

function read(path: string): string {
  return readFileSync(path, "latin1");
}

/** The process or descriptor ended while we looked. */
function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ESRCH" || code === "EBADF" || code === "EIO";
}
