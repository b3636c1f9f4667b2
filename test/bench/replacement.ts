/** From `kill -9` of one idle worker to its replacement waiting in accept. */
import { withManagers } from "./contestants.ts";
import { measure } from "./gauge.ts";
import { inRounds } from "./rounds.ts";
import { medianOf, type Result, ratioTo } from "./table.ts";

const mostMs = 8;

export function measureReplacement(): Promise<Result> {
  return withManagers(4, async (managers) => {
    const samples = await inRounds({ count: 30, slowEvery: 6, pauseMs: 100 }, async ({ name }) => {
      const [ms = Number.NaN] = await measure("replaced", managers.get(name)?.pid ?? 0);
      return ms;
    });
    const row = {
      metric: "`kill -9` of an idle worker to its replacement in accept, ms",
      samples,
      ...ratioTo(samples, "bare Node loop"),
      target: `<= ${mostMs}`,
      reached: medianOf(samples, "fcgi-pm") <= mostMs,
    };
    return { rows: [row] };
  });
}
