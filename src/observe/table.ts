/** `status` for people: a row for each app, and for one app a row for each worker. */
import { formatDuration, formatSize } from "../units.ts";
import { type Cell, type Column, layOut, type Look as Screen } from "./columns.ts";
import { deathsOf, describeDeath, describeDeathShortly } from "./deaths.ts";
import type { Style } from "./paint.ts";
import type { AppStatus, ExternalStatus, ManagerStatus, Status, WorkerStatus } from "./status.ts";
import { cut, oneCell } from "./width.ts";

export interface Look extends Screen {
  /** What the clock says, in milliseconds since 1970: deaths are told by how long ago they were. */
  readonly nowMs: number;
  /** An earlier look: CPU is then the share used since, in percent of one processor, instead of time. */
  readonly before?: readonly Status[];
}

/** A row for each app of each manager, and below it a line for each app whose workers die. */
export function statusTable(managers: readonly Status[], look: Look): string[] {
  const rows = managers.flatMap(({ manager, apps }) => apps.map((app) => ({ manager, app })));
  const several = managers.length > 1;
  const leaving = ["ADDRESS", "CPU", "RSS", "IDLE", "UPTIME", "GEN", "RESTARTS", "QUEUE", "BUSY"];
  // Of one manager everybody knows whose the apps are.
  const table = layOut(appColumns(look), rows, several ? [...leaving, "MANAGER"] : ["MANAGER", ...leaving], look);
  const troubles = rows.flatMap(({ app }) => trouble(app, look));
  const parts = [
    rows.length === 0 ? [] : table,
    externalTable(managers, look),
    troubles.map((line) => cut(line, look.width)),
  ];
  const shown = parts.filter((part) => part.length > 0);
  return shown.length === 0 ? table : shown.flatMap((part, index) => (index === 0 ? part : ["", ...part]));
}

/** A row for each app that somebody else starts; no line at all where there is none. */
function externalTable(managers: readonly Status[], look: Look): string[] {
  const rows = managers.flatMap(({ manager, externals = [] }) => externals.map((external) => ({ manager, external })));
  if (rows.length === 0) return [];
  const leaving = managers.length > 1 ? ["CONNECT", "WHY", "MANAGER"] : ["MANAGER", "CONNECT", "WHY"];
  return layOut(externalColumns(), rows, leaving, look);
}

/** The app's own row, a row for each of its workers, and how the last ones died. */
export function appTable(status: Status, look: Look): string[] {
  const lines = externalTable([status], look);
  for (const app of status.apps) {
    const head = statusTable(
      [{ ...status, apps: [{ ...app, lastExit: null, nextTryInMs: null }], externals: [] }],
      look,
    );
    const rows = app.workers.map((worker) => ({ worker, manager: status.manager, app }));
    const leaving = ["CONNS", "CPU", "RSS", "GEN", "RESTARTS", "AGE", "LAST EXIT", "BUSY"];
    const workers = rows.length === 0 ? [] : ["", ...layOut(workerColumns(look), rows, leaving, look)];
    lines.push(...head, ...workers, ...deathsOf(app, look));
  }
  return lines;
}

interface AppRow {
  readonly manager: ManagerStatus;
  readonly app: AppStatus;
}

function appColumns(look: Look): Column<AppRow>[] {
  return [
    left("APP", ({ app }) => ({ text: app.app })),
    left("STATE", ({ app }) => stateCell(app.state)),
    right("READY", ({ app }) => ({ text: `${app.ready}/${app.wanted}` })),
    right("BUSY", ({ app }) => number(app.busy)),
    right("IDLE", ({ app }) => number(app.idle)),
    right("QUEUE", ({ app }) => queueCell(app)),
    left("GEN", ({ app }) => ({ text: generationOf(app) })),
    right("RESTARTS", ({ app }) => number(app.restarts)),
    right("UPTIME", ({ app }) => duration(app.uptimeMs)),
    right("RSS", ({ app }) => size(app.rssBytes)),
    right("CPU", (row) => cpu(row.app.cpuMs, row.manager, (before) => appIn(before, row)?.cpuMs, look)),
    right("MANAGER", ({ manager }) => number(manager.pid)),
    left("ADDRESS", ({ app }) => text(app.address)),
  ];
}

interface ExternalRow {
  readonly manager: ManagerStatus;
  readonly external: ExternalStatus;
}

function externalColumns(): Column<ExternalRow>[] {
  return [
    left("EXTERNAL", ({ external }) => ({ text: external.app })),
    left("STATE", ({ external }) => (external.state === null ? none : stateCell(external.state))),
    right("CONNECT", ({ external }) => duration(external.connectMs)),
    right("MANAGER", ({ manager }) => number(manager.pid)),
    left("ADDRESS", ({ external }) => text(external.address)),
    left("WHY", ({ external }) => text(external.reason)),
  ];
}

