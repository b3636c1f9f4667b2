/** What the kernel tells about a manager: memory, wake-ups, time on the processor. */
import { readdirSync, readFileSync } from "node:fs";

/** In kB, the process alone. */
export function memoryOf(pid: number): { rss: number; pss: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return { rss: numberAfter("Rss", text), pss: numberAfter("Pss", text) };
}

/** Of all threads since they started: how often one was switched out, and milliseconds on the processor. */
export function activityOf(pid: number): { switches: number; cpuMs: number } {
  const total = { switches: 0, cpuMs: 0 };
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const path = `/proc/${pid}/task/${thread}`;
    const status = readFileSync(`${path}/status`, "utf8");
    total.switches +=
      numberAfter("voluntary_ctxt_switches", status) + numberAfter("nonvoluntary_ctxt_switches", status);
    total.cpuMs += Number(readFileSync(`${path}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  }
  return total;
}

function numberAfter(name: string, text: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? Number.NaN);
}
