/** Is the service of a config what `install` would write now? Compared by what `install` itself does. */
import { readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { joinWords } from "../config/words.ts";
import type { UnitLag } from "../diagnosis/unit-lag.ts";
import { FcgiPmError } from "../errors.ts";
import { systemdUnits, type UnitOptions } from "../generate/systemd.ts";
import type { Status } from "../observe/status.ts";
import { ownUnit, type Unit, unitOf } from "../os/systemd-unit.ts";
import { readWish, serviceNameOf, type WishOptions } from "./service-wish.ts";
import { changesTo, differenceOf, removals, type UnitChange, unitDirectory } from "./unit-files.ts";

/** Of the services that a config has: of the machine, and of this user. */
export async function lagsOf(config: string): Promise<UnitLag[]> {
  const lags = [await lagOf(config, false), await lagOf(config, true)];
  return lags.filter((lag) => lag !== undefined);
}

/** Of the service that a manager runs as: none where it was started in another way. `pid` as it is counted here. */
export async function lagOfManager(
  pid: number,
  { config, startedAt }: Status["manager"],
): Promise<UnitLag | undefined> {
  const unit = unitOf(pid);
  return (await lagIn(unit, config)) ?? (unit && olderThanUnit(unit, Date.parse(startedAt)));
}

/** A unit was brought up to date, and what runs was started before. */
function olderThanUnit({ name, isUser }: Unit, startedMs: number): UnitLag | undefined {
  if (changedAt(join(unitDirectory(isUser), name)) <= startedMs) return undefined;
  const remedy = joinWords(["systemctl", ...(isUser ? ["--user"] : []), "restart", name]);
  return { unit: name, settings: [], lines: [], remedy };
}

/** The same of the manager that this process is. */
export function ownLag(config: string | undefined): Promise<UnitLag | undefined> {
  return lagIn(ownUnit(), config);
}

async function lagIn(unit: Unit | undefined, config: string | null | undefined): Promise<UnitLag | undefined> {
  if (unit === undefined || typeof config !== "string" || unit.name !== `${serviceNameOf(config)}.service`)
    return undefined;
  return lagOf(config, unit.isUser);
}

/** Undefined: it is up to date, there is none of ours, or nobody can say. */
async function lagOf(config: string, isUser: boolean): Promise<UnitLag | undefined> {
  const directory = unitDirectory(isUser);
  const name = serviceNameOf(config);
  const text = textOf(join(directory, `${name}.service`));
  if (text === undefined || !isJudge(isUser, name)) return undefined;
  try {
    const present = removals(directory, name).map(({ path }) => path);
    const socketUnit = present.some((path) => path.endsWith(".socket"));
    const notifyReload = present.some((path) => path.endsWith("/notify-reload.conf"));
    const options = { socketUnit, notifyReload, user: isUser, config };
    const { service } = await readWish(config, { ...options, program: programIn(text) });
    const changes = changesTo(systemdUnits(service, options), directory, name).filter(isReal);
    if (changes.length === 0) return undefined;
    const settings = [...new Set(changes.flatMap(settingsOf))];
    return { unit: `${name}.service`, settings, lines: changes.flatMap(linesOf), remedy: remedyOf(options) };
  } catch (error) {
    // A config that is wrong is told by whoever wants to run it, a unit of somebody else by `install`.
    if (error instanceof FcgiPmError) return undefined;
    throw error;
  }
}

/** Of a service of the machine root is one, and the service itself: others cannot look up all that its apps need. */
function isJudge(isUser: boolean, name: string): boolean {
  return isUser || process.geteuid?.() === 0 || ownUnit()?.name === `${name}.service`;
}

/** Other comments are no other unit. */
function isReal(change: UnitChange): boolean {
  return change.kind !== "unchanged" && differenceOf(change).length > 0;
}

function settingsOf(change: UnitChange): string[] {
  if (change.kind !== "changed") return [basename(change.path)];
  return differenceOf(change).map((line) => line.slice(2, line.indexOf("=") + 1));
}

function linesOf(change: UnitChange): string[] {
  if (change.kind !== "changed")
    return [`${change.path}: ${change.kind === "new" ? "missing" : "not needed any more"}`];
  return [change.path, ...differenceOf(change)];
}

/** The command as it was given when these units were made. */
function remedyOf({
  config,
  user,
  socketUnit,
  notifyReload,
}: Required<Omit<WishOptions, "program">> & UnitOptions): string {
  const flags = [user && "--user", socketUnit && "--socket-unit", notifyReload && "--notify-reload"];
  const words = [
    "fcgi-pm",
    "install",
    "--now",
    ...flags.filter((flag) => typeof flag === "string"),
    "--config",
    config,
  ];
  return joinWords(words);
}

/** Node and the script that the service runs: which ones this process was started by says nothing of the config. */
function programIn(text: string): readonly [string, string] | undefined {
  const [, node, script] = /^ExecStart=([\w@+:,./-]+) ([\w@+:,./-]+) start --config /m.exec(text) ?? [];
  return node === undefined || script === undefined ? undefined : [node, script];
}

/** In ms since 1970; before everything else where there is no such file, or nobody can say. */
function changedAt(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
