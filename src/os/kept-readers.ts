/**
 * Workers that only wait for the next bytes of a client, as they are while nobody stops them: a web server keeps its
 * connection to such a worker, idle or not, and nobody else is served by it.
 */
import { parseSyscall, pollFds, type Syscall, selectFds, waitCallsOf } from "../supervision/readiness.ts";
import { waitOf } from "../supervision/reading.ts";
import { inodeOf, read, readMemory, socketsOf, threadsOf } from "./proc-files.ts";
import { membersOf, type Watched } from "./procfs.ts";
import type { Connections } from "./sockdiag.ts";

/**
 * Does every connection of this worker, and of the processes of its session, have a thread that waits for its next bytes,
 * and nothing unread? Undefined where it cannot be seen. False for one that holds no connection.
 */
export function onlyWaitsForClients(pid: number, listener: Watched): boolean | undefined {
  const accepted = listener.connections();
  if (accepted === undefined) return undefined;
  try {
    const members = membersOf(pid).map((member) => lookAt(member, accepted));
    const holders = members.filter(({ held }) => held.length > 0);
    return (
      holders.length > 0 &&
      holders.every(({ held, awaited }) => held.every((inode) => isIdle(inode, awaited, accepted)))
    );
  } catch {
    return undefined; // gone, or not ours to see
  }
}

function isIdle(inode: number, awaited: ReadonlySet<number>, accepted: Connections): boolean {
  return awaited.has(inode) && accepted.get(inode)?.unreadBytes === 0;
}

interface Member {
  readonly held: readonly number[];
  readonly awaited: ReadonlySet<number>;
}

function lookAt(pid: number, accepted: Connections): Member {
  const held = [...socketsOf(pid).values()].filter((inode) => accepted.has(inode));
  const awaited = held.length === 0 ? [] : threadsOf(pid).flatMap((thread) => awaitedBy(pid, thread));
  return { held, awaited: new Set(awaited) };
}

/** The sockets from which this thread waits for bytes, for ever or for some time. */
function awaitedBy(pid: number, thread: string): number[] {
  const call = parseSyscall(read(`${thread}/syscall`));
  if (call === undefined) return [];
  return descriptorsOf(pid, call).flatMap((fd) => inodeOf(pid, fd) ?? []);
}

/** More descriptors than this are those of an event loop. */
const mostDescriptors = 16;

function descriptorsOf(pid: number, call: Syscall): number[] {
  const [first = 0n, second = 0n] = call.args;
  switch (waitCallsOf(process.arch)?.get(call.number)) {
    case "poll":
      return pollFds(readMemory(pid, first, Math.min(Number(second), mostDescriptors) * 8));
    case "select":
      return second === 0n ? [] : selectFds(readMemory(pid, second, Math.ceil(Number(first) / 64) * 8), Number(first));
    default: {
      const wait = waitOf(call, process.arch);
      return wait?.kind === "descriptor" ? [wait.fd] : [];
    }
  }
}
