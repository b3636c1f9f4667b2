/**
 * Node workers need O_NONBLOCK on the listener, and the flag belongs to all of them: if a respawn or an exit clears it, the
 * others' event loops stand still in accept4 until the next connection comes.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { Address } from "../../src/fastcgi/address.ts";
import { ask, type Load, nothingFailed, startLoad, type Target } from "../helpers/load.ts";
import {
  descriptorsOf,
  discard,
  endAll,
  type RunningManager,
  scratch,
  startReady,
  tryKill,
} from "../helpers/manager.ts";
import { buildPrograms, echoes } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { freePort } from "../helpers/webservers.ts";

jest.setTimeout(240_000);

const workers = 4;
const respawns = 50;
const connections = 8;
const nonblock = 0o4000;
/** System calls by number; Linux has one table for x86-64 and one for the others that matter. */
const calls = process.arch === "x64" ? { accept: [43, 288], epoll: [232, 281] } : { accept: [202, 242], epoll: [22] };

interface Site extends Target {
  readonly manager: RunningManager;
}

let load: Load | undefined;
let watch: Watch | undefined;
const directories: string[] = [];
beforeAll(() => buildPrograms([echoes.node]));
afterEach(async () => {
  watch?.stop();
  await endAll();
  await load?.stop();
  for (const directory of directories.splice(0)) discard(directory);
});

async function startSite(kind: Address["kind"]): Promise<Site> {
  const directory = scratch();
  directories.push(directory);
  const path = join(directory, "app.sock");
  const port = await freePort();
  const [command = ""] = echoes.node.command;
  const where = kind === "unix" ? ["--socket", path] : ["--port", String(port)];
  const manager = await startReady([command, "--processes", String(workers), ...where]);
  const listen: Address = kind === "unix" ? { kind, path } : { kind, host: "127.0.0.1", port };
  return { program: echoes.node, listen, manager };
}

/** Reads a file of /proc; empty when the process is gone. */
function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, "latin1");
  } catch {
    return "";
  }
}

/** The system call in which the main thread is blocked; NaN while it runs. */
const callOf = (pid: number): number => Number.parseInt(readProc(`${pid}/syscall`), 10);

/** How often the main thread has gone to sleep so far; undefined unless it sleeps until somebody comes: for a lock it is in state D. */
function sleepsOf(pid: number): string | undefined {
  const status = readProc(`${pid}/status`);
  return /^State:\s+S/m.test(status) ? /^voluntary_ctxt_switches:.*/m.exec(status)?.[0] : undefined;
}

const flagsIn = (fdinfo: string): string | undefined => /^flags:\s+(\d+)/m.exec(readProc(fdinfo))?.[1];
const isNonblock = (flags = ""): boolean => (Number.parseInt(flags, 8) & nonblock) !== 0;

/** The manager's own descriptor of the listener, which the workers have as fd 0. */
function listenerFd({ manager }: Site): number {
  const link = descriptorsOf(manager.workers()[0] ?? 0).get(0);
  const found = [...descriptorsOf(manager.pid)].find(([, other]) => other === link);
  if (found === undefined) throw new Error(`The manager does not hold ${link}`);
  return found[0];
}

interface Watch {
  /** How often it has looked. */
  readonly looks: number;
  /** What it saw that may not be. */
  readonly sights: ReadonlySet<string>;
  stop(): void;
}

/** Looks every few milliseconds whether the flag is set, and whether a worker sleeps in accept from one look to the next. */
function watchWorkers(site: Site): Watch {
  const fdinfo = `${site.manager.pid}/fdinfo/${listenerFd(site)}`;
  const sights = new Set<string>();
  let inAccept = new Map<number, string>();
  const seen = { looks: 0, sights, stop: () => clearInterval(timer) };
  const look = (): void => {
    seen.looks += 1;
    const flags = flagsIn(fdinfo);
    if (flags !== undefined && !isNonblock(flags)) sights.add(`flags ${flags}`);
    const pids = site.manager.workers().filter((pid) => calls.accept.includes(callOf(pid)));
    const now = new Map(
      pids.flatMap((pid) => {
        const sleeps = sleepsOf(pid);
        return sleeps === undefined ? [] : [[pid, sleeps] as const];
      }),
    );
    for (const [pid, sleeps] of now) if (inAccept.get(pid) === sleeps) sights.add(`worker ${pid} sleeps in accept`);
    inAccept = now;
  };
  const timer = setInterval(look, 5);
  return seen;
}

