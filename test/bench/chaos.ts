/** One worker after another is killed, at random, while requests come: what is lost, and what is still done. */
import { setTimeout as pause } from "node:timers/promises";
import { present, startManager } from "./contestants.ts";
import { measure } from "./gauge.ts";
import { failedOf, perSecond, startLoad } from "./load.ts";
import { oneMillisecond } from "./programs.ts";
import { figures, inTurns } from "./rounds.ts";
import { medianOf, type Result } from "./table.ts";

const workers = 4;
const connections = 32;
const everyMs = 200;
const seconds = 10;
/** Before and after: the machine drifts. */
const undisturbedMs = 2000;
const mostFailed = 1;
const leastKept = 0.97;

interface Chaos {
  readonly kills: number;
  readonly failed: number;
  /** Of the requests a second that are answered undisturbed. */
  readonly kept: number;
  readonly longestMs: number;
}

export async function measureChaos(): Promise<Result> {
  const samples = await inTurns(present, { count: 1 }, async (who) => {
    const manager = await startManager(who, workers);
    try {
      return await ravage(manager.pid, manager.socket);
    } finally {
      await manager.stop();
    }
  });
  const failed = figures(samples, (run) => run.failed / run.kills);
  const kept = figures(samples, (run) => run.kept);
  const longest = figures(samples, (run) => run.longestMs);
  const kills = [...figures(samples, (run) => run.kills)].map(([name, counts]) => `${name} ${counts.join(" ")}`);
  return {
    rows: [
      {
        metric: "chaos: failed requests for each worker killed",
        samples: failed,
        target: `<= ${mostFailed}`,
        reached: medianOf(failed, "fcgi-pm") <= mostFailed,
      },
      {
        metric: "chaos: part of the undisturbed throughput",
        samples: kept,
        target: `>= ${leastKept}`,
        reached: medianOf(kept, "fcgi-pm") >= leastKept,
      },
      { metric: "chaos: longest answer, ms", samples: longest, target: "" },
    ],
    notes: [
      `Chaos: one of ${workers} workers, at random, is killed every ${everyMs} ms for ${seconds} s, while ${connections} connections ask ` +
        `for answers that take about 1 ms. Killed: ${kills.join(", ")}.`,
    ],
  };
}

async function ravage(pid: number, socket: string): Promise<Chaos> {
  const load = await startLoad(socket, connections, { query: oneMillisecond });
  try {
    await pause(undisturbedMs);
    const before = await load.tally();
    const [kills = Number.NaN] = await measure("chaos", pid, everyMs, seconds);
    const during = await load.tally();
    await pause(undisturbedMs);
    const after = await load.tally();
    const undisturbed = (perSecond(before) + perSecond(after)) / 2;
    const kept = perSecond(during) / undisturbed;
    return { kills, failed: failedOf(during), kept, longestMs: during.longestMs };
  } finally {
    await load.stop();
  }
}
