/** Unit files on the disk: which are ours, what would change, and the change itself. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { FcgiPmError } from "../errors.ts";
import { renderUnit, type Unit, unitMark } from "../generate/systemd-unit.ts";

export interface UnitChange {
  readonly path: string;
  readonly kind: "new" | "changed" | "unchanged" | "removed";
  /** What the file is to be; absent for one that goes. */
  readonly text?: string;
  /** What it is; absent for a new one. */
  readonly before?: string;
}

/** Where units lie that an administrator, or this user, has made. */
export function unitDirectory(isUser: boolean): string {
  if (!isUser) return "/etc/systemd/system";
  return join(process.env["XDG_CONFIG_HOME"] || join(homedir(), ".config"), "systemd/user");
}

/** What has to be done to have these units, and none of ours beside them. Throws where a file of somebody else is in the way. */
export function changesTo(units: readonly Unit[], directory: string, service: string): UnitChange[] {
  const wanted = units.map((unit) => changeTo(unit, directory));
  const paths = new Set(wanted.map(({ path }) => path));
  return [...wanted, ...removals(directory, service).filter(({ path }) => !paths.has(path))];
}

function changeTo(unit: Unit, directory: string): UnitChange {
  const path = join(directory, unit.file);
  const text = renderUnit(unit);
  const before = readUnit(path);
  if (before === undefined) return { path, kind: "new", text };
  if (!isOurs(before)) throw foreign(path);
  refuseOther(path, before, text);
  return { path, kind: before === text ? "unchanged" : "changed", text, before };
}

/** Every unit of ours that belongs to the service; one of the same name that is not ours is an error. */
export function removals(directory: string, service: string): UnitChange[] {
  const main = join(directory, `${service}.service`);
  const text = readUnit(main);
  if (text !== undefined && !isOurs(text)) throw foreign(main);
  const sockets = list(directory).filter((name) => name.startsWith(`${service}-`) && name.endsWith(".socket"));
  const dropIns = list(`${main}.d`).map((name) => join(`${service}.service.d`, name));
  return [`${service}.service`, ...dropIns, ...sockets].flatMap((file) => {
    const path = join(directory, file);
    const before = readUnit(path);
    const belongs = before !== undefined && isOurs(before) && (!file.endsWith(".socket") || isFor(before, service));
    return belongs ? [{ path, kind: "removed", before } as const] : [];
  });
}

export function perform(changes: readonly UnitChange[]): void {
  for (const { path, kind, text = "" } of changes) {
    try {
      if (kind === "removed") remove(path);
      else if (kind !== "unchanged") write(path, text);
    } catch (cause) {
      const why = (cause as NodeJS.ErrnoException).code;
      throw new FcgiPmError("FCGI_PM_SYSTEM_CALL_FAILED", `Cannot change "${path}": ${why}`, { cause });
    }
  }
}

/** The config that a service of ours runs, as its ExecStart has it. */
export function commandIn(text: string | undefined): string | undefined {
  return /^ExecStart=.* (start --config .*)$/m.exec(text ?? "")?.[1];
}

/** The lines that go, and those that come, in the order of the files; comments aside. */
export function differenceOf({ before = "", text = "" }: UnitChange): string[] {
  const lines = (whole: string) => whole.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const [old, young] = [lines(before), lines(text)];
  return [
    ...old.filter((line) => !young.includes(line)).map((line) => `- ${line}`),
    ...young.filter((line) => !old.includes(line)).map((line) => `+ ${line}`),
  ];
}

/** systemd may read it at any moment: it is there as a whole, or not at all. */
function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = join(dirname(path), `.${process.pid}.fcgi-pm`);
  try {
    writeFileSync(unfinished, text);
    // Whatever our umask is: systemctl cat is for everybody.
    chmodSync(unfinished, 0o644);
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}

function remove(path: string): void {
  rmSync(path);
  if (!path.endsWith(".conf")) return;
  // The drop-ins of others stay, and with them the directory.
  try {
    rmdirSync(dirname(path));
  } catch {}
}

function refuseOther(path: string, before: string, text: string): void {
  const [there, wanted] = [commandIn(before), commandIn(text)];
  if (there === undefined || there === wanted) return;
  throw new FcgiPmError(
    "FCGI_PM_UNIT_FOREIGN",
    `Cannot write "${path}": it is the service of another config, fcgi-pm ${there}`,
    {
      remedy: "fcgi-pm uninstall takes that one back; or give this config's file another name",
    },
  );
}

function foreign(path: string): FcgiPmError {
  return new FcgiPmError("FCGI_PM_UNIT_FOREIGN", `Cannot touch "${path}": fcgi-pm has not written it`);
}

const isOurs = (text: string): boolean => text.startsWith(`${unitMark}\n`);
const isFor = (text: string, service: string): boolean => text.includes(`\nService=${service}.service\n`);

function readUnit(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new FcgiPmError("FCGI_PM_SYSTEM_CALL_FAILED", `Cannot read "${path}": ${code}`, { cause });
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}
