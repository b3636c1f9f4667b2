/** Wake-ups and processor time of managers with nothing to do, all at the same time: they do not disturb each other. */
import { setTimeout as pause } from "node:timers/promises";
import { type Name, withManagers } from "./contestants.ts";
import { activityOf } from "./procfs.ts";
import { medianOf, type Result } from "./table.ts";

/** V8 tidies up after a start for some seconds more, and a worker's first ten seconds are its trial. */
const settlingMs = 12_000;
const watchedMs = 20_000;
/** Two may happen by the kernel's own doing. */
const mostWakeUps = 2;

export function measureIdle(): Promise<Result> {
  return withManagers(4, async (managers) => {
    const watch = () => new Map([...managers].map(([name, { pid }]) => [name, activityOf(pid)] as const));
    await pause(settlingMs);
    const before = watch();
    await pause(watchedMs);
    const after = watch();
    const grown = (field: "switches" | "cpuMs") =>
      new Map<Name, number[]>(
        [...after].map(([name, then]) => [name, [then[field] - (before.get(name)?.[field] ?? 0)]]),
      );
    const wakeUps = grown("switches");
    const reached = medianOf(wakeUps, "fcgi-pm") <= mostWakeUps;
    return {
      rows: [
        { metric: "wake-ups of an idle manager in 20 s", samples: wakeUps, target: "no periodic one", reached },
        { metric: "processor time of an idle manager in 20 s, ms", samples: grown("cpuMs"), target: "" },
      ],
    };
  });
}
