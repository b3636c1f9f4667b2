/** How long to wait before the next try of a program that does not start. */

export interface BackoffPolicy {
  readonly restartDelayMs: number;
  readonly maxRestartDelayMs: number;
}

/** The wait is this much longer at most, so that many apps that died together do not all come back together. */
const jitter = 0.25;

/** Exponents past this give the longest delay whatever the first one was, and stay finite. */
const highestExponent = 40;

/**
 * Milliseconds between the `failures`-th early death in a row and the next spawn: none after the first, then
 * `restartDelayMs`, doubling, never over `maxRestartDelayMs`. `chance` (0 to 1) draws the jitter.
 */
export function backoffDelay(failures: number, policy: BackoffPolicy, chance: number): number {
  if (failures <= 1) return 0;
  const exponent = Math.min(failures - 2, highestExponent);
  const delayMs = policy.restartDelayMs * 2 ** exponent * (1 + jitter * chance);
  return Math.min(Math.round(delayMs), policy.maxRestartDelayMs);
}
