/**
 * Requests in a closed loop, from a process of their own: what the tests do meanwhile does not slow them down. Every
 * request that is refused, reset, cut, not answered in time or answered wrongly is counted.
 */
import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import type { Failure, Target } from "./ask.ts";
import { buildDirectory } from "./programs.ts";

export * from "./ask.ts";

/** What became of the requests of a load. */
export interface LoadResult {
  readonly answered: number;
  readonly failed: Readonly<Record<Failure, number>>;
  /** Who answered. */
  readonly pids: ReadonlySet<number>;
  /** Of the answered requests, in milliseconds, as they ended. */
  readonly latencies: readonly number[];
  /** Messages of the first failures. */
  readonly complaints: readonly string[];
}

export const nothingFailed: LoadResult["failed"] = { refused: 0, reset: 0, cut: 0, timeout: 0, wrong: 0 };

/** What a request asks for. Its number is added to the query, so that no answer passes for that of another. */
export interface Asked {
  readonly uri: string;
  /** Sent as POST with so many bytes. */
  readonly bodyBytes?: number;
}

/** A moment's work, a long answer, an upload now and then; mostly nothing. */
export const mixed: readonly Asked[] = [
  { uri: "/plain" },
  { uri: "/works?sleep=1" },
  { uri: "/plain" },
  { uri: "/plain" },
  { uri: "/long?size=30000" },
  { uri: "/plain" },
  { uri: "/works?sleep=2" },
  { uri: "/upload", bodyBytes: 40_000 },
];

/** An app, or a web server in front of one. */
export type LoadTarget = Target | { readonly url: string };

export interface LoadOptions {
  /** Requests that are under way at any time. Each has a connection of its own; those to a web server keep it. */
  readonly connections: number;
  /** How many requests there are in all. Absent: until `stop`. */
  readonly requests?: number;
  /** What they ask for, in turn. */
  readonly asked?: readonly Asked[];
  readonly timeoutMs?: number;
}

/** What the process of a load is told. */
export interface LoadOrder extends LoadOptions {
  readonly target: LoadTarget;
  readonly asked: readonly Asked[];
}

/** A load at work. */
export interface Load {
  /** So far. It lags behind by some hundredths of a second. */
  readonly result: LoadResult;
  /** Lets the requests under way end, and begins no more. */
  stop(): Promise<LoadResult>;
  /** Resolves when all requests are done. */
  readonly finished: Promise<LoadResult>;
}

/** What happened since the last news, a line of the process. */
export interface News {
  readonly failed: readonly Failure[];
  readonly pids: readonly number[];
  readonly latencies: readonly number[];
  readonly complaints: readonly string[];
}

const running = new Set<ChildProcess>();

/** Ends what a failed test has left. */
export function endLoads(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** Starts the process of a load, whose stdin and stdout are pipes. */
type Starting = (program: string, order: string) => ChildProcess;

const startHere: Starting = (program, order) =>
  spawn(process.execPath, [program, order], { stdio: ["pipe", "pipe", "inherit"] });

/** Keeps `connections` requests under way; as soon as one is done, the next begins. `starting`: where its process is to run. */
export function startLoad(target: LoadTarget, options: LoadOptions, starting = startHere): Load {
  const order: LoadOrder = { asked: [{ uri: "/load" }], ...options, target: bare(target) };
  const child = starting(loopProgram(), JSON.stringify(order)) as ChildProcessByStdio<Writable, Readable, null>;
  running.add(child);
  const result = {
    answered: 0,
    failed: { ...nothingFailed },
    pids: new Set<number>(),
    latencies: [] as number[],
    complaints: [] as string[],
  };
  createInterface({ input: child.stdout }).on("line", (line) => learn(JSON.parse(line) as News, result));
  const finished = new Promise<LoadResult>((resolve, reject) => {
    child.once("close", (code, signal) => {
      running.delete(child);
      if (code === 0) resolve(result);
      else reject(new Error(`The load ended with ${code ?? signal}`));
    });
  });
  finished.catch(() => {});
  const stop = (): Promise<LoadResult> => {
    child.stdin.end();
    return finished;
  };
  return { result, stop, finished };
}

/** A target has other things to the tests' liking beside it. */
function bare(target: LoadTarget): LoadTarget {
  if ("url" in target) return { url: target.url };
  const { scriptFilename } = target.program;
  return { listen: target.listen, program: { scriptFilename } };
}

function learn(
  news: News,
  result: {
    answered: number;
    failed: Record<Failure, number>;
    pids: Set<number>;
    latencies: number[];
    complaints: string[];
  },
): void {
  result.answered += news.latencies.length;
  for (const failure of news.failed) result.failed[failure] += 1;
  for (const pid of news.pids) result.pids.add(pid);
  result.latencies.push(...news.latencies);
  result.complaints.push(...news.complaints);
}

let program: string | undefined;

/** Bundles the program of the process, once for each state of its sources. */
function loopProgram(): string {
  if (program !== undefined) return program;
  const { outputFiles } = buildSync({
    entryPoints: [fileURLToPath(new URL("./closed-loop.ts", import.meta.url))],
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    write: false,
  });
  const { contents = new Uint8Array() } = outputFiles[0] ?? {};
  const sum = createHash("sha256").update(contents).digest("hex").slice(0, 12);
  const path = join(buildDirectory(), `closed-loop-${sum}.cjs`);
  writeFileSync(`${path}.${process.pid}`, contents);
  renameSync(`${path}.${process.pid}`, path);
  program = path;
  return path;
}
