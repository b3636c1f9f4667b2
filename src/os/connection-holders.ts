/** Who of a stopped worker and the processes of its session holds connections, and for what its threads wait. */
import { parseStat, parseSyscall, pollFds, selectFds, waitCallsOf } from "../supervision/readiness.ts";
import { type Wait, waitOf } from "../supervision/reading.ts";
import { type Held, heldBy, type Watched } from "./held-connections.ts";
import { inodeOf, isGone, read, readMemory, threadsOf } from "./proc-files.ts";
import { membersOf } from "./procfs.ts";
import type { Connections } from "./sockdiag.ts";

/** A process that holds accepted connections. */
export interface Holder {
  readonly pid: number;
  readonly held: readonly Held[];
  readonly threads: readonly Thread[];
  /** Each of its connections is read by one of its threads, and all other threads sleep. */
  readonly isReading: boolean;
}

interface Thread {
  readonly path: string;
  /** The system call, as /proc has it. */
  readonly call: string;
  /** The inode of what it reads; undefined where it does something else, or runs. */
  readonly reads: number | "nothing" | undefined;
}

/** Undefined where the kernel does not tell. */
export function connectionHoldersOf(pid: number, listener: Watched): Holder[] | undefined {
  const accepted = listener.connections();
  if (accepted === undefined) return undefined;
  return membersOf(pid).flatMap((member) => lookAtHolder(member, accepted, listener));
}

/** None where it holds no connection, or has just ended. */
function lookAtHolder(pid: number, accepted: Connections, listener: Watched): Holder[] {
  try {
    const held = heldBy(pid, accepted, listener);
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
