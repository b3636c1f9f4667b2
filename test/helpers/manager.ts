/** A real manager: bin/fcgi-pm.js as people run it, with its log read as records. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach } from "@jest/globals";
import { type Answer, request } from "../../src/fastcgi/client.ts";
import { type WebRequest, webServerParams } from "../../src/fastcgi/web-server-params.ts";
import { isStopped } from "../../src/os/procfs.ts";
import { endLoads } from "./load.ts";
import { until } from "./wait.ts";

export const root = resolve(import.meta.dirname, "../..");
export const bin = join(root, "bin/fcgi-pm.js");

/** One line of the manager's JSON log. */
export interface LogRecord {
  readonly msg: string;
  readonly level: string;
  readonly app?: string;
  readonly worker?: number;
  readonly pid?: number;
  readonly stream?: string;
  readonly notice?: string;
  readonly lastLines?: readonly string[];
  readonly [name: string]: unknown;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningManager {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Its runtime directory: one of its own that goes with it, unless the test gave it one. */
  readonly runtime: string;
  /** Every record so far. */
  readonly records: readonly LogRecord[];
  /** Lines on stderr that are no records. */
  readonly plain: readonly string[];
  /** What it wrote to stdout so far. */
  stdout(): string;
  /** The first record that fits, waited for. */
  see(what: string, fits: (record: LogRecord) => boolean, timeoutMs?: number): Promise<LogRecord>;
  /** Waits for this notice. */
  notice(type: string, timeoutMs?: number): Promise<LogRecord>;
  /** Pids of the live workers, as the kernel has them: direct children of the manager. */
  workers(): number[];
  signal(name: NodeJS.Signals): void;
  ended: Promise<Ended>;
  /** TERM, then waits for the end. */
  stop(): Promise<Ended>;
}

const running = new Set<ChildProcess>();

/** An empty directory of this test, short enough for socket paths. */
export function scratch(): string {
  return mkdtempSync(join(tmpdir(), "fpm-"));
}

export function discard(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

/** Kills a manager and its workers. Once it stands still it cannot replace those that are killed. */
export async function endWithWorkers(pid: number): Promise<void> {
  tryKill(pid, "SIGSTOP");
  await until(() => isStopped(pid), { what: "SIGSTOP to take effect", everyMs: 1 });
  // One that was forked a moment ago has no group of its own yet.
  for (const worker of childrenOf(pid)) for (const target of [-worker, worker]) tryKill(target);
  tryKill(pid);
}

/** Ends what a test has left, loads first. */
export async function endAll(): Promise<void> {
  endLoads();
  await Promise.all([...running].map(({ pid }) => (pid === undefined ? undefined : endWithWorkers(pid))));
  await until(() => running.size === 0, { what: "the end of all managers" });
}

/** Starts `fcgi-pm ARGS…` and gives it back at once. Nothing of a test lies where the managers of this machine have theirs. */
export function runManager(
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; under?: readonly string[] } = {},
): RunningManager {
  const own = options.env?.["RUNTIME_DIRECTORY"] === undefined ? scratch() : undefined;
  const runtime = own ?? options.env?.["RUNTIME_DIRECTORY"] ?? "";
  const env = { ...process.env, ...options.env, RUNTIME_DIRECTORY: runtime };
  const cwd = options.cwd ?? root;
  // What starts it in surroundings of its own.
  const [command = "", ...words] = [...(options.under ?? []), process.execPath, bin, ...args];
  const child = spawn(command, words, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  const records: LogRecord[] = [];
  const plain: string[] = [];
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  createInterface({ input: child.stderr }).on("line", (line) => {
    if (line.startsWith("{")) records.push(JSON.parse(line) as LogRecord);
    else plain.push(line);
  });
  const ended = new Promise<Ended>((done) => {
    child.once("close", (code, signal) => {
      running.delete(child);
      if (own !== undefined) discard(own);
      done({ code, signal, stdout, stderr: plain.join("\n") });
    });
  });
  const see: RunningManager["see"] = (what, fits, timeoutMs = 60_000) =>
    until(
      () => {
        const found = records.find(fits);
        if (found === undefined && !running.has(child))
          throw new Error(`the manager ended before ${what}: ${plain.join("\n")}`);
        return found;
      },
      { what, timeoutMs },
    );
  return {
    pid: child.pid ?? 0,
    child,
    runtime,
    records,
    plain,
    stdout: () => stdout,
    see,
    notice: (type, timeoutMs) => see(`notice ${type}`, (record) => record.notice === type, timeoutMs),
    workers: () => childrenOf(child.pid ?? 0),
    signal: (name) => void child.kill(name),
    ended,
    stop: () => {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

/** Starts an app and waits until all its workers are ready. */
export async function startReady(
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<RunningManager> {
  const manager = runManager(["start", ...args], options);
  await manager.notice("manager.ready");
  return manager;
}

/** Runs a command to its end. */
export function runToEnd(
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Ended> {
  return runManager(args, options).ended;
}

/** Live (not zombie) processes whose parent is `pid`. */
export function childrenOf(pid: number): number[] {
  return processes().flatMap((process) => (process.parent === pid && process.state !== "Z" ? [process.pid] : []));
}

export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly state: string;
}

/** Every process there is. */
export function processes(): ProcessFacts[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const text = readFileSync(`/proc/${name}/stat`, "latin1");
        const [state = "", parent, group, session] = text.slice(text.lastIndexOf(")") + 2).split(" ");
        return [{ pid: Number(name), state, parent: Number(parent), group: Number(group), session: Number(session) }];
      } catch {
        return [];
      }
    });
}

export function isAlive(pid: number): boolean {
  return processes().some((process) => process.pid === pid && process.state !== "Z");
}

/** What a process has open: descriptor to link. */
export function descriptorsOf(pid: number): Map<number, string> {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => [Number(fd), linkOf(`/proc/${pid}/fd/${fd}`)] as const);
  return new Map(links.flatMap(([fd, link]) => (link === undefined ? [] : [[fd, link]])));
}

/** Undefined where it was closed after it was listed. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Throws where there is nobody to kill: to the system 0 means the process group of these tests, and -1 everybody. */
export function tryKill(pid: number, signal: NodeJS.Signals = "SIGKILL"): void {
  if (!(Math.abs(pid) > 1)) throw new Error(`There is no process ${pid} that could get ${signal}`);
  try {
    process.kill(pid, signal);
  } catch {}
}

export interface Place {
  readonly directory: string;
  /** Where the app of a test listens. */
  readonly path: string;
}

/** A new place for each test of the file; what a failed test leaves there, and what still runs, is ended after it. */
export function usePlace(): Place {
  const place = { directory: "", path: "" };
  beforeEach(() => {
    place.directory = scratch();
    place.path = join(place.directory, "app.sock");
  });
  afterEach(async () => {
    await endAll();
    discard(place.directory);
  });
  return place;
}

/** One request to a Unix socket, through our own client. */
export function ask(path: string, uri = "/", more: Partial<WebRequest> = {}): Promise<Answer> {
  return request({ listen: { kind: "unix", path }, params: webServerParams({ uri, ...more }), timeoutMs: 60_000 });
}
