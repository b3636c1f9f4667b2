/** What is there now, as plain data for whoever shows it. */
import type { AppStatus } from "../observe/status.ts";
import { type Pool, readyCount, stateOf } from "../supervision/pool.ts";
import { pidOf } from "../supervision/worker.ts";

export function statusOf(app: string, address: string | undefined, pool: Pool, nowMs: number): AppStatus {
  const workers = pool.workers.map((worker) => ({
    number: worker.number,
    state: worker.state,
    generation: "generation" in worker ? worker.generation : null,
    pid: pidOf(worker) ?? null,
    ageMs: "spawnedMs" in worker ? Math.round(nowMs - worker.spawnedMs) : null,
  }));
  return {
    app,
    state: stateOf(pool),
    ready: readyCount(pool),
    wanted: pool.wish.size,
    address: address ?? null,
    workers: workers.toSorted((a, b) => a.number - b.number),
  };
}
