/**
 * Many workers on one listener: compares what is wanted with what is there, one event at a time, and answers with
 * effects. Start, stop, scale, crash recovery and rolling reload are one rule (converge.ts). Pure: time and chance come
 * in with the event.
 */
import { fullBudget, refill } from "./budget.ts";
import { converge, firstSlot, learn } from "./converge.ts";
import { andThen, deliver } from "./delivery.ts";
import {
  type Effect,
  isForeign,
  type Moment,
  type Outcome,
  type Pool,
  type PoolPolicy,
  type Roll,
  readyCount,
  type Wish,
  type Worker,
  type WorkerEvent,
} from "./life.ts";
import type { Notice } from "./notice.ts";
import { deadlineOf, isLeaving, pidOf } from "./worker.ts";

export { type Outcome, type Pool, type PoolPolicy, readyCount, type Wish } from "./life.ts";

export type PoolEvent =
  /** A command: what it does not name stays as it is wanted when it comes. */
  | { readonly type: "wanted"; readonly wish: Partial<Wish>; readonly policy?: PoolPolicy }
  | { readonly type: "alarm" }
  | { readonly type: "spawned"; readonly number: number; readonly pid: number }
  | { readonly type: "refused"; readonly number: number; readonly reason: string }
  | { readonly type: "surveyed"; readonly idle: readonly number[] }
  | { readonly type: "looked"; readonly pid: number; readonly sight: Extract<WorkerEvent, { type: "looked" }>["sight"] }
  | { readonly type: "exited"; readonly pid: number; readonly exit: Extract<WorkerEvent, { type: "exited" }>["exit"] };

export type PoolState = "starting" | "running" | "degraded" | "backoff" | "stopping" | "stopped";

const never = Number.POSITIVE_INFINITY;
const longAgo = Number.NEGATIVE_INFINITY;

/** Consecutive early deaths from which on a pool without a ready worker is said to be in a crash loop. */
const loopFrom = 2;

export function newPool(policy: PoolPolicy, nowMs: number, generation = 1): Pool {
  return {
    policy,
    wish: { size: 0, generation, batch: 1, haste: "gracefully" },
    workers: [],
    budget: fullBudget(1, nowMs),
    failures: 0,
    failedMs: longAgo,
    notBeforeMs: longAgo,
    spawnedMs: longAgo,
    readyMs: longAgo,
    complete: false,
    roll: undefined,
    survey: { state: "none" },
  };
}

/** The one entrance: what is there, what happened, when; what is there next and what is to be done. */
export function step(before: Pool, event: PoolEvent, at: Moment): Outcome {
  const settled = andThen(apply(before, event, at), (now) => converge(now, at));
  return andThen(milestones(before, settled), (now) => followRoll(before, now, at));
}

/** The next moment at which something is due without any news; Infinity at rest. */
export function alarmOf(pool: Pool, nowMs: number): number {
  let nextMs = never;
  for (const worker of pool.workers) nextMs = Math.min(nextMs, deadlineOf(worker, pool.policy));
  const slot = firstSlot(pool, nowMs);
  return slot === undefined ? nextMs : Math.min(nextMs, slot.atMs);
}

export function stateOf(pool: Pool): PoolState {
  const ready = readyCount(pool);
  if (pool.wish.size === 0) return pool.workers.length === 0 ? "stopped" : "stopping";
  if (ready >= pool.wish.size) return "running";
  if (ready === 0) return pool.failures >= loopFrom ? "backoff" : "starting";
  return pool.complete || pool.failures >= loopFrom ? "degraded" : "starting";
}

function apply(pool: Pool, event: PoolEvent, at: Moment): Outcome {
  switch (event.type) {
    case "wanted":
      return want(pool, { ...pool.wish, ...event.wish }, event.policy ?? pool.policy, at);
    case "alarm":
      return ring(pool, at);
    case "surveyed":
      return { pool: learn(pool, event.idle, at), effects: [] };
    case "spawned":
    case "refused":
      return deliver(pool, (worker) => worker.state === "spawning" && worker.number === event.number, event, at);
    case "looked":
    case "exited":
      // An exit names its pid; a pid that is not in the table is somebody else's death.
      return deliver(pool, (worker) => pidOf(worker) === event.pid, event, at);
  }
}

