/** Whether an end of the manager is for good, or somebody is about to start it anew: systemd knows. */
import { jobOf, ownUnit } from "../os/systemd-unit.ts";

/** By whom it is to end: a signal (of systemd's, mostly), a command of an operator, or a failure of its own. */
export type Asker = "signal" | "command" | "failure";

/**
 * Asked where systemd keeps our listeners. If it stops the unit, they go. If it restarts it, they stay. A command without
 * a job of systemd's is an operator's who wants it to end; what else ends us may be followed by Restart=.
 */
export async function isForGood(asker: Asker): Promise<boolean> {
  if (asker === "failure") return false;
  const unit = ownUnit();
  const job = unit === undefined ? undefined : await jobOf(unit);
  if (job === "stop") return true;
  return asker === "command" && (job === undefined || job === "none");
}
