/** Watches a worker of a trial until it waits for requests, ends, or is seen to do something else. */
import { nowMs } from "../os/clock.ts";
import { lookAt } from "../os/procfs.ts";
import { processFacts } from "../os/survey.ts";
import { doingOf } from "./activity.ts";
import { type OpenSocket, openSocketsOf } from "./sockets.ts";
import type { Exit, Trial, TrialWorker } from "./trial.ts";
import type { Survivor } from "./trial-processes.ts";
import { comesTrue } from "./wait.ts";

export type Boot =
  | { readonly kind: "ready"; readonly afterMs: number }
  | { readonly kind: "ended"; readonly afterMs: number; readonly exit: Exit; readonly left: readonly Survivor[] }
  | { readonly kind: "elsewhere"; readonly afterMs: number; readonly waitsOn: OpenSocket }
  | { readonly kind: "unready"; readonly afterMs: number };

/** Growing, so that a quick program is seen at once and a slow one is not disturbed. */
const shortestPauseMs = 2;
const longestPauseMs = 50;

/** A program that waits at another socket for this long, and does nothing else, has not merely begun with it. */
const settledMs = 1000;

export async function watchBoot(trial: Trial, worker: TrialWorker, signal: AbortSignal): Promise<Boot> {
  const since = () => nowMs() - worker.startedAtMs;
  const settling = new Settling(trial);
  for (let pauseMs = shortestPauseMs; ; pauseMs = Math.min(pauseMs * 1.5, longestPauseMs)) {
    signal.throwIfAborted();
    const exit = worker.exit();
    if (exit !== undefined) return ended(trial, worker, exit, since());
    const sight = lookAt(worker.pid, trial.listener);
    if (sight === "waiting") return { kind: "ready", afterMs: since() };
    if (sight === "unseen" && since() > trial.plan.app.startGraceMs) return { kind: "ready", afterMs: since() };
    const waitsOn = settling.look();
    if (waitsOn !== undefined) return { kind: "elsewhere", afterMs: since(), waitsOn };
    if (since() > trial.plan.app.startTimeoutMs) return unready(trial, since());
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Whoever has not come to fd 0 by now, and waits elsewhere, will not come. */
function unready(trial: Trial, afterMs: number): Boot {
  const waitsOn = trial.processes().flatMap(({ pid }) => waitedOn(pid, trial) ?? [])[0];
  return waitsOn === undefined ? { kind: "unready", afterMs } : { kind: "elsewhere", afterMs, waitsOn };
}

/** What it leaves behind is looked at a moment later: a child that ends with it is no daemon. */
const dyingMs = 500;

async function ended(trial: Trial, worker: TrialWorker, exit: Exit, afterMs: number): Promise<Boot> {
  await comesTrue(() => trial.processes().length === 0, dyingMs);
  worker.output.drain();
  return { kind: "ended", afterMs, exit, left: trial.processes() };
}

/** Is one of the trial's processes at rest in front of another listening socket? */
class Settling {
  readonly #trial: Trial;
  #socket: OpenSocket | undefined;
  #cpuMs = 0;
  #sinceMs = 0;
  #nextLookMs = 0;

  constructor(trial: Trial) {
    this.#trial = trial;
  }

  /** The socket, as soon as that has been so for a while. Looks at most four times a second. */
  look(): OpenSocket | undefined {
    const now = nowMs();
    if (now < this.#nextLookMs) return undefined;
    this.#nextLookMs = now + 250;
    const pids = this.#trial.processes().map(({ pid }) => pid);
    const found = pids.filter(waitsItself).flatMap((pid) => waitedOn(pid, this.#trial) ?? [])[0];
    const cpuMs = pids.reduce((sum, pid) => sum + (processFacts(pid)?.cpuMs ?? 0), 0);
    if (found === undefined || found.inode !== this.#socket?.inode || cpuMs !== this.#cpuMs) {
      this.#socket = found;
      this.#cpuMs = cpuMs;
      this.#sinceMs = now;
      return undefined;
    }
    return now - this.#sinceMs >= settledMs ? found : undefined;
  }
}

/** Its first thread waits for connections or the like: that of a program which is still to begin does something else. */
function waitsItself(pid: number): boolean {
  const doing = doingOf(pid);
  return doing?.startsWith("accepts") === true || doing === "waits for several things";
}

function waitedOn(pid: number, trial: Trial): OpenSocket | undefined {
  const others = openSocketsOf(pid).filter(({ isListening, inode }) => isListening && inode !== trial.listener.inode);
  const connections = () => new Map();
  return others.find(({ inode }) => lookAt(pid, { inode, kind: "tcp", connections }) === "waiting");
}
