/** Tells the systemd of the machine, or of a user, what to do. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { FcgiPmError } from "../errors.ts";
import { unitDirectory } from "./unit-files.ts";

export interface Systemd {
  readonly isUser: boolean;
  /** Where units lie that an administrator, or that user, has made. */
  readonly directory: string;
}

/** The one that is meant; an error with its remedy where none runs, or where it would not obey. */
export function systemdOf(isUser: boolean): Systemd {
  if (!existsSync("/run/systemd/system"))
    throw new FcgiPmError("FCGI_PM_SYSTEMD_MISSING", "Cannot find a systemd: this machine was not booted by one");
  if (!isUser) {
    if (process.geteuid?.() === 0) return { isUser, directory: unitDirectory(isUser) };
    throw new FcgiPmError("FCGI_PM_INSTALL_FORBIDDEN", "Cannot change the services of this machine: only root can");
  }
  const runtime = process.env["XDG_RUNTIME_DIR"];
  if (runtime !== undefined && existsSync(join(runtime, "systemd/private")))
    return { isUser, directory: unitDirectory(isUser) };
  throw new FcgiPmError("FCGI_PM_SYSTEMD_MISSING", "Cannot find a systemd of this user: it has no session", {
    remedy:
      "loginctl enable-linger, as that user, then log in anew; or export XDG_RUNTIME_DIR=/run/user/$(id -u) where sudo has lost it",
  });
}

/** The words of the command as people would type them. */
export function systemctlWords({ isUser }: Systemd, ...words: readonly string[]): string {
  return ["systemctl", ...(isUser ? ["--user"] : []), ...words].join(" ");
}

/** Runs it; what it says against it is thrown. */
export async function systemctl(systemd: Systemd, ...words: readonly string[]): Promise<void> {
  const { exitCode, stderr, message } = await run("systemctl", systemd, words);
  if (exitCode === 0) return;
  const lastLines = (stderr || message || "").split("\n").filter((line) => line !== "");
  throw new FcgiPmError("FCGI_PM_UNIT_FAILED", `Cannot carry out "${systemctlWords(systemd, ...words)}"`, {
    details: [{ lastLines }],
  });
}

/** A property of a unit, empty where it has none. */
export async function propertyOf(systemd: Systemd, unit: string, property: string): Promise<string> {
  return (await run("systemctl", systemd, ["show", "--property", property, "--value", unit])).stdout;
}

/** `enabled`, `disabled`, empty for a unit that is not there. */
export async function enablementOf(systemd: Systemd, unit: string): Promise<string> {
  return (await run("systemctl", systemd, ["is-enabled", unit])).stdout;
}

/** What the journal has of the unit's last run, without the words of systemd itself. */
export async function lastWords(systemd: Systemd, unit: string): Promise<string[]> {
  const id = await propertyOf(systemd, unit, "InvocationID");
  const words = ["--output", "cat", "--no-pager", "--lines", "20", `_SYSTEMD_INVOCATION_ID=${id}`];
  await run("journalctl", systemd, ["--sync"]);
  const { stdout } = await run("journalctl", systemd, words);
  return stdout.split("\n").flatMap(messageOf);
}

/** A line of the manager's JSON log as its sentence; anything else as it is. */
function messageOf(line: string): string[] {
  if (line === "") return [];
  try {
    return [String((JSON.parse(line) as { msg?: string }).msg ?? line)];
  } catch {
    return [line];
  }
}

async function run(program: "systemctl" | "journalctl", { isUser }: Systemd, words: readonly string[]) {
  const user = isUser ? ["--user"] : [];
  const env = { SYSTEMD_PAGER: "", SYSTEMD_COLORS: "0", LC_ALL: "C.UTF-8" };
  const done = await execa(program, [...user, ...words], { reject: false, env, stdin: "ignore" });
  return { exitCode: done.exitCode, stdout: done.stdout, stderr: done.stderr, message: done.message };
}
