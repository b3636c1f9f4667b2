/** Boot: everything is read, looked up, proved and bound before the first worker is started. */
import type { Config } from "../config/app.ts";
import { nowMs } from "../os/clock.ts";
import { proveLogFile } from "../os/log-file.ts";
import { keepDescriptorsToOurselves } from "../os/process.ts";
import { reapStrangers } from "../os/reaper.ts";
import { proveControlPath } from "../os/runtime-dir.ts";
import { Notifier, takeGrants } from "../os/systemd.ts";
import type { Manager, ManagerOptions } from "./contract.ts";
import { type Doors, openDoors } from "./doors.ts";
import { type Plan, planApp } from "./plan.ts";
import { prepareDirectory, proveOutputs } from "./reloads.ts";
import { type Bound, Serving } from "./serving.ts";

export type { Manager, ManagerOptions } from "./contract.ts";

/**
 * Starts every app of the config. A failure before the first spawn undoes everything and is thrown: nothing half-started.
 */
export async function startManager(config: Config, options: ManagerOptions): Promise<Manager> {
  const startedMs = nowMs();
  const grants = takeGrants(process.env, process.pid);
  keepDescriptorsToOurselves();
  reapStrangers(config.manager.subreaper === true);
  const { logFile, control } = config.manager;
  if (logFile !== undefined) proveLogFile(logFile);
  if (control !== undefined) proveControlPath(control, options);
  proveOutputs(config.apps);
  const plans: Plan[] = [];
  for (const app of config.apps) plans.push(await planApp(app));
  prepareDirectory(config.apps, options.runtimeDirectory);
  const notifier = grants.notifySocket === undefined ? undefined : new Notifier(grants.notifySocket);
  const doors = await openDoors(grants, notifier, config.apps);
  const bound = bindAll(plans, doors);
  const manager = new Serving({ config, options, startedMs, doors, grants, notifier });
  try {
    return await manager.boot(bound);
  } catch (error) {
    doors.part();
    manager.hall.endNow();
    throw error;
  }
}

function bindAll(plans: readonly Plan[], doors: Doors): Bound {
  try {
    return plans.map((plan) => [plan, doors.open(plan)]);
  } catch (error) {
    doors.giveBack();
    throw error;
  }
}
