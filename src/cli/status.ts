/** `fcgi-pm status`: what is there, asked of every manager, and whether it is as it should be. */
import { managerOf } from "../control/find.ts";
import type { FcgiPmError } from "../errors.ts";
import type { Status } from "../observe/status.ts";
import { appTable, type Look, statusTable } from "../observe/table.ts";
import { complain } from "./complain.ts";
import { find, nobodyThere } from "./managers.ts";
import { printJson, printLines, screenOf } from "./terminal.ts";

export interface StatusOptions {
  readonly json?: true;
  readonly control?: string;
}

/** Prints the status; gives the exit status. */
export async function status(app: string | undefined, options: StatusOptions): Promise<number> {
  const { managers, failed } = await lookAround(app, options.control);
  if (options.json === true) await printJson({ version: 1, managers });
  else if (managers.length > 0 || failed.length === 0) {
    await printLines(describe(app, managers, { ...screenOf(process.stdout), nowMs: Date.now() }));
  }
  const statuses = failed.map((error) => complain(error, options.json === true ? "json" : "words"));
  return statuses[0] ?? verdict(managers);
}

/** What is there, and why some of it could not be asked. */
export interface Around {
  readonly managers: readonly Status[];
  readonly failed: readonly FcgiPmError[];
}

/** Every manager there is with all its apps, or those that have this app, with that alone. Throws FCGI_PM_APP_UNKNOWN. */
export async function lookAround(app: string | undefined, control: string | undefined): Promise<Around> {
  const found = await find(control, { reach: true });
  const all = found.managers.map((manager) => manager.status);
  const failed = found.failed.map(({ error }) => error);
  if (app === undefined || all.length === 0) return { managers: all, failed };
  const having = all.flatMap((one) => {
    const apps = one.apps.filter((there) => there.app === app);
    const externals = one.externals?.filter((there) => there.app === app) ?? [];
    return apps.length + externals.length === 0 ? [] : [{ ...one, apps, ...(one.externals && { externals }) }];
  });
  // It says why.
  if (having.length === 0) managerOf(app, found);
  return { managers: having, failed: [] };
}

export function describe(app: string | undefined, managers: readonly Status[], look: Look): string[] {
  if (managers.length === 0) return [nobodyThere()];
  if (app === undefined) return statusTable(managers, look);
  return managers.flatMap((one, index) => [...(index === 0 ? [] : [""]), ...appTable(one, look)]);
}

/**
 * 0: all apps are running. 3: no manager runs, or no app. 4: something runs, but an app is not as it should be. An external
 * app counts where it alone is asked for: a container is none the better for a restart because of another machine.
 */
export function verdict(managers: readonly Status[]): 0 | 3 | 4 {
  const external = verdictOnExternals(managers);
  if (external !== undefined) return external;
  const states = managers.flatMap(({ apps }) => apps.map(({ state }) => state));
  if (states.every((state) => state === "stopped")) return 3;
  return states.every((state) => state === "running") ? 0 : 4;
}

/** Undefined: other apps are asked for, too. */
export function verdictOnExternals(managers: readonly Status[]): 0 | 4 | undefined {
  const externals = managers.flatMap((manager) => manager.externals ?? []);
  if (externals.length === 0 || managers.some(({ apps }) => apps.length > 0)) return undefined;
  return externals.every(({ state }) => state === "reachable") ? 0 : 4;
}
