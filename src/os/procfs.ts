/** What the kernel tells about a process: is it waiting for a request, does it hold one, who holds this socket. */
import { existsSync } from "node:fs";
import { epollWatches, parseStat, parseSyscall, pollFds, selectFds, waitCallsOf } from "../supervision/readiness.ts";
import type { Sight } from "../supervision/worker.ts";
import { nowMs } from "./clock.ts";
import { hasFarClients, heldBy, mayHold, type Watched } from "./held-connections.ts";
import { allPids, inodeOf, isGone, read, readMemory, socketsOf, threadsOf } from "./proc-files.ts";
import type { Connection, Connections } from "./sockdiag.ts";

const waitCalls = process.platform === "linux" ? waitCallsOf(process.arch) : undefined;

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
      const accepted = listener.connections();
      if (accepted === undefined) return "unseen";
      if (heldBy(pid, accepted, listener).length > 0) return "busy";
      if (look === mostLooks) return lookAtOthers(pid, listener, accepted);
    }
  } catch (error) {
    return isGone(error) ? "elsewhere" : "unseen";
  }
}

function lookAtOthers(pid: number, listener: Watched, accepted: Connections): Sight {
  const others = recentSessionOf(pid).filter((other) => other !== pid);
  if (others.some((other) => waitsOn(other, listener.inode))) return "waiting";
  return others.some((other) => heldBy(other, accepted, listener).length > 0) ? "busy" : "elsewhere";
}

/**
 * How many accepted connections do the worker and the processes of its session hold? Made for stopped workers. One that
 * has been answered in full does not count: libfcgi and PHP wait there until the client has gone as well, which is most
 * of what can be seen between the requests of a worker that never rests.
 */
export function lookForConnections(pid: number, listener: Watched): Sight {
  try {
    const held = openConnectionsOf(pid, listener);
    if (held === undefined) return "unseen";
    if (held.size === 0) return "elsewhere";
    return held.size === 1 ? "busy" : "crowded";
  } catch (error) {
    return isGone(error) ? "elsewhere" : "unseen";
  }
}

/** Inodes of the connections that are still to be answered; undefined where the kernel does not tell. */
export function openConnectionsOf(pid: number, listener: Watched): ReadonlySet<number> | undefined {
  const accepted = listener.connections();
  if (accepted === undefined) return undefined;
  if (!mayHold(accepted, listener)) return new Set();
  const own = openAmong([pid], accepted, listener);
  if (!mayBeMore(accepted, listener)) return own;
  const members = membersOf(pid);
  const open = new Set([...own, ...openAmong(members.slice(1), accepted, listener)]);
  // A child that was forked for the request may be younger than our list of the session.
  return open.size > 0 ? open : openAmong(youngerThan(members) ?? sessionOf(pid), accepted, listener);
}

function mayBeMore(accepted: Connections, listener: Watched): boolean {
  return hasFarClients(listener) || [...accepted.values()].some(isOpen);
}

function isOpen({ isOver, unreadBytes }: Connection): boolean {
  return !isOver || unreadBytes > 0;
}

/** The worker and the processes of its session. */
export function membersOf(pid: number): readonly number[] {
  return [pid, ...recentSessionOf(pid).filter((other) => other !== pid)];
}

/** One of the processes may end while we look, the others go on. */
function openAmong(pids: readonly number[], accepted: Connections, listener: Watched): Set<number> {
  const open = new Set<number>();
  for (const pid of pids) {
    try {
      for (const held of heldBy(pid, accepted, listener)) if (isOpen(held)) open.add(held.inode);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
  return open;
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

/** Processes below these, without them; undefined where the kernel does not tell (CONFIG_PROC_CHILDREN). */
function youngerThan(members: readonly number[]): readonly number[] | undefined {
  if (!existsSync("/proc/thread-self/children")) return undefined;
  const family = new Set(members);
  for (const pid of family) for (const child of childrenOf(pid)) family.add(child);
  return [...family].slice(members.length);
}

function childrenOf(pid: number): number[] {
  try {
    return threadsOf(pid).flatMap((thread) => read(`${thread}/children`).split(" ").slice(0, -1).map(Number));
  } catch {
    return []; // gone
  }
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
      return [...socketsOf(pid).values()].some((inode) => wanted.has(inode));
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
