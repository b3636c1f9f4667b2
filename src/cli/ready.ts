/** `fcgi-pm status --ready`: may requests be sent here? For probes: nothing is said where all is well. */
import type { FcgiPmError } from "../errors.ts";
import { describeDeathShortly } from "../observe/deaths.ts";
import type { AppStatus, ExternalStatus, Status } from "../observe/status.ts";
import { oneCell } from "../observe/width.ts";
import { complain } from "./complain.ts";
import { nobodyThere } from "./managers.ts";
import { lookAround, type StatusOptions, verdictOnExternals } from "./status.ts";
import { printJson, printLines } from "./terminal.ts";

/**
 * Gives the exit status. 0: every app that is meant has a worker that is ready, or busy with requests. 3: no manager
 * runs, or none of these apps. 4: an app has no ready worker. That of the error where a manager cannot be asked.
 */
export async function ready(app: string | undefined, options: StatusOptions): Promise<number> {
  const { managers, failed } = await lookAround(app, options.control);
  if (options.json === true) await printJson({ version: 1, managers });
  else await printLines(describeAbsent(managers, failed));
  const statuses = failed.map((error) => complain(error, options.json === true ? "json" : "words"));
  return statuses[0] ?? verdict(managers);
}

export function verdict(managers: readonly Status[]): 0 | 3 | 4 {
  const external = verdictOnExternals(managers);
  if (external !== undefined) return external;
  const apps = managers.flatMap((manager) => manager.apps);
  if (apps.every(({ state }) => state === "stopped")) return 3;
  return apps.every(isServed) ? 0 : 4;
}

/** One ready worker is enough: what comes is answered, though it may wait in the queue. A busy one counts. */
function isServed({ ready }: AppStatus): boolean {
  return ready > 0;
}

/** One line for each app that is not served. */
function describeAbsent(managers: readonly Status[], failed: readonly FcgiPmError[]): string[] {
  if (managers.length > 0) {
    return managers.flatMap(({ apps, externals = [] }) => [
      ...apps.filter((app) => !isServed(app)).map(describe),
      ...(apps.length > 0 ? [] : externals.flatMap(describeExternal)),
    ]);
  }
  return failed.length > 0 ? [] : [nobodyThere()];
}

function describe({ app, state, ready, wanted, lastExit }: AppStatus): string {
  const death = lastExit === null ? "" : `; worker ${lastExit.worker}: ${describeDeathShortly(lastExit, Date.now())}`;
  return oneCell(`${app}: ${state}, ${ready} of ${wanted} workers ready${death}`);
}

/** One that is asked for by its name. */
function describeExternal({ app, state, address, reason }: ExternalStatus): string[] {
  return state === "unreachable" ? [oneCell(`${app}: ${state} at ${address}: ${reason}`)] : [];
}
