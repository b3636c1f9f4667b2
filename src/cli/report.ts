/** What a manager that was started by `start --daemon` and the command that waits for it say to each other. */
import type { AppStatus } from "../observe/status.ts";

/** A socket pair: the manager writes one report, as a line of JSON; both see by it that the other has gone. */
export const reportFd = 3;

/** Tells a manager that it has such a descriptor. It is for this one process: the manager takes it out of its environment. */
export const reportVariable = "FCGI_PM_REPORT";

/** All workers are ready. */
export interface Report {
  readonly apps: readonly Pick<AppStatus, "app" | "ready" | "wanted">[];
}
