/** Which managers a command means: those of the runtime directory, or the one that --control names. */
import { existsSync } from "node:fs";
import { type ControlClient, connectControl } from "../control/client.ts";
import {
  type Found,
  type FoundManager,
  findManagers,
  type Look,
  managerAt,
  managerOf,
  onlyManager,
} from "../control/find.ts";
import { FcgiPmError } from "../errors.ts";
import type { Status } from "../observe/status.ts";
import { controlDirectories, controlDirectory, servicesDirectory } from "../os/runtime-dir.ts";

/** Where a command goes. */
export interface Meant {
  readonly managers: readonly Reached[];
  /** Why others that are there, and are meant, too, could not be asked. */
  readonly failed: readonly FcgiPmError[];
}

/** A manager that has answered. */
export interface Reached {
  readonly client: ControlClient;
  readonly status: Status;
}

/** All that there are; there may be none. Throws where the one that is named cannot be asked. */
export async function find(control: string | undefined, look: Look = {}): Promise<Found> {
  if (control !== undefined) return { managers: [await managerAt(control, look)], failed: [] };
  return findManagers(controlDirectories(process.env), look);
}

/** The one that has this app, or every one. Throws where there is none. */
export async function managersFor(app: string | undefined, control: string | undefined): Promise<Meant> {
  const found = await find(control);
  if (app !== undefined) return { managers: [reach(orElsewhere(() => managerOf(app, found)))], failed: [] };
  if (found.managers.length === 0) orElsewhere(() => onlyManager(found));
  return { managers: found.managers.map(reach), failed: found.failed.map(({ error }) => error) };
}

/** The one that has this app; where there is only one, it may find in its config that the app is new. */
export async function managersToAdd(app: string | undefined, control: string | undefined): Promise<Meant> {
  const { managers, failed } = await find(control);
  const [only, ...others] = managers;
  if (app === undefined || only === undefined || others.length > 0 || failed.length > 0)
    return managersFor(app, control);
  return { managers: [reach(only)], failed: [] };
}

/** The one that has this app. */
export async function managerWith(app: string, control: string | undefined): Promise<Reached> {
  const found = await find(control);
  return reach(orElsewhere(() => managerOf(app, found)));
}

/** The only one there is. Throws where there are several. */
export async function theManager(control: string | undefined): Promise<Reached> {
  const found = await find(control);
  return reach(orElsewhere(() => onlyManager(found)));
}

/** Said where there is no manager. */
export function nobodyThere(): string {
  const others = hasOthers() ? `; those of ${servicesDirectory} are seen by their user and by root` : "";
  return `no manager runs: there is none in ${controlDirectory(process.env)}${others}`;
}

/** Who is not root looks into a directory of his own, and may mean a manager that is not his. */
function hasOthers(): boolean {
  if (process.env["RUNTIME_DIRECTORY"] !== undefined) return false;
  return (
    controlDirectory(process.env) !== controlDirectory({ RUNTIME_DIRECTORY: servicesDirectory }) &&
    existsSync(servicesDirectory)
  );
}

function orElsewhere<T>(look: () => T): T {
  try {
    return look();
  } catch (error) {
    const isMissing = error instanceof FcgiPmError && error.code === "FCGI_PM_MANAGER_MISSING";
    if (!isMissing || !hasOthers()) throw error;
    throw new FcgiPmError("FCGI_PM_MANAGER_MISSING", "No manager of this user is running", {
      remedy: `as root, or as the manager's user, if it is one of ${servicesDirectory}; else start one: fcgi-pm start`,
    });
  }
}

function reach({ path, status }: FoundManager): Reached {
  return { client: connectControl(path), status };
}
