/** `fcgi-pm install`: writes the units of a config, enables and starts them, after it has shown what it will do. */
import type { Service } from "../generate/deployment.ts";
import { systemdUnits, type UnitOptions } from "../generate/systemd.ts";
import { check } from "./check.ts";
import { confirm } from "./confirm.ts";
import { wishService } from "./service-wish.ts";
import { controlOf, startUnit } from "./start-unit.ts";
import { enablementOf, propertyOf, type Systemd, systemctl, systemctlWords, systemdOf } from "./systemctl.ts";
import { printLines } from "./terminal.ts";
import { changesTo, differenceOf, perform, type UnitChange } from "./unit-files.ts";

export interface InstallOptions extends UnitOptions {
  readonly config?: string;
  readonly user?: boolean;
  readonly now?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

/** What is still to be done. */
interface Plan {
  readonly systemd: Systemd;
  readonly service: string;
  /** The manager's control socket, if the config names one. */
  readonly control: string | undefined;
  readonly changes: readonly UnitChange[];
  /** It runs, as its units were before. */
  readonly isOutdated: boolean;
  /** Words for systemctl, in their order. */
  readonly commands: readonly (readonly string[])[];
}

/** Gives the exit status: 5 where the config is wrong, and nothing has been touched. */
export async function install(options: InstallOptions): Promise<number> {
  const systemd = systemdOf(options.user === true);
  const { service } = await wishService(options);
  const status = await check(service.config, { leavesUnits: true });
  if (status !== 0) return status;
  const plan = await planOf(
    systemd,
    service,
    options,
    changesTo(systemdUnits(service, options), systemd.directory, service.name),
  );
  await printLines(linesOf(plan));
  if (isDone(plan)) return 0;
  if (options.dryRun === true || !(await confirm(options.yes === true))) return 0;
  await carryOut(plan);
  return tellOutcome(plan);
}

async function planOf(
  systemd: Systemd,
  { name, control }: Service,
  { now, socketUnit }: InstallOptions,
  changes: readonly UnitChange[],
): Promise<Plan> {
  const service = `${name}.service`;
  const isChanged = changes.some(({ kind }) => kind !== "unchanged");
  const gone = unitsIn(changes, "removed");
  const isEnabled = (await enablementOf(systemd, service)) === "enabled";
  const state = await propertyOf(systemd, service, "ActiveState");
  // One that does not get ready under its old unit has to begin anew: a start would wait for that, and end it for good.
  const isActive = /^(active|reloading|refreshing)$/.test(state) || (state === "activating" && isChanged);
  const isNew = changes.some(({ kind }) => kind === "new");
  const commands = [
    ...(gone.length === 0 ? [] : [["disable", "--now", ...gone]]),
    ...(isChanged ? [["daemon-reload"]] : []),
    ...(isEnabled && !isNew ? [] : [["enable", service]]),
    ...(now === true ? startOf(service, isActive, isChanged, socketUnit === true ? unitsIn(changes, "new") : []) : []),
  ];
  return { systemd, service, control, changes, isOutdated: isActive && isChanged, commands };
}

/** The sockets first: systemd opens none whose service runs already. A service that runs with old units is started anew. */
function startOf(service: string, isActive: boolean, isChanged: boolean, added: readonly string[]): string[][] {
  const sockets = added.filter((unit) => unit.endsWith(".socket"));
  if (!isActive) return [...(sockets.length === 0 ? [] : [["start", ...sockets]]), ["start", service]];
  if (sockets.length > 0)
    return [
      ["stop", service],
      ["start", ...sockets],
      ["start", service],
    ];
  return isChanged ? [["restart", service]] : [];
}

function unitsIn(changes: readonly UnitChange[], kind: UnitChange["kind"]): string[] {
  return changes
    .filter((change) => change.kind === kind && /\.(service|socket)$/.test(change.path))
    .map(({ path }) => path.slice(path.lastIndexOf("/") + 1));
}

function isDone({ changes, commands }: Plan): boolean {
  return commands.length === 0 && changes.every(({ kind }) => kind === "unchanged");
}

const isStart = ([word = ""]: readonly string[]): boolean => /^(re)?start$/.test(word);

const verbs = { new: "write", changed: "change", unchanged: "keep", removed: "remove" } as const;

function linesOf(plan: Plan): string[] {
  const files = plan.changes.flatMap((change) => [
    `${verbs[change.kind].padEnd(6)}  ${change.path}`,
    ...(change.kind === "changed" ? differenceOf(change).map((line) => `        ${line}`) : []),
  ]);
  const commands = plan.commands.map((words) => `run     ${systemctlWords(plan.systemd, ...words)}`);
  return [...files, ...commands, ...(isDone(plan) ? [`${plan.service} is installed as it should be`] : [])];
}

/** A unit goes when systemd has let it go. */
async function carryOut(plan: Plan): Promise<void> {
  const { systemd, service, changes, commands } = plan;
  const disabling = commands.filter(([word]) => word === "disable");
  for (const words of disabling) await systemctl(systemd, ...words);
  perform(changes);
  for (const words of commands.filter((words) => !disabling.includes(words))) {
    if (words.includes(service) && isStart(words)) await startUnit(plan, words);
    else await systemctl(systemd, ...words);
  }
}

/** Gives the exit status: that of `status` for what was started, 4 where it runs, but not as it should. */
async function tellOutcome({ systemd, service, control, isOutdated, commands }: Plan): Promise<number> {
  const isStarted = commands.some(isStart);
  if (!isStarted) {
    const next = systemctlWords(systemd, isOutdated ? "restart" : "start", service);
    const what = isOutdated ? "runs as it was until" : "starts with the machine; now";
    await printLines([`${service} is installed, and ${what}: ${next}`]);
    return 0;
  }
  await printLines([`${service} is installed, and runs:`, ""]);
  const { status } = await import("./status.ts");
  return status(undefined, { control: control ?? (await controlOf(systemd, service)) });
}
