/** What systemd says of the unit that a process is part of, as a rule ourselves. It is asked by its own systemctl; where that fails, nothing is known. */
import { readFileSync } from "node:fs";

export interface Unit {
  readonly name: string;
  /** Of a user's own manager. */
  readonly isUser: boolean;
}

/** Whoever waits for an answer is about to start or to stop an app. */
const answerMs = 2000;

/** The service that a process is part of, from its /proc/PID/cgroup. */
export function unitIn(cgroups: string): Unit | undefined {
  // cgroup2 has the hierarchy 0, systemd's own one of cgroup v1 the name systemd.
  const paths = [...cgroups.matchAll(/^(?:0:|\d+:name=systemd):(.*)$/gm)].map((match) => match[1] ?? "");
  for (const path of paths) {
    const name = path
      .split("/")
      .filter((part) => part.endsWith(".service"))
      .at(-1);
    const isUser = /\/user@\d+\.service\/./.test(path);
    if (name !== undefined) return { name, isUser };
  }
  return undefined;
}

export function ownUnit(): Unit | undefined {
  return unitOf("self");
}

/** Undefined: the process is gone, or belongs to none. */
export function unitOf(pid: number | "self"): Unit | undefined {
  try {
    return unitIn(readFileSync(`/proc/${pid}/cgroup`, "utf8"));
  } catch {
    return undefined;
  }
}

/** How many descriptors systemd keeps for the unit (FileDescriptorStoreMax=). */
export async function storeMaxOf(unit: Unit): Promise<number | undefined> {
  const answer = await ask(unit, ["show", "--property=FileDescriptorStoreMax", unit.name]);
  const number = /^FileDescriptorStoreMax=(\d+)$/m.exec(answer ?? "")?.[1];
  return number === undefined ? undefined : Number(number);
}

/** What systemd is about to do with the unit: `stop`, `restart`, …, or `none`. */
export async function jobOf(unit: Unit): Promise<string | undefined> {
  const answer = await ask(unit, ["list-jobs", "--no-legend", "--plain", unit.name]);
  if (answer === undefined) return undefined;
  return jobIn(answer, unit.name) ?? "none";
}

/** The type of the unit's job in a table of jobs: number, unit, type, state. */
export function jobIn(table: string, name: string): string | undefined {
  const rows = table.split("\n").map((line) => line.trim().split(/\s+/));
  return rows.find((row) => row[1] === name)?.[2];
}

async function ask(unit: Unit, words: readonly string[]): Promise<string | undefined> {
  const { execa } = await import("execa");
  const options = { reject: false, timeout: answerMs, cwd: "/", stdin: "ignore" } as const;
  const scope = unit.isUser ? ["--user"] : [];
  const { exitCode, stdout } = await execa("systemctl", [...scope, ...words], options);
  return exitCode === 0 ? stdout : undefined;
}
