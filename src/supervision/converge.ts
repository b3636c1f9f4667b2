/**
 * Closes the gap between what is wanted and what is there, as far as it may now be closed. Start, stop, scale, crash
 * recovery and rolling reload are this one rule: who is not wanted leaves once others do its work, empty places are
 * filled, one spawn at a time.
 */
import { spend, tokenAt } from "./budget.ts";
import { andThen, deliverAll } from "./delivery.ts";
import { isForeign, type Moment, type Outcome, type Pool, readyCount, type Waiting, type Worker } from "./life.ts";
import { isAlive, isLeaving, pidOf } from "./worker.ts";

/** How long the answer to a survey is good for. It says who leaves first; that nothing is lost is seen to later. */
const surveyLastsMs = 100;

export function converge(pool: Pool, at: Moment): Outcome {
  const trimmed = andThen(hurry(pool, at), (now) => retireUnwanted(now, at));
  const filled = { ...trimmed.pool, workers: openSlots(trimmed.pool, at.nowMs) };
  return andThen({ pool: filled, effects: trimmed.effects }, (now) => spawnNext(now, at));
}

/** The answer to a survey. */
export function learn(pool: Pool, idle: readonly number[], at: Moment): Pool {
  return { ...pool, survey: { state: "known", idle, untilMs: at.nowMs + surveyLastsMs } };
}

/** `now`: whoever leaves is killed, not asked. */
function hurry(pool: Pool, at: Moment): Outcome {
  if (pool.wish.haste !== "now") return { pool, effects: [] };
  const condemned = pool.workers.filter((worker) => isLeaving(worker) && worker.state !== "killing");
  return deliverAll(pool, condemned, { type: "condemned" }, at);
}

function dismiss(pool: Pool, workers: readonly Worker[], at: Moment): Outcome {
  return deliverAll(pool, workers, { type: pool.wish.haste === "now" ? "condemned" : "retired" }, at);
}

/** Those who do not serve go at once; of those who do, as many as there are ready workers more than wanted. */
function retireUnwanted(pool: Pool, at: Moment): Outcome {
  const staying = pool.workers.filter((worker) => !isLeaving(worker));
  const foreign = staying.filter((worker) => isForeign(worker, pool.wish));
  const own = staying.filter((worker) => !isForeign(worker, pool.wish)).toSorted(leastUseful);
  const surplus = own.slice(0, Math.max(0, own.length - pool.wish.size));
  const unready = [...foreign, ...surplus].filter((worker) => worker.state !== "ready");
  return andThen(dismiss(pool, unready, at), (now) => retireReady(now, surplus, at));
}

/** Empty slots go first, then workers that are not ready yet, then the highest numbers. */
function leastUseful(one: Worker, other: Worker): number {
  const order = { backoff: 0, spawning: 1, starting: 2, ready: 3 } as Record<Worker["state"], number>;
  return order[one.state] - order[other.state] || other.number - one.number;
}

/** Old ones leave before surplus ones of the wanted generation, and idle ones before busy ones. */
function retireReady(pool: Pool, surplus: readonly Worker[], at: Moment): Outcome {
  const foreign = pool.workers.filter((worker) => worker.state === "ready" && isForeign(worker, pool.wish));
  const foreignCount = Math.min(foreign.length, Math.max(0, readyCount(pool) - pool.wish.size));
  const ownCount = surplus.filter((worker) => worker.state === "ready").length;
  const own = pool.workers.filter((worker) => worker.state === "ready" && !isForeign(worker, pool.wish));
  const isChoice = isChoiceOf(foreign, foreignCount) || isChoiceOf(own, ownCount);
  if (isChoice && pool.policy.drain === "idle") {
    const asked = survey(pool, at);
    if (asked !== undefined) return asked;
  }
  const first = firstToLeave(pool);
  const goners = [...foreign.toSorted(first).slice(0, foreignCount), ...own.toSorted(first).slice(0, ownCount)];
  return dismiss(pool, goners, at);
}

function isChoiceOf(workers: readonly Worker[], count: number): boolean {
  return count > 0 && count < workers.length;
}

/** Asks who is idle. Undefined: it is known. All are asked: who may go can change before the answer comes. */
function survey(pool: Pool, at: Moment): Outcome | undefined {
  if (pool.survey.state === "asked") return { pool, effects: [] };
  if (pool.survey.state === "known" && at.nowMs <= pool.survey.untilMs) return undefined;
  const pids = pool.workers.filter((worker) => worker.state === "ready").map(({ pid }) => pid);
  return { pool: { ...pool, survey: { state: "asked" } }, effects: [{ type: "survey", pids }] };
}

function firstToLeave(pool: Pool): (one: Worker, other: Worker) => number {
  const idle = new Set(pool.survey.state === "known" ? pool.survey.idle : []);
  const rank = (worker: Worker) => (idle.has(pidOf(worker) ?? 0) ? 0 : 1);
  return (one, other) => rank(one) - rank(other) || other.number - one.number;
}

/** While workers are replaced, as many places more as a batch has; numbers of those who leave are taken until they are gone. */
function openSlots(pool: Pool, nowMs: number): readonly Worker[] {
  const staying = pool.workers.filter((worker) => !isLeaving(worker) || keepsPlace(worker, pool));
  const own = staying.filter((worker) => !isForeign(worker, pool.wish)).length;
  const room = Math.max(pool.wish.size - staying.length, mostAlive(pool) - pool.workers.length);
  const taken = new Set(pool.workers.map((worker) => worker.number));
  const workers = [...pool.workers];
  for (let number = 1, missing = Math.min(room, pool.wish.size - own); missing > 0; number += 1) {
    if (taken.has(number)) continue;
    workers.push({ state: "backoff", number, untilMs: nowMs, cause: "new" });
    missing -= 1;
  }
  return workers;
}

/** A late worker's end is a failure yet to come: its place is filled when it has gone, after the wait that follows then. */
function keepsPlace(worker: Worker, pool: Pool): boolean {
  return "why" in worker && worker.why === "late" && !isForeign(worker, pool.wish);
}

/** One batch more than wanted while there are workers of another generation, leaving ones included. */
function mostAlive(pool: Pool): number {
  const { size, batch } = pool.wish;
  return pool.workers.some((worker) => isForeign(worker, pool.wish)) ? size + batch : size;
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
export function firstSlot(pool: Pool, nowMs: number): { slot: Waiting; atMs: number } | undefined {
  const alive = pool.workers.filter(isAlive);
  if (alive.length >= mostAlive(pool) || alive.some((worker) => worker.state === "spawning")) return undefined;
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
