/** What is there, as plain data and as a table for people. */
import { type Pool, readyCount, stateOf } from "../supervision/pool.ts";
import { pidOf } from "../supervision/worker.ts";
import { formatDuration } from "../units.ts";

export interface WorkerStatus {
  readonly number: number;
  readonly state: string;
  readonly generation: number | null;
  readonly pid: number | null;
  readonly ageMs: number | null;
}

export interface AppStatus {
  readonly app: string;
  readonly state: string;
  readonly ready: number;
  readonly wanted: number;
  readonly address: string | null;
  readonly workers: readonly WorkerStatus[];
}

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

/** One line for each app, one below it for each worker. */
export function statusTable(apps: readonly AppStatus[]): string {
  return apps.flatMap((app) => [appLine(app), ...app.workers.map(workerLine)]).join("\n");
}

function appLine(app: AppStatus): string {
  const where = app.address === null ? "" : ` on ${app.address}`;
  return `${app.app}: ${app.state}, ${app.ready} of ${app.wanted} workers ready${where}`;
}

function workerLine(worker: WorkerStatus): string {
  const pid = worker.pid === null ? "" : `, pid ${worker.pid}`;
  const age = worker.ageMs === null ? "" : `, for ${formatDuration(worker.ageMs)}`;
  return `  worker ${worker.number}: ${worker.state}${pid}${age}`;
}
