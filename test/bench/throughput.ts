/** Requests a second through the listener: nobody here stands in the path of a request, so all should be alike. */
import { setTimeout as pause } from "node:timers/promises";
import { type Name, withManagers } from "./contestants.ts";
import { failedOf, perSecond, startLoad } from "./load.ts";
import { inRounds, type Samples } from "./rounds.ts";
import { median, type Result, type Row } from "./table.ts";

const connections = 16;
const spanMs = 700;
const peer: Name = "spawn-fcgi + multiwatch";

export function measureThroughput(): Promise<Result> {
  return withManagers(4, async (managers) => {
    let lost = 0;
    const samples = await inRounds({ count: 14 }, async ({ name }) => {
      const load = await startLoad(managers.get(name)?.socket ?? "", connections, {});
      await pause(spanMs);
      const tally = await load.tally();
      await load.stop();
      lost += failedOf(tally);
      return perSecond(tally);
    });
    const metric = `requests a second, ${connections} connections, 4 workers`;
    const row: Row = { metric, samples, target: "1.00 ± noise", ...compared(samples) };
    return { rows: [row], notes: [`Requests without an answer under load: ${lost}.`] };
  });
}

/**
 * Round by round: what slows the machine slows both. The noise is what the rounds themselves show: 1.00 is reached if it
 * lies in the middle half of their ratios.
 */
function compared(samples: Samples): Pick<Row, "ratio" | "reached"> {
  const others = samples.get(peer);
  if (others === undefined) return {};
  const ratios = (samples.get("fcgi-pm") ?? []).map((own, round) => own / (others[round] ?? Number.NaN));
  const sorted = ratios.toSorted((a, b) => a - b);
  const quarter = Math.floor(sorted.length / 4);
  const [low = Number.NaN, high = Number.NaN] = [sorted[quarter], sorted[sorted.length - 1 - quarter]];
  return { ratio: { value: median(ratios), to: peer }, reached: low <= 1 && high >= 1 };
}
