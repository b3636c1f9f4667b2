/** What follows a worker's end: when its slot may be filled again, and what that costs. */
import { backoffDelay } from "./backoff.ts";
import { tokenAt } from "./budget.ts";
import {
  type Effect,
  type Ending,
  isForeign,
  type Moment,
  type Outcome,
  type Pool,
  type Waiting,
  type Worker,
} from "./life.ts";
import type { Notice } from "./notice.ts";

/** Turns a worker's end into a slot that waits for its successor; `converge` drops the slot if none is wanted. */
export function bury(pool: Pool, worker: Worker, ending: Ending, at: Moment): Outcome {
  if (ending.kind === "left") return { pool, effects: [] };
  // One of a generation that is not wanted any more: nobody follows it, and its failure is no news of this one.
  if (ending.kind === "early" && isForeign(worker, pool.wish)) return { pool, effects: tell(ending.describe(null)) };
  const survived = at.nowMs - ending.spawnedMs >= pool.policy.minServerLifeMs && ending.spawnedMs >= pool.failedMs;
  const healed = survived ? { ...pool, failures: 0 } : pool;
  if (ending.kind === "died") return succession(healed, worker.number, ending, at);
  // Exit 0 of a program that others show to work is no failure to start: php-cgi may have served all its requests
  // between two looks.
  const { recycled, spawnedMs } = ending;
  if (recycled !== undefined && isProven(pool, at.nowMs)) {
    return succession(healed, worker.number, { kind: "died", spawnedMs, free: false, describe: () => recycled }, at);
  }
  if (pool.roll?.phase === "replacing") return takeBack(healed, worker.number, tell(ending.describe(null)));
  return failure(healed, worker.number, ending, at);
}

/** The new generation failed: the old one, with its policy, is wanted again. `effects`: what is said of the failure. */
export function takeBack(pool: Pool, number: number, effects: readonly Effect[]): Outcome {
  const { roll, wish } = pool;
  if (roll?.phase !== "replacing") return { pool, effects };
  const notice: Notice = { type: "roll.taken-back", generation: wish.generation, number, to: roll.from };
  const back = { ...pool, wish: { ...wish, generation: roll.from }, policy: roll.policy, roll: undefined };
  return { pool: back, effects: [...effects, ...tell(notice)] };
}

function succession(pool: Pool, number: number, ending: Extract<Ending, { kind: "died" }>, at: Moment): Outcome {
  const cause = ending.free ? "recycled" : "death";
  const slot: Waiting = { state: "backoff", number, untilMs: at.nowMs, cause };
  const waitMs = ending.free ? 0 : tokenAt(pool.budget, pool.wish.size, at.nowMs) - at.nowMs;
  const effects = tell(ending.describe(Math.round(waitMs)));
  if (waitMs > 0) effects.push(...tell({ type: "pool.spends-too-fast", waitMs: Math.round(waitMs) }));
  return { pool: { ...pool, workers: [...pool.workers, slot] }, effects };
}

function failure(pool: Pool, number: number, ending: Extract<Ending, { kind: "early" }>, at: Moment): Outcome {
  const healed = hasLastingWorker(pool, at.nowMs) ? { ...pool, failures: 0 } : pool;
  const sameBatch = healed.failures > 0 && ending.spawnedMs < healed.failedMs;
  const failures = sameBatch ? healed.failures : healed.failures + 1;
  const untilMs = sameBatch
    ? Math.max(at.nowMs, healed.notBeforeMs)
    : at.nowMs + backoffDelay(failures, pool.policy, at.chance);
  const slot: Waiting = { state: "backoff", number, untilMs, cause: "failure" };
  const effects = tell(ending.describe(Math.round(untilMs - at.nowMs)));
  const failed = { ...healed, workers: [...healed.workers, slot], failures, failedMs: at.nowMs, notBeforeMs: untilMs };
  return { pool: sameBatch ? { ...failed, failedMs: healed.failedMs } : failed, effects };
}

/** Somebody is ready, or was not long ago: the program works. Workers of another generation prove nothing of this one. */
function isProven(pool: Pool, nowMs: number): boolean {
  const anyReady = pool.workers.some((worker) => worker.state === "ready" && !isForeign(worker, pool.wish));
  return anyReady || nowMs - pool.readyMs < pool.policy.minServerLifeMs;
}

/** Some worker spawned since the last failure has lived long enough to prove the program. */
function hasLastingWorker(pool: Pool, nowMs: number): boolean {
  return pool.workers.some(
    (worker) =>
      worker.state === "ready" &&
      worker.spawnedMs >= pool.failedMs &&
      nowMs - worker.spawnedMs >= pool.policy.minServerLifeMs,
  );
}

function tell(notice: Notice): Effect[] {
  return [{ type: "notice", notice }];
}
