/** Delivers an event to one worker of a pool, with what follows from it for the others. */
import type { Moment, Outcome, Pool, Worker, WorkerEvent } from "./life.ts";
import { isForeign, readyCount } from "./life.ts";
import { bury, takeBack } from "./succession.ts";
import { live } from "./worker.ts";

/** The first worker that is meant lives through the event; nobody is meant by news of a process that is none of ours. */
export function deliver(pool: Pool, isMeant: (worker: Worker) => boolean, event: WorkerEvent, at: Moment): Outcome {
  const index = pool.workers.findIndex(isMeant);
  const worker = pool.workers[index];
  if (worker === undefined) return { pool, effects: [] };
  const step = live(worker, event, at, pool.policy);
  if (step.worker !== undefined) {
    const changed = { ...pool, workers: pool.workers.with(index, step.worker) };
    if (isPromotion(worker, step.worker)) return { pool: relax(pool, changed, at), effects: step.effects };
    const isLate = step.worker.state === "stopping" && step.worker.why === "late" && worker.state === "starting";
    if (isLate && !isForeign(worker, pool.wish)) return takeBack(changed, worker.number, step.effects);
    return { pool: changed, effects: step.effects };
  }
  const without = { ...pool, workers: pool.workers.toSpliced(index, 1) };
  const bereft = bury(without, worker, step.ending ?? { kind: "left" }, at);
  return { pool: bereft.pool, effects: [...step.effects, ...bereft.effects] };
}

/** Delivers one event to each of these workers. */
export function deliverAll(pool: Pool, workers: readonly Worker[], event: WorkerEvent, at: Moment): Outcome {
  let outcome: Outcome = { pool, effects: [] };
  for (const { number } of workers) {
    outcome = andThen(outcome, (now) => deliver(now, (other) => other.number === number, event, at));
  }
  return outcome;
}

export function andThen(first: Outcome, next: (pool: Pool) => Outcome): Outcome {
  const second = next(first.pool);
  return { pool: second.pool, effects: [...first.effects, ...second.effects] };
}

function isPromotion(before: Worker, after: Worker): boolean {
  return before.state === "starting" && after.state === "ready";
}

/** A worker got ready. The first one shows that the program starts: nobody waits any longer. */
function relax(before: Pool, after: Pool, at: Moment): Pool {
  const pool = { ...after, readyMs: at.nowMs };
  if (pool.failures === 0 || readyCount(before) > 0) return pool;
  const workers = pool.workers.map((worker) =>
    worker.state === "backoff" ? { ...worker, untilMs: Math.min(worker.untilMs, at.nowMs) } : worker,
  );
  return { ...pool, workers, notBeforeMs: Number.NEGATIVE_INFINITY };
}
