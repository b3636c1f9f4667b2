/** Time, which on this floor may be asked for: monotonic, so that a clock that is set cannot hang anything. */

/** Milliseconds since some fixed moment, with fractions. Node's `performance` would cost 8 ms at its first use. */
export function nowMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/** One alarm, on the nearest deadline. */
export class Alarm {
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;
  #atMs = Number.POSITIVE_INFINITY;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Rings at `atMs` and no earlier; Infinity: not at all. */
  set(atMs: number): void {
    if (atMs === this.#atMs) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#atMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY) return;
    // Node's timers count whole milliseconds and may fire a fraction early: the next whole one is never early.
    const waitMs = Math.min(Math.max(0, Math.ceil(atMs - nowMs())), 2 ** 31 - 1);
    this.#timer = setTimeout(() => {
      this.#atMs = Number.POSITIVE_INFINITY;
      this.#ring();
    }, waitMs);
  }
}
