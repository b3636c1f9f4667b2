/** From the death of all workers at once to the next answer. */
import { type Name, withManagers } from "./contestants.ts";
import { measure } from "./gauge.ts";
import { inRounds } from "./rounds.ts";
import { medianOf, type Result, ratioTo } from "./table.ts";

const mostMs = 10;

export function measureAllKilled(): Promise<Result> {
  return withManagers(4, async (managers) => {
    const refused = new Map<Name, number>();
    // fcgi-pm replaces four workers a second for ever, and ten at once.
    const samples = await inRounds({ count: 20, slowEvery: 5, pauseMs: 400 }, async ({ name }) => {
      const manager = managers.get(name);
      const [ms = Number.NaN, tries = 0] = await measure("answered", manager?.pid ?? 0, manager?.socket ?? "");
      refused.set(name, (refused.get(name) ?? 0) + tries);
      return ms;
    });
    const row = {
      metric: "all workers killed to the next answer, ms",
      samples,
      ...ratioTo(samples, "bare Node loop"),
      target: `<= ${mostMs}`,
      reached: medianOf(samples, "fcgi-pm") <= mostMs,
    };
    const counts = [...refused].map(([name, tries]) => `${name} ${tries}`).join(", ");
    return { rows: [row], notes: [`Connections refused while all were dead, tried every 0.2 ms: ${counts}.`] };
  });
}
