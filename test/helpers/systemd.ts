/** A throwaway systemd in namespaces of its own (boot-systemd.sh), and what a test does in it. */
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll } from "@jest/globals";
import { shellWord } from "../../src/shell-word.ts";
import { type Load, type LoadOptions, type LoadTarget, startLoad } from "./load.ts";
import { root } from "./manager.ts";
import { buildDirectory } from "./programs.ts";

export interface Done {
  /** The exit status; 124 if it took too long, 128 and the signal's number if it was killed. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Systemd {
  /** Its PID 1, as this machine counts. */
  readonly pid: number;
  /** Runs shell words inside, as root, to their end. */
  run(words: string, options?: { input?: string; timeoutMs?: number }): Promise<Done>;
  /** The same, and what it writes to stdout; a failure is thrown. */
  succeed(words: string, options?: { input?: string; timeoutMs?: number }): Promise<string>;
  /** Starts shell words inside. They end by a signal to the child that is not SIGTERM, and with the box. */
  spawn(words: string, stdio?: SpawnOptions["stdio"]): ChildProcess;
  /** Where something that lies at `path` inside can be reached from outside: files are read, Unix sockets are connected to. */
  outside(path: string): string;
  /** Writes a file inside, with the directories it needs. */
  write(path: string, text: string, mode?: number): void;
  /** Ends all that is inside. Safe to call twice. */
  stop(): Promise<void>;
}

/** Where the checkout lies inside, for every user and every sandbox. It is at its own path, too. */
export const checkout = "/srv/fcgi-pm";
/** Where the compiled programs of fixtures/apps lie inside. */
export const programs = "/srv/programs";

/** What a path of the checkout, or of a compiled program, is called inside. */
export function inside(path: string): string {
  for (const [from, to] of [[root, checkout] as const, [buildDirectory(), programs] as const])
    if (path.startsWith(`${from}/`)) return to + path.slice(from.length);
  return path;
}

/** Boots it: half a second. `fcgi-pm`, and the node of these tests, are in its PATH. */
export async function bootSystemd(): Promise<Systemd> {
  const binds = [`${root}=${root}`, `${root}=${checkout}`, `${buildDirectory()}=${programs}`];
  const script = join(import.meta.dirname, "boot-systemd.sh");
  const box = spawn("bash", [script, ...binds], { stdio: ["pipe", "pipe", "pipe"] });
  const ended = new Promise<number | null>((done) => box.once("close", done));
  const pid = await upOf(box, ended);
  const outside = (path: string) => `/proc/${pid}/root${path}`;
  const start: Systemd["spawn"] = (words, stdio = "pipe") => spawn("nsenter", entering(pid, words), { stdio });
  const run: Systemd["run"] = (words, options = {}) => finish(start(words), options);
  const system: Systemd = {
    pid,
    run,
    succeed: async (words, options) => {
      const { status, stdout, stderr } = await run(words, options);
      if (status !== 0) throw new Error(`"${words}" in the booted systemd: status ${status}\n${stdout}${stderr}`);
      return stdout;
    },
    spawn: start,
    outside,
    write: (path, text, mode = 0o644) => {
      mkdirSync(dirname(outside(path)), { recursive: true });
      writeFileSync(outside(path), text, { mode });
    },
    stop: async () => {
      box.stdin.end();
      const status = await ended;
      if (status !== 0) throw new Error(`The throwaway systemd did not end well: status ${status}`);
    },
  };
  const node = shellWord(process.execPath);
  await system.succeed(`[ "$(command -v node)" = ${node} ] || [ ! -x ${node} ] || ln -sf ${node} /usr/local/bin/node
    ln -s ${checkout}/bin/fcgi-pm.js /usr/local/bin/fcgi-pm`);
  return system;
}

/** One systemd for the tests of a file (or of a describe). It is there when the first of them begins, and gone after the last. */
export function useSystemd(): Systemd {
  const place = {} as { system: Systemd };
  beforeAll(async () => {
    place.system = await bootSystemd();
  }, 240_000);
  afterAll(() => place.system?.stop(), 240_000);
  return {
    get pid() {
      return place.system.pid;
    },
    run: (...all) => place.system.run(...all),
    succeed: (...all) => place.system.succeed(...all),
    spawn: (...all) => place.system.spawn(...all),
    outside: (path) => place.system.outside(path),
    write: (...all) => place.system.write(...all),
    stop: () => place.system.stop(),
  };
}

/** A load whose clients are inside, in the same network as the manager and the web servers. */
export function startLoadInside(system: Systemd, target: LoadTarget, options: LoadOptions): Load {
  return startLoad(target, options, (program, order) =>
    system.spawn(`exec node ${inside(program)} ${shellWord(order)}`, ["pipe", "pipe", "inherit"]),
  );
}

/** PID 1 of the booted systemd; what the script said, if there is none. */
async function upOf(box: ChildProcess, ended: Promise<number | null>): Promise<number> {
  let [stdout, stderr] = ["", ""];
  box.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const up = new Promise<number>((done) => {
    box.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      const [, pid] = /^up (\d+)$/m.exec(stdout) ?? [];
      if (pid !== undefined) done(Number(pid));
    });
  });
  const pid = await Promise.race([up, ended.then(() => undefined)]);
  if (pid === undefined) throw new Error(`Cannot boot a systemd for the test: ${stderr.trim()}`);
  return pid;
}

/** nsenter goes in; nothing of the environment of the tests comes with it. The words die with nsenter. */
function entering(pid: number, words: string): string[] {
  const env = [
    "HOME=/root",
    "LANG=C.UTF-8",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "SYSTEMD_PAGER=",
    "SYSTEMD_COLORS=0",
  ];
  const namespaces = ["-m", "-u", "-i", "-n", "-p", "-C"];
  const wrapped = ["setpriv", "--pdeathsig", "KILL", "env", "-i", ...env, "bash", "-c", `cd /; ${words}`];
  return ["-t", String(pid), ...namespaces, "--", ...wrapped];
}

async function finish(child: ChildProcess, options: { input?: string; timeoutMs?: number }): Promise<Done> {
  const done = { status: 0, stdout: "", stderr: "" };
  let isLate = false;
  const late = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, options.timeoutMs ?? 120_000);
  for (const stream of ["stdout", "stderr"] as const)
    child[stream]?.setEncoding("utf8").on("data", (text: string) => {
      done[stream] += text;
    });
  child.stdin?.on("error", () => {});
  child.stdin?.end(options.input ?? "");
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(late);
  return { ...done, status: isLate ? 124 : (code ?? 128) };
}
