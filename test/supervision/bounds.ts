/** How long anything may take at most in a world of this nature. */
import type { PoolPolicy } from "../../src/supervision/pool.ts";
import { latestNewsMs, latestRingMs, type Nature } from "../helpers/world.ts";

const { max } = Math;

/** The alarm may ring late, and the sum of some times is a hair more than its parts. */
export const slackMs = latestRingMs + 1;

function longest({ policies }: Nature, time: (policy: PoolPolicy) => number): number {
  return max(...policies.map(time));
}

/** Another policy may come while a worker drains. */
export function longestLeaveMs(nature: Nature): number {
  return (
    longest(nature, ({ drainTimeoutMs }) => drainTimeoutMs) + longest(nature, ({ stopTimeoutMs }) => stopTimeoutMs)
  );
}

/** The kernel may need so long to end a process after SIGKILL. */
export function longestLingerMs({ generations }: Nature): number {
  return max(...generations.flat().map(({ lingersMs }) => lingersMs));
}

/** How long the world may take to come to rest once it has calmed down: workers may be replaced one by one. */
export function longestUnrestMs(nature: Nature): number {
  const cycleMs = longest(nature, ({ startTimeoutMs }) => startTimeoutMs) + longestLeaveMs(nature);
  const replacedMs = 10 * (cycleMs + longestLingerMs(nature) + 10 * (latestNewsMs + slackMs));
  return replacedMs + 2 * longest(nature, ({ maxRestartDelayMs }) => maxRestartDelayMs) + 60_000;
}
