/** Waits for what comes of a command: the law says it by notices. */
import type { AppOutcome } from "../control/protocol.ts";
import { readyCount } from "../supervision/pool.ts";
import { type Notice, sentenceOf } from "./notices.ts";
import type { Runtime } from "./runtime.ts";

export interface Outcome extends Pick<AppOutcome, "reason" | "lastLines"> {
  readonly result: Exclude<AppOutcome["result"], "planned">;
}

/** A worker that failed to start, in words and with what it wrote. */
interface Trouble {
  readonly reason?: string;
  readonly lastLines?: readonly string[];
}

type Judge = (notice: Notice | undefined) => Outcome["result"] | undefined;

/**
 * Does `act`, then waits until `judge` knows the result; it is asked at once and after each notice of the pool. What a
 * worker's failure was is remembered for the outcomes that are not `done`.
 */
function outcomeOf(runtime: Runtime, act: () => void, judge: Judge): Promise<Outcome> {
  return new Promise((resolve) => {
    let trouble: Trouble = {};
    const decide = (result: Outcome["result"] | undefined) => {
      if (result === undefined) return;
      stop();
      resolve(result === "done" ? { result } : { result, ...trouble });
    };
    const stop = runtime.listen((notice, lastLines) => {
      if (isTrouble(notice) || notice.type === "worker.died")
        trouble = { reason: reasonOf(notice), ...(lastLines.length > 0 ? { lastLines } : {}) };
      decide(judge(notice));
    });
    act();
    decide(judge(undefined));
  });
}

/**
 * The app's workers are replaced; of a stopped app nothing is to be waited for. A later roll may overtake this one: it
 * may be done with it, or be taken back to it.
 */
export function rolled(runtime: Runtime, act: () => void): Promise<Outcome> {
  const generation = runtime.nextGeneration;
  return outcomeOf(runtime, act, (notice) => {
    if (notice?.type === "roll.done") return "done";
    if (notice?.type === "roll.taken-back") return notice.to >= generation ? "done" : "taken-back";
    if (notice?.type === "roll.given-up") return "given-up";
    return notice === undefined && runtime.isStopped ? "done" : undefined;
  });
}

/** All wanted workers are ready at once. The first that dies ends the waiting, not the trying. */
export function started(runtime: Runtime, act: () => void): Promise<Outcome> {
  return outcomeOf(runtime, act, (notice) => {
    if (runtime.isStopped) return "given-up";
    if (readyCount(runtime.pool) >= runtime.pool.wish.size) return "done";
    return notice !== undefined && (isTrouble(notice) || notice.type === "worker.died") ? "failed" : undefined;
  });
}

/** As many workers as wanted are ready and nobody else is there any more. */
export function scaled(runtime: Runtime, act: () => void): Promise<Outcome> {
  return outcomeOf(runtime, act, (notice) => {
    const { workers, wish } = runtime.pool;
    if (runtime.isStopped) return "done";
    if (workers.length <= wish.size && readyCount(runtime.pool) >= wish.size) return "done";
    return notice !== undefined && (isTrouble(notice) || notice.type === "pool.spends-too-fast") ? "failed" : undefined;
  });
}

/** Nobody is there any more. */
export function ended(runtime: Runtime, act: () => void): Promise<Outcome> {
  return outcomeOf(runtime, act, () => {
    if (!runtime.isStopped) return "given-up";
    return runtime.pool.workers.length === 0 ? "done" : undefined;
  });
}

/** When the next try comes is no part of it. */
function reasonOf(notice: Notice): string {
  return sentenceOf("retryInMs" in notice ? ({ ...notice, retryInMs: null } as Notice) : notice);
}

function isTrouble(notice: Notice): boolean {
  return (
    (notice.type === "worker.died" && !notice.wasReady) ||
    notice.type === "worker.late" ||
    notice.type === "spawn.refused"
  );
}