interface WorkerRow extends AppRow {
  readonly worker: WorkerStatus;
}

function workerColumns(look: Look): Column<WorkerRow>[] {
  const earlier = (before: Status, row: WorkerRow) =>
    appIn(before, row)?.workers.find(({ pid }) => pid === row.worker.pid)?.cpuMs;
  return [
    right("WORKER", ({ worker }) => number(worker.number)),
    right("PID", ({ worker }) => number(worker.pid)),
    left("STATE", ({ worker }) => stateCell(worker.state)),
    right("GEN", ({ worker }) => number(worker.generation)),
    right("AGE", ({ worker }) => duration(worker.ageMs)),
    right("CONNS", ({ worker }) => number(worker.connections)),
    right("BUSY", ({ worker }) => duration(worker.busyMs)),
    right("RSS", ({ worker }) => size(worker.rssBytes)),
    right("CPU", (row) => cpu(row.worker.cpuMs, row.manager, (before) => earlier(before, row), look)),
    right("RESTARTS", ({ worker }) => number(worker.restarts)),
    left("LAST EXIT", ({ worker }) => text(worker.lastExit && describeDeathShortly(worker.lastExit, look.nowMs))),
  ];
}

type Show<Row> = (row: Row) => Cell;

function left<Row>(head: string, cell: Show<Row>): Column<Row> {
  return { head, side: "left", cell };
}

function right<Row>(head: string, cell: Show<Row>): Column<Row> {
  return { head, side: "right", cell };
}

/** Nobody knows, or there is none. */
const none: Cell = { text: "-", style: "dim" };

function text(value: string | null): Cell {
  return value === null ? none : { text: oneCell(value) };
}

function number(value: number | null): Cell {
  return value === null ? none : { text: String(value) };
}

function duration(ms: number | null): Cell {
  return ms === null ? none : { text: formatDuration(ms) };
}

function size(bytes: number | null): Cell {
  return bytes === null ? none : { text: formatSize(bytes) };
}

type State = AppStatus["state"] | WorkerStatus["state"] | NonNullable<ExternalStatus["state"]>;

const stateStyles: { readonly [S in State]: Style } = {
  running: "good",
  reachable: "good",
  unreachable: "bad",
  ready: "good",
  starting: "under-way",
  spawning: "under-way",
  degraded: "warning",
  draining: "warning",
  stopping: "warning",
  backoff: "bad",
  killing: "bad",
  stopped: "dim",
};

function stateCell(state: keyof typeof stateStyles): Cell {
  return { text: state, style: stateStyles[state] };
}

/** Waiting now, most ever, how many may. */
function queueCell({ queue, queueHighest, listenQueueDepth }: AppStatus): Cell {
  if (queue === null) return none;
  const isFull = listenQueueDepth !== null && queue >= listenQueueDepth;
  const parts = [queue, queueHighest, listenQueueDepth].map((value) => value ?? "-");
  return { text: parts.join("/"), ...(isFull ? { style: "bad" } : {}) };
}

function generationOf({ generation, roll }: AppStatus): string {
  return roll === null ? String(generation) : `${roll.from}→${roll.to}, ${roll.done} of ${roll.of}`;
}

function cpu(
  nowMs: number | null,
  manager: ManagerStatus,
  earlier: (before: Status) => number | null | undefined,
  look: Look,
): Cell {
  if (nowMs === null) return none;
  if (look.before === undefined) return duration(nowMs);
  const before = look.before.find((status) => status.manager.pid === manager.pid);
  const wasMs = before === undefined ? undefined : earlier(before);
  const passedMs = manager.uptimeMs - (before?.manager.uptimeMs ?? 0);
  if (typeof wasMs !== "number" || passedMs <= 0) return none;
  // Less than before: a process that had used much has ended.
  return { text: `${Math.round((Math.max(0, nowMs - wasMs) / passedMs) * 100)}%` };
}

function appIn(before: Status, row: AppRow): AppStatus | undefined {
  return before.apps.find(({ app }) => app === row.app.app);
}

/** `blog: worker 2 died 3s ago …: exit code 1; next try in 1.6s`, for an app that is not whole because of it. */
function trouble({ app, state, lastExit, nextTryInMs }: AppStatus, look: Look): string[] {
  if (lastExit === null || (state !== "backoff" && state !== "degraded")) return [];
  const next = nextTryInMs === null ? "" : `; next try in ${formatDuration(nextTryInMs)}`;
  return [`${app}: worker ${lastExit.worker}: ${describeDeath(lastExit, look.nowMs)}${next}`];
}
