/** Ends the manager where an app does not run, for those who start containers anew: the key `exit-on`. */
import type { ExitOn } from "../config/app.ts";
import { FcgiPmError } from "../errors.ts";
import { describeExit } from "../supervision/notice.ts";
import { stateOf } from "../supervision/pool.ts";
import type { Hall } from "./hall.ts";
import type { Runtime } from "./runtime.ts";

/** Calls back, once, with the first app that is as `exitOn` says, unless all is to end already. */
export function watchForExit(hall: Hall, exitOn: ExitOn, onFailure: (failure: FcgiPmError) => void): void {
  if (exitOn === "never") return;
  const stop = hall.journal.followEvents(({ app, notice }) => {
    // Only of an app in service: one that was removed or has moved leaves a pool that ends, too.
    const runtime = hall.isClosing ? undefined : hall.apps.find(({ name }) => name === app);
    const failure = runtime === undefined ? undefined : failureOf(runtime, notice, exitOn);
    if (failure === undefined) return;
    stop();
    // Whoever told the app to stop hears of it first.
    setImmediate(() => onFailure(failure));
  });
}

function failureOf(runtime: Runtime, notice: string, exitOn: ExitOn): FcgiPmError | undefined {
  if (notice === "pool.crash-loop" && stateOf(runtime.pool) === "backoff") return crashLoopOf(runtime);
  // A restart stops it, too, and wants it to run again.
  if (exitOn === "stopped" && notice === "pool.stopped" && !runtime.isWanted) return stopOf(runtime);
  return undefined;
}

function crashLoopOf({ name, pool, deaths }: Runtime): FcgiPmError {
  // A program that cannot even be spawned leaves no exit: the log has said what the kernel says.
  const last = deaths.last === null ? "" : `, the last one with ${describeExit(deaths.last.exit)}`;
  const message = `Cannot run ${name}: no worker gets ready, ${pool.failures} tries failed${last}`;
  const details = deaths.last === null ? [] : [{ lastLines: deaths.last.lastLines }];
  return new FcgiPmError("FCGI_PM_APP_CANNOT_RUN", message, { details });
}

function stopOf({ name }: Runtime): FcgiPmError {
  return new FcgiPmError("FCGI_PM_APP_CANNOT_RUN", `Cannot go on without ${name}: it was stopped`, {
    remedy: "start fcgi-pm again; with exit-on = backoff an app may be stopped",
  });
}
