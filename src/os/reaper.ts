/**
 * Strangers that become our children when their parents end, as PID 1 of a container or as a subreaper: their exits are
 * taken, so that none stays a zombie. Node waits for each of its own children by pid, and takes a child's exit without a
 * word if somebody else was faster; `waitpid(-1)` stole two thirds of 300 exits (measured). So a dead child is left alone
 * until it has been there for long, which no child of Node's ever is.
 */
import { Alarm, nowMs } from "./clock.ts";
import { becomeSubreaper, hasDeadChild, takeExit } from "./posix.ts";
import { allPids, read } from "./proc-files.ts";

/** How long a dead child has to be there before it is taken for a stranger. */
const graceMs = 400;

/** A dead child: a pid may be given anew, a pid with its start time never. */
type Dead = `${number} ${string}`;

export class Reaper {
  // After the poll for events of this turn: so Node has had one to take its own between any two looks, even where a turn
  // takes longer than the grace.
  readonly #alarm = new Alarm(() => setImmediate(() => this.#look()));
  /** Dead children that were seen, and when first. */
  #seen = new Map<Dead, number>();
  #isAwake = false;

  constructor() {
    process.on("SIGCHLD", () => this.#wake());
    // Who was in our place before the exec may have left some.
    this.#wake();
  }

  /** Nothing is done at once: it is most likely a child of Node's. */
  #wake(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    this.#alarm.set(nowMs() + graceMs);
  }

  #look(): void {
    this.#isAwake = false;
    // One system call tells that there is nobody, which is so after almost every death of a worker.
    if (hasDeadChild()) this.#judge(nowMs());
    else this.#rest();
  }

  #judge(atMs: number): void {
    const before = this.#seen;
    this.#seen = new Map(deadChildren().map((dead) => [dead, before.get(dead) ?? atMs]));
    for (const [dead, sinceMs] of this.#seen) if (atMs - sinceMs >= graceMs) this.#take(dead);
    // Whoever is left is looked at again; whoever dies meanwhile tells of it.
    if (this.#seen.size > 0) this.#wake();
  }

  #take(dead: Dead): void {
    this.#seen.delete(dead);
    takeExit(Number.parseInt(dead, 10));
  }

  #rest(): void {
    this.#isAwake = false;
    this.#seen.clear();
    this.#alarm.set(Number.POSITIVE_INFINITY);
  }
}

/** Starts one where orphans come to us: as PID 1, or where that is asked for. */
export function reapStrangers(isAsked: boolean): Reaper | undefined {
  if (process.pid !== 1 && !isAsked) return undefined;
  if (process.pid !== 1) becomeSubreaper();
  return new Reaper();
}

function deadChildren(): Dead[] {
  return tryPids().flatMap((pid) => {
    const [state, parent, startTime] = tryStat(pid);
    return state === "Z" && Number(parent) === process.pid ? [`${pid} ${startTime}` as const] : [];
  });
}

/** Where no descriptor is left to look with, the next death wakes us again. */
function tryPids(): number[] {
  try {
    return allPids();
  } catch {
    return [];
  }
}

/** Nothing of a process that is gone. */
function tryStat(pid: number): [state?: string, parent?: string, startTime?: string] {
  try {
    // pid (name) state parent …; the name may hold anything, and the 22nd field is the start time.
    const stat = read(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return [fields[0] ?? "", fields[1] ?? "", fields[19] ?? ""];
  } catch {
    return [];
  }
}
