/** The measuring hand, written in C (gauge.c): compiled once a run, called for every sample. */
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { benchSources, scratch } from "./places.ts";

const run = promisify(execFile);

let compiled: string | undefined;

/** Compiles it, the first time. */
function gauge(): string {
  if (compiled !== undefined) return compiled;
  const sources = readdirSync(benchSources).filter((name) => name.endsWith(".c"));
  const target = join(scratch(), "gauge");
  const args = ["-O2", "-Wall", "-o", target, ...sources.map((name) => join(benchSources, name))];
  execFileSync("gcc", args, { stdio: ["ignore", "inherit", "inherit"] });
  compiled = target;
  return target;
}

/** The numbers that a call of the gauge prints. */
export async function measure(...args: readonly (string | number)[]): Promise<number[]> {
  const { stdout } = await run(gauge(), args.map(String));
  return numbersIn(stdout);
}

/** A manager whose workers all wait in accept. */
export interface Running {
  readonly pid: number;
  /** From the start of the command until the last worker waited. */
  readonly tookMs: number;
  /** TERM, and waits for its end. */
  stop(): Promise<void>;
}

/** Starts a command under the gauge, which stops it as well if we should go without a word. */
export async function startCrowd(workers: number, command: readonly string[]): Promise<Running> {
  const child = spawn(gauge(), ["crowd", String(workers), ...command], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "close");
  const line = await Promise.race([once(child.stdout, "data"), ended.then(() => undefined)]);
  const [tookMs, pid] = line === undefined ? [] : numbersIn(String(line[0]));
  if (tookMs === undefined || pid === undefined) throw new Error(`Cannot start "${command.join(" ")}"`);
  const stop = async () => {
    child.stdin.end();
    await ended;
  };
  return { pid, tookMs, stop };
}

function numbersIn(text: string): number[] {
  return text.trim().split(" ").map(Number);
}
