/** Which number a process has here that has told us its own: another container counts its processes for itself. */
import { closeSync, readlinkSync } from "node:fs";
import { connect, openSocket, peerCredentials, unixAddress } from "./posix.ts";

/**
 * `pid` is what the process that listens at `path` says of itself. Where it lives in another PID namespace, gives the
 * number by which we see it; 0 where we do not see it at all. There, `pid` is somebody else's: mostly that of PID 1.
 */
export function pidHere(pid: number, path: string): number {
  const peer = peerAt(path);
  if (peer === undefined || peer === 0) return peer ?? pid;
  const [theirs, ours] = [namespaceOf(peer), namespaceOf("self")];
  return theirs === undefined || theirs === ours ? pid : peer;
}

/** Who called listen(2) there, as the kernel translates it for us (unix(7), SO_PEERCRED). Undefined: nobody can be asked. */
function peerAt(path: string): number | undefined {
  const fd = openSocket("unix", { nonBlocking: true });
  try {
    connect(fd, unixAddress(path));
    return peerCredentials(fd).pid;
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function namespaceOf(pid: number | "self"): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}
