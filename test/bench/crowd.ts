/** Time until many workers wait in accept, and what a manager's memory grows by with each. */
import { setTimeout as pause } from "node:timers/promises";
import { startManager } from "./contestants.ts";
import { memoryOf } from "./procfs.ts";
import { inRounds, type Samples } from "./rounds.ts";
import { medianOf, type Result, type Row, ratioTo } from "./table.ts";

const rounds = { count: 3, slowEvery: 3 };
const mostMs = 3000;
const mostRssMb = 60;
const mostKb = 100;
/** Until memory is looked at: the log is written, the first garbage collected. */
const restMs = 700;

interface Crowd {
  readonly took: Samples;
  readonly rssKb: Samples;
  readonly pssKb: Samples;
}

async function gather(workers: number): Promise<Crowd> {
  const rssKb = new Map<string, number[]>();
  const pssKb = new Map<string, number[]>();
  const took = await inRounds(rounds, async (who) => {
    const manager = await startManager(who, workers);
    await pause(restMs);
    const { rss, pss } = memoryOf(manager.pid);
    rssKb.set(who.name, [...(rssKb.get(who.name) ?? []), rss]);
    pssKb.set(who.name, [...(pssKb.get(who.name) ?? []), pss]);
    await manager.stop();
    return manager.tookMs;
  });
  return { took, rssKb, pssKb };
}

export async function measureCrowd(): Promise<Result> {
  const few = await gather(4);
  const hundred = await gather(100);
  const many = await gather(500);
  const reached = medianOf(many.took, "fcgi-pm") < mostMs;
  return {
    rows: [
      timeRow(100, hundred.took),
      { ...timeRow(500, many.took), target: `< ${mostMs}`, reached },
      ...managerRows(few),
      growthRow(100, growth(few.rssKb, hundred.rssKb, 96)),
      growthRow(500, growth(few.rssKb, many.rssKb, 496)),
    ],
  };
}

function managerRows(few: Crowd): Row[] {
  const rss = divided(few.rssKb, 1024);
  const pss = divided(few.pssKb, 1024);
  const reached = medianOf(rss, "fcgi-pm") < mostRssMb;
  const bounds = { target: `< ${mostRssMb}`, reached };
  return [
    { metric: "RSS of the manager, 4 workers, MB", samples: rss, ...ratioTo(rss, "bare Node loop"), ...bounds },
    { metric: "PSS of the manager, 4 workers, MB", samples: pss, ...ratioTo(pss, "bare Node loop"), target: "" },
  ];
}

function growthRow(workers: number, samples: Samples): Row {
  const metric = `RSS for each worker more, 4 to ${workers}, kB`;
  const reached = medianOf(samples, "fcgi-pm") < mostKb;
  return { metric, samples, ...ratioTo(samples, "bare Node loop"), target: `< ${mostKb}`, reached };
}

function timeRow(workers: number, samples: Samples): Row {
  const metric = `command to ${workers} workers in accept, ms`;
  return { metric, samples, ...ratioTo(samples, "bare Node loop"), target: "" };
}

function divided(samples: Samples, by: number): Samples {
  return new Map([...samples].map(([name, values]) => [name, values.map((value) => value / by)]));
}

/** Sample by sample, of the same round. */
function growth(from: Samples, to: Samples, workers: number): Samples {
  const grown = (name: string, values: readonly number[]) =>
    values.map((value, round) => (value - (from.get(name)?.[round] ?? Number.NaN)) / workers);
  return new Map([...to].map(([name, values]) => [name, grown(name, values)]));
}
