/** What an app's config means to the law. */
import type { App } from "../config/app.ts";
import type { PoolPolicy } from "../supervision/pool.ts";

export function policyOf(app: App): PoolPolicy {
  return {
    startTimeoutMs: app.startTimeoutMs,
    // Where the kernel cannot be asked, living is all the proof there is: it has to be reachable before start-timeout.
    startGraceMs: Math.min(app.startGraceMs, app.startTimeoutMs / 2),
    minServerLifeMs: app.minServerLifeMs,
    restartDelayMs: app.restartDelayMs,
    maxRestartDelayMs: app.maxRestartDelayMs,
    initStartDelayMs: app.initStartDelayMs,
    stopSignal: `SIG${app.stopSignal}`,
    stopTimeoutMs: app.stopTimeoutMs,
    // Without a listener there is no connection to wait for.
    drain: app.listen.kind === "none" ? "signal" : app.drain,
    drainTimeoutMs: app.drainTimeoutMs,
  };
}
