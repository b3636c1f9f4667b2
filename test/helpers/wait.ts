/** What a condition may say: not yet, or the value that was waited for. */
type Maybe<T> = T | undefined | null | false;

/** How long to wait, and for what, in words that complete "Waited in vain for …". */
export interface Patience {
  readonly what: string;
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/** Sleeps; for fixtures that have to let time pass, never to wait for something. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Asks again and again until `condition` answers with something other than undefined, null or false, and gives that.
 * What it throws counts as "not yet"; the last such error is the cause of the one thrown after `timeoutMs` (30 s),
 * which comes after a last look: whoever was kept from looking for so long has seen nothing yet.
 */
export async function until<T>(condition: () => Maybe<T> | Promise<Maybe<T>>, patience: Patience): Promise<T> {
  const { what, timeoutMs = 30_000, everyMs = 10 } = patience;
  const end = performance.now() + timeoutMs;
  let cause: unknown;
  for (let isLast = false; ; isLast = performance.now() >= end) {
    try {
      const answer = await condition();
      if (answer !== undefined && answer !== null && answer !== false) return answer;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (isLast) break;
    await pause(everyMs);
  }
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  throw new Error(`Waited in vain for ${what} (${timeoutMs} ms)${why}`, { cause });
}
