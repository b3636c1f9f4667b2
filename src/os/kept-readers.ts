/**
 * Workers that only wait for the next bytes of a client, as they are while nobody stops them: a web server keeps its
 * connection to such a worker, idle or not, and nobody else is served by it.
 */
import { parseSyscall, pollFds, type Syscall, selectFds, waitCallsOf } from "../supervision/readiness.ts";
import { waitOf } from "../supervision/reading.ts";
import { type Held, heldBy, type Watched } from "./held-connections.ts";
import { inodeOf, read, readMemory, threadsOf } from "./proc-files.ts";
import { membersOf } from "./procfs.ts";
import type { Connections } from "./sockdiag.ts";

/**
 * Does every connection of this worker, and of the processes of its session, have a thread that waits for its next bytes,
 * and nothing unread? Undefined where it cannot be seen. False for one that holds no connection.
 */
export function onlyWaitsForClients(pid: number, listener: Watched): boolean | undefined {
  const accepted = listener.connections();
  if (accepted === undefined) return undefined;
  try {
    const members = membersOf(pid).map((member) => lookAt(member, accepted, listener));
    const holders = members.filter(({ held }) => held.length > 0);
    return (
      holders.length > 0 &&
      holders.every(({ held, awaited }) =>
        held.every(({ inode, unreadBytes }) => awaited.has(inode) && unreadBytes === 0),
      )
    );
  } catch {
    return undefined; // gone, or not ours to see
  }
}

interface Member {
  readonly held: readonly Held[];
  readonly awaited: ReadonlySet<number>;
}

function lookAt(pid: number, accepted: Connections, listener: Watched): Member {
  const held = heldBy(pid, accepted, listener);
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
