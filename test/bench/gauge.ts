/** The measuring hand, written in C (gauge.c): compiled once a run, called for every sample. */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { promisify } from "node:util";
import { benchSources, scratch } from "./places.ts";

const run = promisify(execFile);

let compiled: string | undefined;

/** The path of the program. Compiles it, the first time. */
export function gauge(): string {
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

/** A call that runs on until its stdin ends. */
export interface Lasting {
  readonly stdin: Writable;
  /** The next numbers that it prints; none at its end. */
  next(): Promise<number[]>;
  /** Ends its stdin, and waits for its end. */
  stop(): Promise<void>;
}

export function startLasting(...args: readonly (string | number)[]): Lasting {
  const child: ChildProcess & { stdin: Writable; stdout: Readable } = spawn(gauge(), args.map(String), {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  // Its end is told by `next`; what is written to it afterwards is lost.
  child.stdin.on("error", () => {});
  const next = async () => {
    const line = await Promise.race([once(child.stdout, "data"), ended.then(() => undefined)]);
    return line === undefined ? [] : numbersIn(String(line[0]));
  };
  const stop = async () => {
    child.stdin.end();
    await ended;
  };
  return { stdin: child.stdin, next, stop };
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
  const { next, stop } = startLasting("crowd", workers, ...command);
  const [tookMs, pid] = await next();
  if (tookMs === undefined || pid === undefined) throw new Error(`Cannot start "${command.join(" ")}"`);
  return { pid, tookMs, stop };
}

function numbersIn(text: string): number[] {
  return text.trim().split(" ").map(Number);
}
