/** The processes that a trial has brought into the world, wherever they have gone: found, and ended. */

import { allPids, read, socketsOf } from "../os/proc-files.ts";
import { processName } from "../os/procfs.ts";
import { parseStat } from "../supervision/readiness.ts";

/** In the environment of all of them, so that one which left its session, its group and its descriptors is found. */
export const trialVariable = "FCGI_PM_TRIAL";

/** How they are recognised. */
export interface Marks {
  /** The value of `trialVariable`. */
  readonly token: string;
  /** Inode of the trial's listener. */
  readonly inode: number;
  /** The workers, each of which leads a session. */
  readonly leaders: readonly number[];
}

export interface Survivor {
  readonly pid: number;
  readonly name: string;
}

/** Those that live now, this process not included. */
export function processesOf(marks: Marks): Survivor[] {
  return allPids()
    .filter((pid) => pid !== process.pid && isOne(pid, marks))
    .map((pid) => ({ pid, name: processName(pid) ?? "?" }));
}

function isOne(pid: number, { token, inode, leaders }: Marks): boolean {
  try {
    const { state, session } = parseStat(read(`/proc/${pid}/stat`));
    if (state === "Z" || state === "X") return false;
    if (leaders.includes(session)) return true;
    if (read(`/proc/${pid}/environ`).split("\0").includes(`${trialVariable}=${token}`)) return true;
    return [...socketsOf(pid).values()].includes(inode);
  } catch {
    return false; // gone, or somebody else's
  }
}

/** After SIGKILL a process is there as long as the kernel needs; one that hangs in it is left. */
const killPatienceMs = 5000;

/** Kills them all, and those that they start meanwhile. */
export async function killAll(marks: Marks): Promise<void> {
  const end = performance.now() + killPatienceMs;
  for (let left = processesOf(marks); left.length > 0 && performance.now() < end; left = processesOf(marks)) {
    for (const { pid } of left) tryKill(pid);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {} // gone meanwhile
}
