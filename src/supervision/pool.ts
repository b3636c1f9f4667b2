/**
 * Many workers on one listener: compares what is wanted with what is there, one event at a time, and answers with
 * effects. Start, stop, scale and crash recovery are one rule (`converge`). Pure: time and chance come in with the event.
 */
import { fullBudget, refill, spend, tokenAt } from "./budget.ts";
import {
  type Moment,
  type Outcome,
  type Pool,
  type PoolPolicy,
  readyCount,
  type Waiting,
  type Wish,
  type Worker,
  type WorkerEvent,
} from "./life.ts";
import { bury } from "./succession.ts";
import { deadlineOf, isAlive, isLeaving, live, pidOf } from "./worker.ts";

export { type Outcome, type Pool, type PoolPolicy, readyCount, type Wish } from "./life.ts";

export type PoolEvent =
  | { readonly type: "wanted"; readonly wish: Wish }
  | { readonly type: "alarm" }
  | { readonly type: "spawned"; readonly number: number; readonly pid: number }
  | { readonly type: "refused"; readonly number: number; readonly reason: string }
  | { readonly type: "looked"; readonly pid: number; readonly sight: Extract<WorkerEvent, { type: "looked" }>["sight"] }
  | { readonly type: "exited"; readonly pid: number; readonly exit: Extract<WorkerEvent, { type: "exited" }>["exit"] };

export type PoolState = "starting" | "running" | "degraded" | "backoff" | "stopping" | "stopped";

const never = Number.POSITIVE_INFINITY;

/** Consecutive early deaths from which on a pool without a ready worker is said to be in a crash loop. */
const loopFrom = 2;

export function newPool(policy: PoolPolicy, nowMs: number): Pool {
  return {
    policy,
    wish: { size: 0, generation: 1, haste: "gracefully" },
    workers: [],
    budget: fullBudget(1, nowMs),
    failures: 0,
    failedMs: Number.NEGATIVE_INFINITY,
    notBeforeMs: Number.NEGATIVE_INFINITY,
    spawnedMs: Number.NEGATIVE_INFINITY,
    readyMs: Number.NEGATIVE_INFINITY,
    complete: false,
  };
}

/** The one entrance: what is there, what happened, when; what is there next and what is to be done. */
export function step(before: Pool, event: PoolEvent, at: Moment): Outcome {
  const happened = apply(before, event, at);
  const settled = converge(happened.pool, at);
  const effects = [...happened.effects, ...settled.effects];
  return milestones(before, { pool: settled.pool, effects });
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
      return { pool: want(pool, event.wish, at), effects: [] };
    case "alarm":
      return ring(pool, at);
    case "spawned":
    case "refused":
      return feed(pool, (worker) => worker.state === "spawning" && worker.number === event.number, event, at);
    case "looked":
    case "exited":
      // An exit names its pid; a pid that is not in the table is somebody else's death.
      return feed(pool, (worker) => pidOf(worker) === event.pid, event, at);
  }
}

function want(pool: Pool, wish: Wish, at: Moment): Pool {
  const started = pool.wish.size === 0 && wish.size > 0;
  const budget = started ? fullBudget(wish.size, at.nowMs) : refill(pool.budget, pool.wish.size, at.nowMs);
  const calm = { failures: 0, notBeforeMs: Number.NEGATIVE_INFINITY, readyMs: Number.NEGATIVE_INFINITY };
  return { ...pool, wish, budget, complete: pool.complete && !started, ...(started ? calm : {}) };
}

/** Delivers the deadline to every worker whose time has come. */
function ring(pool: Pool, at: Moment): Outcome {
  let outcome: Outcome = { pool, effects: [] };
  for (const worker of pool.workers) {
    if (deadlineOf(worker, pool.policy) > at.nowMs) continue;
    outcome = join(outcome, (now) => feed(now, (other) => other.number === worker.number, { type: "deadline" }, at));
  }
  return outcome;
}

function join(first: Outcome, next: (pool: Pool) => Outcome): Outcome {
  const second = next(first.pool);
  return { pool: second.pool, effects: [...first.effects, ...second.effects] };
}

function feed(pool: Pool, isMeant: (worker: Worker) => boolean, event: WorkerEvent, at: Moment): Outcome {
  const index = pool.workers.findIndex(isMeant);
  const worker = pool.workers[index];
  if (worker === undefined) return { pool, effects: [] };
  const step = live(worker, event, at, pool.policy);
  if (step.worker !== undefined) {
    const calmed = worker.state === "starting" && step.worker.state === "ready" ? relax(pool, at) : pool;
    const workers = calmed.workers.with(index, step.worker);
    return { pool: { ...calmed, workers }, effects: step.effects };
  }
  const without = { ...pool, workers: pool.workers.toSpliced(index, 1) };
  const bereft = bury(without, worker, step.ending ?? { kind: "left" }, at);
  return { pool: bereft.pool, effects: [...step.effects, ...bereft.effects] };
}

/** A worker got ready. The first one shows that the program starts: nobody waits any longer. */
function relax(before: Pool, at: Moment): Pool {
  const pool = { ...before, readyMs: at.nowMs };
  if (pool.failures === 0 || readyCount(pool) > 0) return pool;
  const workers = pool.workers.map((worker) =>
    worker.state === "backoff" ? { ...worker, untilMs: Math.min(worker.untilMs, at.nowMs) } : worker,
  );
  return { ...pool, workers, notBeforeMs: Number.NEGATIVE_INFINITY };
}

