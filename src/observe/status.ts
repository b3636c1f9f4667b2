/** What is there, as plain data and as a table for people. */
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
