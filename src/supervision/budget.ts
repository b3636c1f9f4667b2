/** How many spawns are allowed: a token bucket, so that a program that dies soon after it was ready cannot burn the machine. */

export interface Budget {
  readonly tokens: number;
  readonly atMs: number;
}

const smallestBurst = 10;

function burst(processes: number): number {
  return Math.max(smallestBurst, 2 * processes);
}

export function fullBudget(processes: number, nowMs: number): Budget {
  return { tokens: burst(processes), atMs: nowMs };
}

/** The bucket as it stands now: `processes` tokens a second come in, up to the burst. */
export function refill(budget: Budget, processes: number, nowMs: number): Budget {
  const gained = (Math.max(0, nowMs - budget.atMs) / 1000) * processes;
  return { tokens: Math.min(burst(processes), budget.tokens + gained), atMs: Math.max(nowMs, budget.atMs) };
}

/** The moment at which one token will be there; not before `nowMs`. */
export function tokenAt(budget: Budget, processes: number, nowMs: number): number {
  const there = refill(budget, processes, nowMs);
  return there.tokens >= 1 ? nowMs : nowMs + Math.ceil(((1 - there.tokens) / Math.max(1, processes)) * 1000);
}

/** The bucket after one spawn. The caller has seen with `tokenAt` that a token is there. */
export function spend(budget: Budget, processes: number, nowMs: number): Budget {
  const there = refill(budget, processes, nowMs);
  return { ...there, tokens: there.tokens - 1 };
}
