/** The names that a shell completes: of apps, users, groups and signals, as they are at this moment. */
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { namePattern } from "../config/read-app.ts";
import { parseToml } from "../config/toml.ts";
import { findManagers, managerAt } from "../control/find.ts";
import { controlDirectories } from "../os/runtime-dir.ts";
import { findConfig, readFiles } from "./context.ts";

/** Who types does not wait for a manager that hangs; one that answers takes some milliseconds, on a busy machine many more. */
const patienceMs = 1500;

export interface Places {
  /** The values of --config and --control on the command line, where they stand there. */
  readonly config: string | undefined;
  readonly control: string | undefined;
}

/**
 * Apps of the managers that run, and of the config. What cannot be asked or read has none. The config may be anybody's, in
 * whatever directory the shell is in: what is no name is not put on the command line, where the shell would carry it out.
 */
export async function appNames(places: Places): Promise<string[]> {
  const both = [runningApps(places.control), configuredApps(places.config)];
  const names = await Promise.all(both.map((apps) => apps.catch(() => [])));
  return [...new Set(names.flat())].filter((name) => namePattern.test(name)).toSorted();
}

async function runningApps(control: string | undefined): Promise<string[]> {
  const asked = { timeoutMs: patienceMs };
  const managers =
    control === undefined
      ? (await findManagers(controlDirectories(process.env), asked)).managers
      : [await managerAt(control, asked)];
  return managers.flatMap(({ status }) => [...status.apps, ...(status.externals ?? [])].map(({ app }) => app));
}

/** A config that is wrong somewhere has names all the same. */
async function configuredApps(named: string | undefined): Promise<string[]> {
  const files = await readFiles(findConfig(named));
  return files.flatMap((file) => {
    const parsed = parseToml(file);
    const apps = "table" in parsed ? parsed.table["apps"] : undefined;
    return typeof apps === "object" && apps !== null ? Object.keys(apps) : [];
  });
}

export function userNames(): string[] {
  return namesIn("/etc/passwd");
}

export function groupNames(): string[] {
  return namesIn("/etc/group");
}

/** Without SIG. */
export function signalNames(): string[] {
  return Object.keys(constants.signals).map((name) => name.replace(/^SIG/, ""));
}

function namesIn(file: string): string[] {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.map((line) => line.split(":")[0] ?? "").filter((name) => name !== "");
}
