/** What is there now, as plain data for whoever shows it: the law's table and what the kernel shows at this moment. */
import type { AppStatus, WorkerStatus } from "../observe/status.ts";
import { nowMs } from "../os/clock.ts";
import { alarmOf, readyCount, renewed, stateOf } from "../supervision/pool.ts";
import { pidOf, type Worker } from "../supervision/worker.ts";
import type { Sighting } from "./eyes.ts";
import type { Runtime } from "./runtime.ts";

export function statusOf(runtime: Runtime): AppStatus {
  const { pool, listener, deaths } = runtime;
  const sighting = runtime.look();
  const atMs = nowMs();
  const ready = readyCount(pool);
  const busy = listener === undefined ? null : busyCount(pool.workers, sighting);
  const all = [...sighting.workers.values()];
  return {
    app: runtime.name,
    state: stateOf(pool),
    address: listener?.address ?? null,
    listener: listener?.origin ?? null,
    wanted: pool.wish.size,
    ready,
    busy,
    idle: busy === null ? null : ready - busy,
    queue: sighting.queue?.length ?? null,
    queueHighest: sighting.queue === undefined ? null : sighting.queueHighest,
    listenQueueDepth: sighting.queue?.limit ?? null,
    generation: pool.wish.generation,
    roll: rollOf(runtime),
    restarts: deaths.count,
    uptimeMs: Math.round(atMs - runtime.startedMs),
    rssBytes: sum(all.map(({ rssBytes }) => rssBytes)),
    cpuMs: sum(all.map(({ cpuMs }) => cpuMs)),
    nextTryInMs: nextTryOf(runtime, atMs),
    lastExit: deaths.last,
    workers: pool.workers
      .map((worker) => workerOf(worker, runtime, sighting, atMs))
      .toSorted((one, other) => one.number - other.number),
  };
}

function workerOf(worker: Worker, { deaths }: Runtime, sighting: Sighting, atMs: number): WorkerStatus {
  const pid = pidOf(worker) ?? null;
  const seen = pid === null ? undefined : sighting.workers.get(pid);
  const { restarts, last } = deaths.of(worker.number);
  return {
    number: worker.number,
    state: worker.state,
    generation: "generation" in worker ? worker.generation : null,
    pid,
    ageMs: "spawnedMs" in worker ? Math.round(atMs - worker.spawnedMs) : null,
    connections: seen?.connections?.length ?? null,
    busyMs: seen?.busyMs ?? null,
    rssBytes: seen?.rssBytes ?? null,
    cpuMs: seen?.cpuMs ?? null,
    restarts,
    lastExit: last,
  };
}

/** Of the ready workers those that hold a connection; null where the kernel does not tell. */
function busyCount(workers: readonly Worker[], sighting: Sighting): number | null {
  const seen = workers
    .filter((worker) => worker.state === "ready")
    .map((worker) => sighting.workers.get(pidOf(worker) ?? 0));
  if (seen.some((one) => one !== undefined && one.connections === undefined)) return null;
  return seen.filter((one) => (one?.connections?.length ?? 0) > 0).length;
}

function rollOf({ pool }: Runtime): AppStatus["roll"] {
  const { roll, wish } = pool;
  return roll === undefined ? null : { from: roll.from, to: wish.generation, done: renewed(pool), of: wish.size };
}

/** Only where somebody waits for his turn: an alarm may be about something else. */
function nextTryOf({ pool }: Runtime, atMs: number): number | null {
  if (pool.wish.size === 0 || !pool.workers.some((worker) => worker.state === "backoff")) return null;
  const nextMs = alarmOf(pool, atMs);
  return nextMs === Number.POSITIVE_INFINITY ? null : Math.max(0, Math.round(nextMs - atMs));
}

function sum(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((total, value) => total + value, 0);
}