/** Closes the gap between the wish and what is there, as far as it may now: at most one spawn is under way at a time. */
function converge(pool: Pool, at: Moment): Outcome {
  const trimmed = pool.wish.haste === "now" ? condemnAll(pool, at) : retireSurplus(pool, at);
  const filled = { ...trimmed.pool, workers: openSlots(trimmed.pool, at.nowMs) };
  return join({ pool: filled, effects: trimmed.effects }, (now) => spawnNext(now, at));
}

function condemnAll(pool: Pool, at: Moment): Outcome {
  let outcome: Outcome = { pool, effects: [] };
  for (const worker of pool.workers) {
    if (worker.state === "killing") continue;
    outcome = join(outcome, (now) => feed(now, (other) => other.number === worker.number, { type: "condemned" }, at));
  }
  return outcome;
}

/** Empty slots go first, then workers that are not ready yet, then the highest numbers. */
function retireSurplus(pool: Pool, at: Moment): Outcome {
  const staying = pool.workers.filter((worker) => !isLeaving(worker));
  const surplus = staying.length - pool.wish.size;
  if (surplus <= 0) return { pool, effects: [] };
  const order = { backoff: 0, spawning: 1, starting: 2, ready: 3 } as Record<Worker["state"], number>;
  const goners = staying.toSorted((a, b) => order[a.state] - order[b.state] || b.number - a.number).slice(0, surplus);
  let outcome: Outcome = { pool, effects: [] };
  for (const goner of goners) {
    outcome = join(outcome, (now) => feed(now, (other) => other.number === goner.number, { type: "retired" }, at));
  }
  return outcome;
}

function openSlots(pool: Pool, nowMs: number): readonly Worker[] {
  const staying = pool.workers.filter((worker) => !isLeaving(worker)).length;
  if (staying >= pool.wish.size) return pool.workers;
  const taken = new Set(pool.workers.map((worker) => worker.number));
  const workers = [...pool.workers];
  for (let number = 1, missing = pool.wish.size - staying; missing > 0; number += 1) {
    if (taken.has(number)) continue;
    workers.push({ state: "backoff", number, untilMs: nowMs, cause: "new" });
    missing -= 1;
  }
  return workers;
}

function spawnNext(pool: Pool, at: Moment): Outcome {
  const next = firstSlot(pool, at.nowMs);
  if (next === undefined || next.atMs > at.nowMs) return { pool, effects: [] };
  const { number } = next.slot;
  const { generation, size } = pool.wish;
  const spawning: Worker = { state: "spawning", number, generation, spawnedMs: at.nowMs };
  const workers = pool.workers.map((worker) => (worker === next.slot ? spawning : worker));
  const budget = next.slot.cause === "death" ? spend(pool.budget, size, at.nowMs) : pool.budget;
  return { pool: { ...pool, workers, budget, spawnedMs: at.nowMs }, effects: [{ type: "spawn", number, generation }] };
}

/** The slot whose turn comes first and when; none while a spawn is under way or a scout has to show the way. */
function firstSlot(pool: Pool, nowMs: number): { slot: Waiting; atMs: number } | undefined {
  const alive = pool.workers.filter(isAlive);
  if (alive.length >= pool.wish.size || alive.some((worker) => worker.state === "spawning")) return undefined;
  const anyReady = alive.some((worker) => worker.state === "ready");
  // While the program fails to start, one worker at a time is tried, however many are wanted.
  const isScouted = !anyReady && pool.failures > 0 && alive.some((worker) => worker.state === "starting");
  let first: { slot: Waiting; atMs: number } | undefined;
  for (const slot of pool.workers) {
    if (slot.state !== "backoff" || (isScouted && !followsService(slot))) continue;
    const atMs = slotTime(pool, slot, anyReady, nowMs);
    if (first === undefined || atMs < first.atMs || (atMs === first.atMs && slot.number < first.slot.number)) {
      first = { slot, atMs };
    }
  }
  return first;
}

function slotTime(pool: Pool, slot: Waiting, anyReady: boolean, nowMs: number): number {
  if (slot.cause === "recycled") return slot.untilMs;
  if (slot.cause === "death") return Math.max(slot.untilMs, tokenAt(pool.budget, pool.wish.size, nowMs));
  const atMs = anyReady ? slot.untilMs : Math.max(slot.untilMs, pool.notBeforeMs);
  const isFirst = slot.cause === "new" && !pool.complete;
  return isFirst ? Math.max(atMs, pool.spawnedMs + pool.policy.initStartDelayMs) : atMs;
}

/** Its predecessor was ready: another worker's failure to start is no reason to wait. */
function followsService(slot: Waiting): boolean {
  return slot.cause === "recycled" || slot.cause === "death";
}

/** What is worth saying about the pool as a whole is the difference between before and after. */
function milestones(before: Pool, after: Outcome): Outcome {
  const { size } = after.pool.wish;
  const effects = [...after.effects];
  const ready = readyCount(after.pool);
  let { pool } = after;
  if (size > 0 && ready >= size && (readyCount(before) < size || before.wish.size !== size)) {
    effects.push({ type: "notice", notice: { type: "pool.ready", ready, size } });
    pool = { ...pool, complete: true };
  }
  const { failures } = pool;
  if (failures >= loopFrom && failures > before.failures && ready === 0) {
    const retryInMs = Math.round(Math.max(0, pool.notBeforeMs - pool.failedMs));
    effects.push({ type: "notice", notice: { type: "pool.crash-loop", failures, retryInMs } });
  }
  const stopped = size === 0 && pool.workers.length === 0;
  if (stopped && !(before.wish.size === 0 && before.workers.length === 0)) {
    effects.push({ type: "notice", notice: { type: "pool.stopped" } });
  }
  return { pool, effects };
}