/** All four have a request of 200 ms under way, and nothing else comes that could wake a worker that stands still. */
async function checkInFlight(site: Site): Promise<void> {
  const seen = new Set<number>();
  for (let round = 0; seen.size < workers && round < 50; round += 1) {
    const asked = Array.from({ length: 2 * workers }, (_, n) => ask(site, `/?sleep=200&n=${n}`));
    for (const { pid } of await Promise.all(asked)) seen.add(pid);
  }
  expect([...seen].sort()).toEqual(site.manager.workers().sort());
}

function victimOf(manager: RunningManager, n: number): number {
  const pids = manager.workers();
  return pids[n % pids.length] ?? 0;
}

/** How a worker can come to its end. */
const ways = {
  "kill -9": ({ manager }: Site, n: number) => tryKill(victimOf(manager, n)),
  SIGTERM: ({ manager }: Site, n: number) => tryKill(victimOf(manager, n), "SIGTERM"),
  exit: (site: Site) => expect(ask(site, "/?exit=1")).rejects.toMatchObject({ code: "FCGI_ANSWER_CUT_SHORT" }),
} as const;

/** Ends one worker after the other and waits each time until its successor is ready. */
async function respawn(site: Site, times: number, kinds: readonly (keyof typeof ways)[]): Promise<void> {
  const ready = (): number => site.manager.records.filter(({ notice }) => notice === "worker.ready").length;
  const before = ready();
  for (let n = 0; n < times; n += 1) {
    await ways[kinds[n % kinds.length] ?? "kill -9"](site, n);
    await until(() => ready() > before + n, { what: `successor ${n + 1}`, timeoutMs: 30_000, everyMs: 2 });
  }
}

/** Requests that sleep leave moments in which nothing arrives: there a worker in accept would stay. */
const flow = (site: Site): Load => startLoad(site, { connections, asked: [{ uri: "/flow?sleep=200" }] });

describe.each(["unix", "tcp"] as const)("Four Node workers over %s", (kind) => {
  test("none is ever stuck in accept while siblings are killed, asked to go, and exit", async () => {
    const site = await startSite(kind);
    watch = watchWorkers(site);
    load = flow(site);
    await respawn(site, respawns, ["kill -9", "SIGTERM", "exit"]);
    const { answered, failed } = await load.stop();
    expect(answered).toBeGreaterThan(0);
    // Who dies takes along what it had in its hands, and nothing else is lost.
    expect(failed).toMatchObject({ refused: 0, timeout: 0, wrong: 0 });
    await checkInFlight(site);
    await until(() => site.manager.workers().every((pid) => calls.epoll.includes(callOf(pid))), {
      what: "quiet workers",
    });
    for (const pid of site.manager.workers()) expect(isNonblock(flagsIn(`${pid}/fdinfo/0`))).toBe(true);
    expect([...watch.sights]).toEqual([]);
    expect(watch.looks).toBeGreaterThan(respawns);
  });

  test("none of their requests is lost while siblings are asked to go by SIGTERM", async () => {
    const site = await startSite(kind);
    watch = watchWorkers(site);
    load = flow(site);
    await respawn(site, 20, ["SIGTERM"]);
    const { failed, complaints, pids } = await load.stop();
    expect([failed, complaints]).toEqual([nothingFailed, []]);
    expect(pids.size).toBeGreaterThan(workers);
    expect([...watch.sights]).toEqual([]);
  });
});
