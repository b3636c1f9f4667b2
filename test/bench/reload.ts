/** What three reloads do to requests that come all the while, beside what requests are like with no reload. */
import { setTimeout as pause } from "node:timers/promises";
import { type Manager, startManager } from "./contestants.ts";
import { measure } from "./gauge.ts";
import { type Asked, failedOf, startLoad, type Tally } from "./load.ts";
import { diesOnSigterm, oneMillisecond, type Program, slowToStart } from "./programs.ts";
import { type Reloader, reloaders, workers } from "./reloaders.ts";
import { figures, inTurns, type Samples } from "./rounds.ts";
import { medianOf, type Result, type Row, ratioTo, type Table } from "./table.ts";

export const connections = 32;
/** Before the reloads, and once more after them: the machine drifts. */
const undisturbedMs = 800;
const reloads = 3;
const mostTimes = 1.5;

/** One manager, one run of requests. */
export interface Reloaded {
  readonly undisturbedP99Ms: number;
  /** From the first command until all workers of the last are replaced, and serve. */
  readonly reloading: Tally;
}

/** Reloads one after another, while requests come. */
export async function reloadUnderLoad(manager: Manager, command: string[], asked: Asked): Promise<Reloaded> {
  const load = await startLoad(manager.socket, connections, asked);
  try {
    await pause(undisturbedMs);
    const before = await load.tally();
    for (let turn = 0; turn < reloads; turn += 1) await measure("renewed", manager.pid, ...command);
    const reloading = await load.tally();
    await pause(undisturbedMs);
    const after = await load.tally();
    return { undisturbedP99Ms: (before.p99Ms + after.p99Ms) / 2, reloading };
  } finally {
    await load.stop();
  }
}

const table: Table = {
  title: "Three reloads under load",
  about:
    `${connections} connections in a closed loop ask ${workers} workers that take about 1 ms for each request; all workers are replaced three times. ` +
    "fcgi-pm: `POST /v1/reload` through its control socket. multiwatch ends on HUP, and so does the service: its workers, and those of the " +
    "bare loop, get TERM, all at once. supervisord: `supervisorctl restart` of one worker after another, and `restart all`. " +
    "A failed request was refused, reset, or cut; it is tried again after 1 ms.",
  columns: reloaders,
};

export async function measureReload(): Promise<Result> {
  const dies = await rowsOf("dies on SIGTERM", diesOnSigterm());
  const boots = await rowsOf("boots for 500 ms", slowToStart());
  return { table, rows: [...dies.rows, ...boots.rows], notes: [...dies.notes, ...boots.notes] };
}

async function rowsOf(label: string, program: Program) {
  const present = reloaders.filter(({ missing }) => missing.length === 0);
  const samples = await inTurns(present, { count: 3, slowEvery: 3 }, (who) => sample(who, program));
  return { rows: rowsOfReloads(label, samples, "spawn-fcgi + multiwatch"), notes: [failuresOf(label, samples)] };
}

async function sample(who: Reloader, program: Program): Promise<Reloaded> {
  const manager = await startManager(who.contestant, workers, program);
  try {
    return await reloadUnderLoad(manager, who.command(manager), { query: oneMillisecond });
  } finally {
    await manager.stop();
  }
}

export type ReloadSamples = ReadonlyMap<string, readonly Reloaded[]>;

/** Failures, times undisturbed and during the reloads, and what is promised of them. */
export function rowsOfReloads(label: string, samples: ReloadSamples, peer: string): Row[] {
  const failed = figures(samples, ({ reloading }) => failedOf(reloading));
  const before = figures(samples, ({ undisturbedP99Ms }) => undisturbedP99Ms);
  const during = figures(samples, ({ reloading }) => reloading.p99Ms);
  const times = figures(samples, (run) => run.reloading.p99Ms / run.undisturbedP99Ms);
  const longest = figures(samples, ({ reloading }) => reloading.longestMs);
  const seconds = figures(samples, ({ reloading }) => reloading.seconds);
  return [
    { metric: `${label}: failed requests`, samples: failed, target: "0", reached: mostOf(failed) === 0 },
    { metric: `${label}: p99 undisturbed, ms`, samples: before, target: "" },
    { metric: `${label}: p99 during reloads, ms`, samples: during, ...ratioTo(during, peer), target: "" },
    {
      metric: `${label}: p99 during reloads / undisturbed`,
      samples: times,
      target: `<= ${mostTimes}`,
      reached: medianOf(times, "fcgi-pm") <= mostTimes,
    },
    { metric: `${label}: longest answer during reloads, ms`, samples: longest, ...ratioTo(longest, peer), target: "" },
    { metric: `${label}: three reloads took, s`, samples: seconds, target: "" },
  ];
}

/** Of fcgi-pm, in the worst round. */
function mostOf(samples: Samples): number {
  return Math.max(...(samples.get("fcgi-pm") ?? [Number.NaN]));
}

/** How requests failed, of how many, over all rounds. */
export function failuresOf(label: string, samples: ReloadSamples): string {
  const told = [...samples].map(([name, rounds]) => {
    const sum = (field: "answered" | "refused" | "reset" | "cut" | "wrong") =>
      rounds.reduce((total, { reloading }) => total + reloading[field], 0);
    const kinds = (["refused", "reset", "cut", "wrong"] as const).map((kind) => `${sum(kind)} ${kind}`);
    return `${name} ${sum("answered")} answered, ${kinds.filter((text) => !text.startsWith("0 ")).join(", ") || "none failed"}`;
  });
  return `During reloads, ${label}: ${told.join("; ")}.`;
}
