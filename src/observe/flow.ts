/**
 * How much one worker may log. A worker that writes without end must not take the manager's time, its memory or the
 * disk: what is over the limit is dropped, counted, and said.
 */

export interface Flow {
  readonly lines: number;
  readonly bytes: number;
  readonly atMs: number;
  readonly dropped: Dropped;
}

export interface Dropped {
  readonly lines: number;
  readonly bytes: number;
}

/** Per worker and second, and at once after a quiet time. */
export const linesPerSecond = 5000;
export const bytesPerSecond = 4 * 1024 * 1024;

const nothing: Dropped = { lines: 0, bytes: 0 };

export function newFlow(nowMs: number): Flow {
  return { lines: linesPerSecond, bytes: bytesPerSecond, atMs: nowMs, dropped: nothing };
}

/** May this line pass? Counts it either way. */
export function admit(flow: Flow, bytes: number, nowMs: number): { flow: Flow; passes: boolean } {
  const there = refill(flow, nowMs);
  if (there.lines >= 1 && there.bytes >= bytes) {
    return { flow: { ...there, lines: there.lines - 1, bytes: there.bytes - bytes }, passes: true };
  }
  const dropped = { lines: there.dropped.lines + 1, bytes: there.dropped.bytes + bytes };
  return { flow: { ...there, dropped }, passes: false };
}

/** What was dropped so far; counting begins anew. */
export function takeDropped(flow: Flow): { flow: Flow; dropped: Dropped } {
  return { flow: { ...flow, dropped: nothing }, dropped: flow.dropped };
}

function refill(flow: Flow, nowMs: number): Flow {
  const seconds = Math.max(0, nowMs - flow.atMs) / 1000;
  if (seconds === 0) return flow;
  return {
    lines: Math.min(linesPerSecond, flow.lines + seconds * linesPerSecond),
    bytes: Math.min(bytesPerSecond, flow.bytes + seconds * bytesPerSecond),
    atMs: nowMs,
    dropped: flow.dropped,
  };
}