function want(before: Pool, wish: Wish, policy: PoolPolicy, at: Moment): Outcome {
  const starts = before.wish.size === 0 && wish.size > 0;
  const budget = starts ? fullBudget(wish.size, at.nowMs) : refill(before.budget, before.wish.size, at.nowMs);
  const pool = { ...before, wish, policy, budget, complete: before.complete && !starts };
  if (wish.generation !== before.wish.generation) return beginRoll(before, calm(pool), at);
  return { pool: starts ? calm(pool) : pool, effects: [] };
}

/** What went wrong before is no reason to wait. */
function calm(pool: Pool): Pool {
  return { ...pool, failures: 0, notBeforeMs: longAgo, readyMs: longAgo };
}

/** From a stopped pool, or to one, nothing is rolled. */
function beginRoll(before: Pool, pool: Pool, at: Moment): Outcome {
  const workers = pool.workers.filter((worker) => worker.state !== "backoff");
  const { size, generation } = pool.wish;
  if (size === 0 || before.wish.size === 0) return { pool: { ...pool, workers }, effects: [] };
  // One roll that comes into another goes back, if it has to, to where that one came from.
  const { from, policy } =
    before.roll?.phase === "replacing" ? before.roll : { from: before.wish.generation, policy: before.policy };
  const roll: Roll = { phase: "replacing", from, policy, beganMs: at.nowMs };
  return { pool: { ...pool, workers, roll }, effects: tell({ type: "roll.began", generation, from, size }) };
}

/** Delivers the deadline to every worker whose time has come, and still is when the one before it has changed the policy. */
function ring(pool: Pool, at: Moment): Outcome {
  let outcome: Outcome = { pool, effects: [] };
  for (const { number } of pool.workers.filter((worker) => isDue(worker, pool, at))) {
    outcome = andThen(outcome, (now) =>
      deliver(now, (worker) => worker.number === number && isDue(worker, now, at), { type: "deadline" }, at),
    );
  }
  return outcome;
}

function isDue(worker: Worker, pool: Pool, at: Moment): boolean {
  return deadlineOf(worker, pool.policy) <= at.nowMs;
}

/** What is worth saying about the pool as a whole is the difference between before and after. */
function milestones(before: Pool, after: Outcome): Outcome {
  const { size } = after.pool.wish;
  const effects = [...after.effects];
  const ready = readyCount(after.pool);
  let { pool } = after;
  if (size > 0 && ready >= size && (readyCount(before) < size || before.wish.size !== size)) {
    effects.push(...tell({ type: "pool.ready", ready: Math.min(ready, size), size }));
    pool = { ...pool, complete: true };
  }
  const { failures } = pool;
  if (failures >= loopFrom && failures > before.failures && ready === 0) {
    const retryInMs = Math.round(Math.max(0, pool.notBeforeMs - pool.failedMs));
    effects.push(...tell({ type: "pool.crash-loop", failures, retryInMs }));
  }
  const stopped = size === 0 && pool.workers.length === 0;
  if (stopped && !(before.wish.size === 0 && before.workers.length === 0)) {
    effects.push(...tell({ type: "pool.stopped" }));
  }
  return { pool, effects };
}

/** How far the roll has come. */
function followRoll(before: Pool, pool: Pool, at: Moment): Outcome {
  const { roll, wish } = pool;
  const { generation, size } = wish;
  if (roll === undefined) return { pool, effects: [] };
  if (size === 0) {
    // The command that stops the pool may name yet another generation.
    const effects = tell({ type: "roll.given-up", generation: before.wish.generation });
    return { pool: { ...pool, roll: undefined }, effects };
  }
  const done = renewed(pool);
  const news = roll.phase === "replacing" && done > renewed({ ...before, wish });
  const effects = news ? tell({ type: "roll.advanced", generation, done, size }) : [];
  const foreign = pool.workers.filter((worker) => isForeign(worker, wish));
  if (foreign.length === 0 && done >= size) {
    const tookMs = Math.round(at.nowMs - roll.beganMs);
    effects.push(...tell({ type: "roll.done", generation, size, tookMs }));
    return { pool: { ...pool, roll: undefined }, effects };
  }
  if (roll.phase === "leaving" || done < size || !foreign.every(isLeaving)) return { pool, effects };
  return { pool: { ...pool, roll: { phase: "leaving", from: roll.from, beganMs: roll.beganMs } }, effects };
}

/** How many ready workers are of the wanted generation. */
export function renewed(pool: Pool): number {
  return pool.workers.filter((worker) => worker.state === "ready" && !isForeign(worker, pool.wish)).length;
}

function tell(notice: Notice): Effect[] {
  return [{ type: "notice", notice }];
}
