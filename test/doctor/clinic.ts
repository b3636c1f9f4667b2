/** The doctor as people call it, on a site of the test, and a look at whether it has left anything. */
import { spawn } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect } from "@jest/globals";
import type { Finding } from "../../src/diagnosis/finding.ts";
import { bin, discard, processes, scratch } from "../helpers/manager.ts";
import { until } from "../helpers/wait.ts";

export const traps = join(import.meta.dirname, "traps");
export const responder = join(import.meta.dirname, "../../fixtures/apps/responder.py");

export interface Diagnosis {
  readonly code: number | null;
  readonly findings: readonly Finding[];
  readonly tried: readonly string[];
  readonly stderr: string;
  /** The finding with this code; throws with all that was found instead. */
  find(code: string): Finding;
  /** Of all that was found but for the place: sockets of tests lie in /tmp. */
  readonly codes: readonly string[];
}

export interface Site {
  readonly directory: string;
  /** Writes a file of the site; a program is executable. */
  write(name: string, text: string | Buffer, mode?: number): string;
  /** Copies a trap there. */
  lay(trap: string, name?: string): string;
  /** Runs the doctor with a clean PATH. */
  doctor(args: readonly string[], options?: { cwd?: string; env?: Record<string, string> }): Promise<Diagnosis>;
  /** The same for people: what it prints. */
  read(args: readonly string[], options?: { cwd?: string; env?: Record<string, string> }): Promise<Output>;
}

export interface Output {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A site for each test of the file. After the test nothing of the doctor's may be left, neither a process nor a file. */
export function useSite(): Site {
  let directory = "";
  beforeEach(() => {
    directory = scratch();
    chmodSync(directory, 0o755);
    mkdirSync(join(directory, "tmp"), { mode: 0o1777 });
    mkdirSync(join(directory, "run"));
  });
  afterEach(async () => {
    // Who was killed just now may be seen for a moment longer.
    await until(() => leftAt(directory).length === 0, { what: "the end of all that was started" }).catch(() => {});
    const left = leftAt(directory);
    const files = readdirSync(join(directory, "tmp"));
    discard(directory);
    expect({ left, files }).toEqual({ left: [], files: [] });
  });
  const read: Site["read"] = (args, options = {}) => {
    const env = {
      PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
      TMPDIR: join(directory, "tmp"),
      RUNTIME_DIRECTORY: join(directory, "run"),
      ...options.env,
    };
    return run([bin, "doctor", ...args], { cwd: options.cwd ?? directory, env });
  };
  return {
    get directory() {
      return directory;
    },
    write: (name, text, mode = 0o755) => {
      const path = join(directory, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
      chmodSync(path, mode);
      return path;
    },
    lay: (trap, name = `site/${trap}`) => {
      const path = join(directory, name);
      mkdirSync(dirname(path), { recursive: true });
      copyFileSync(join(traps, trap), path);
      return path;
    },
    read,
    doctor: async (args, options) => diagnosisOf(await read(["--json", ...args], options)),
  };
}

function run(args: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }): Promise<Output> {
  const child = spawn(process.execPath, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, stdout, stderr })));
}

function diagnosisOf({ code, stdout, stderr }: Output): Diagnosis {
  if (stdout === "") throw new Error(`The doctor said nothing but: ${stderr}`);
  const { patients } = JSON.parse(stdout) as { patients: { findings: Finding[]; tried: string[] }[] };
  const findings = patients.flatMap((patient) => patient.findings);
  const find = (wanted: string) => {
    const found = findings.find((finding) => finding.code === wanted);
    if (found === undefined) throw new Error(`No ${wanted} among ${JSON.stringify(findings, null, 2)}`);
    return found;
  };
  const tried = patients.flatMap((patient) => patient.tried);
  const codes = findings.map((finding) => finding.code).filter((one) => !one.startsWith("place."));
  return { code, findings, tried, stderr, find, codes };
}

/** Command lines of processes that have to do with the directory. */
function leftAt(directory: string): string[] {
  return processes().flatMap(({ pid, state }) => {
    if (state === "Z" || pid === process.pid) return [];
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      const isThere = line.includes(directory) || readlinkSync(`/proc/${pid}/cwd`).startsWith(directory);
      return isThere ? [`${pid}: ${line}`] : [];
    } catch {
      return [];
    }
  });
}

/** All that a finding says, as one text. */
export function textOf({ what, seen, remedy }: Finding): string {
  return [what, ...seen, ...remedy].join("\n");
}
