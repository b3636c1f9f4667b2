/**
 * Catches a busy worker between two requests. Under a load that never rests a serial worker holds no connection for some
 * microseconds only, from the end of one request to the beginning of the next; a look now and then would need hundreds
 * of tries. So the worker goes on by very short steps, and is looked at after each. Measured with 32 connections and
 * requests of 2 ms, a roll of four workers: Ruby 1 to 2 s instead of none in 5 s, Python 0.5 to 2 s instead of 5.
 */
import type { Sight } from "../supervision/worker.ts";
import { nowMs } from "./clock.ts";
import { sendSignal } from "./process.ts";
import { isStopped } from "./procfs.ts";

/** How long the worker runs between two looks. The shorter, the likelier it is caught; it must come to run at all. */
const stepMs = 0.05;
/** The manager does nothing else meanwhile. */
const longestMs = 3;
/** SIGSTOP takes this long at most before the steps are given up. */
const longestStopMs = 3;

const pause = new Int32Array(new SharedArrayBuffer(4));
let endedMs = Number.NEGATIVE_INFINITY;

/** Takes a stopped worker that is busy, as `look` sees it; leaves it stopped. Undefined: it does not stop now. */
export function catchBetweenRequests(pid: number, look: () => Sight): Sight | undefined {
  const beganMs = nowMs();
  // The manager has other work as well, other workers that drain included.
  if (beganMs - endedMs < longestMs) return "busy";
  let sight: Sight | undefined = "busy";
  while (sight === "busy" && nowMs() - beganMs < longestMs) sight = step(pid, look);
  endedMs = nowMs();
  return sight;
}

function step(pid: number, look: () => Sight): Sight | undefined {
  sendSignal(pid, "SIGCONT", true);
  Atomics.wait(pause, 0, 0, stepMs);
  sendSignal(pid, "SIGSTOP", true);
  const untilMs = nowMs() + longestStopMs;
  while (!isStopped(pid)) if (nowMs() > untilMs) return undefined;
  return look();
}
