/** Requests a second through the listener: nobody here stands in the path of a request, so all should be alike. */
import { type Name, withManagers } from "./contestants.ts";
import { measure } from "./gauge.ts";
import { inRounds, type Samples } from "./rounds.ts";
import { median, type Result, type Row } from "./table.ts";

const connections = 16;
const seconds = 0.7;
const noise = 0.03;
const peer: Name = "spawn-fcgi + multiwatch";

export function measureThroughput(): Promise<Result> {
  return withManagers(4, async (managers) => {
    let lost = 0;
    const samples = await inRounds({ count: 14 }, async ({ name }) => {
      const [perSecond = Number.NaN, gone = 0] = await measure(
        "load",
        managers.get(name)?.socket ?? "",
        connections,
        seconds,
      );
      lost += gone;
      return perSecond;
    });
    const metric = `requests a second, ${connections} connections, 4 workers`;
    const row: Row = { metric, samples, target: `1.00 ± ${noise}`, ...compared(samples) };
    return { rows: [row], notes: [`Requests without an answer under load: ${lost}.`] };
  });
}

/** Round by round: what slows the machine slows both. */
function compared(samples: Samples): Pick<Row, "ratio" | "reached"> {
  const others = samples.get(peer);
  if (others === undefined) return {};
  const value = median((samples.get("fcgi-pm") ?? []).map((own, round) => own / (others[round] ?? Number.NaN)));
  return { ratio: { value, to: peer }, reached: Math.abs(value - 1) <= noise };
}
