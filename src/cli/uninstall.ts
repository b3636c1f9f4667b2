/** `fcgi-pm uninstall`: stops and disables the service of a config, and removes the units that `install` wrote; nothing else. */
import { resolve } from "node:path";
import { FcgiPmError } from "../errors.ts";
import { execWord } from "../generate/systemd-unit.ts";
import { confirm } from "./confirm.ts";
import { serviceNameOf } from "./service-wish.ts";
import { type Systemd, systemctl, systemctlWords, systemdOf } from "./systemctl.ts";
import { printLines } from "./terminal.ts";
import { commandIn, perform, removals, type UnitChange } from "./unit-files.ts";

export interface UninstallOptions {
  /** It need not be there any more. */
  readonly config?: string;
  readonly user?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

/** Gives the exit status: 0 as well where there is nothing to take back. */
export async function uninstall(options: UninstallOptions): Promise<number> {
  const systemd = systemdOf(options.user === true);
  const name = options.config === undefined ? "fcgi-pm" : serviceNameOf(options.config);
  const changes = removals(systemd.directory, name);
  if (options.config !== undefined) refuseOther(changes, options.config);
  await printLines(linesOf(systemd, name, changes));
  if (changes.length === 0) return 0;
  if (options.dryRun === true || !(await confirm(options.yes === true))) return 0;
  await takeBack(systemd, changes);
  await printLines([`${name}.service is no more; the config and the logs are where they were`]);
  return 0;
}

function linesOf(systemd: Systemd, name: string, changes: readonly UnitChange[]): string[] {
  if (changes.length === 0) return [`There is no ${name}.service of fcgi-pm in ${systemd.directory}`];
  const units = unitsOf(changes);
  return [
    ...(units.length === 0 ? [] : [`run     ${systemctlWords(systemd, "disable", "--now", ...units)}`]),
    ...changes.map(({ path }) => `remove  ${path}`),
    `run     ${systemctlWords(systemd, "daemon-reload")}`,
  ];
}

async function takeBack(systemd: Systemd, changes: readonly UnitChange[]): Promise<void> {
  const units = unitsOf(changes);
  if (units.length > 0) await systemctl(systemd, "disable", "--now", ...units);
  // Where there were socket units a stop leaves the runtime directory. Where there is none, systemctl complains.
  for (const unit of units.filter((name) => name.endsWith(".service")))
    await systemctl(systemd, "clean", "--what=runtime", unit).catch(() => {});
  perform(changes);
  await systemctl(systemd, "daemon-reload");
  // A unit that has failed would be remembered after its file is gone; one that has not is nothing to reset.
  for (const unit of units) await systemctl(systemd, "reset-failed", unit).catch(() => {});
}

/** Sockets first: a connection between the two would start the service again. */
function unitsOf(changes: readonly UnitChange[]): string[] {
  const names = changes.map(({ path }) => path.slice(path.lastIndexOf("/") + 1));
  return [...names.filter((name) => name.endsWith(".socket")), ...names.filter((name) => name.endsWith(".service"))];
}

function refuseOther(changes: readonly UnitChange[], config: string): void {
  const there = changes.map(({ before }) => commandIn(before)).find((command) => command !== undefined);
  if (there === undefined || there === `start --config ${execWord(resolve(config))}`) return;
  throw new FcgiPmError(
    "FCGI_PM_UNIT_FOREIGN",
    `Cannot take back the service of ${config}: what is installed under its name is fcgi-pm ${there}`,
    { remedy: "give the path of that config" },
  );
}
