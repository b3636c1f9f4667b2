/** How a manager ends: what is promised to requests, to processes and to the file system. */
import { readdirSync } from "node:fs";
import { describe, expect, jest, test } from "@jest/globals";
import {
  ask,
  descriptorsOf,
  isAlive,
  processes,
  type RunningManager,
  runManager,
  startReady,
  usePlace,
} from "../helpers/manager.ts";
import { behaviours, echoes, others, type Program } from "../helpers/programs.ts";
import { seeUnderWay } from "../helpers/under-way.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(240_000);

const place = usePlace();
const [echo = ""] = echoes.c.command;

function start(program: Program, ...more: string[]): Promise<RunningManager> {
  const [command = "", ...args] = program.command;
  const env = Object.entries(program.env).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
  return startReady([command, "--socket", place.path, ...env, ...more, "--", ...args]);
}

/** A request is on its way inside a worker: its connection has been accepted. */
function inFlight(manager: RunningManager, leastMs: number) {
  const hasConnection = (pid: number) =>
    [...descriptorsOf(pid).values()].filter((link) => link.startsWith("socket:")).length > 1;
  const isBusy = () => manager.workers().some(hasConnection);
  return seeUnderWay((sleepMs) => ask(place.path, `/?sleep=${sleepMs}`), isBusy, leastMs);
}

function ofSessions(sessions: readonly number[]): number[] {
  return processes().flatMap(({ pid, session, state }) => (sessions.includes(session) && state !== "Z" ? [pid] : []));
}

describe("SIGTERM to the manager", () => {
  test("ends idle workers, removes the socket, exits 0", async () => {
    const manager = await start(echoes.c, "--processes", "4");
    const workers = manager.workers();
    expect(await manager.stop()).toMatchObject({ code: 0, signal: null });
    expect(workers.filter(isAlive)).toEqual([]);
    expect(readdirSync(place.directory)).toEqual([]);
  });

  test.each([
    ["finishes its request on SIGTERM", behaviours.finishesOnSigterm],
    ["dies at once on SIGTERM", behaviours.diesOnSigterm],
  ])("lets a busy worker finish that %s", async (_what, program) => {
    const manager = await start(program, "--processes", "2");
    const { answer } = await inFlight(manager, 1500);
    const ended = manager.stop();
    expect((await answer).status).toBe(200);
    expect(await ended).toMatchObject({ code: 0 });
  });

  test("kills an idle worker that ignores it two seconds after the signal", async () => {
    const manager = await start(behaviours.ignoresSigterm, "--processes", "2");
    const workers = manager.workers();
    expect(await manager.stop()).toMatchObject({ code: 0 });
    const killed = manager.records.filter((record) => record.notice === "worker.killed");
    expect(killed.map((record) => record["why"])).toEqual(["idle", "idle"]);
    expect(workers.filter(isAlive)).toEqual([]);
  });

  test("kills what is left at stop-timeout", async () => {
    const manager = await start(behaviours.ignoresSigterm, "--drain", "signal", "--stop-timeout", "1s");
    const { answer } = await inFlight(manager, 600_000);
    const ended = manager.stop();
    await expect(answer).rejects.toThrow();
    expect(await ended).toMatchObject({ code: 0 });
    expect((await manager.notice("worker.killed"))["why"]).toBe("timeout");
  });

  test("gives a busy worker the stop signal at drain-timeout", async () => {
    const manager = await start(behaviours.diesOnSigterm, "--drain-timeout", "500ms");
    const { answer } = await inFlight(manager, 600_000);
    const ended = manager.stop();
    await expect(answer).rejects.toThrow();
    expect(await ended).toMatchObject({ code: 0 });
    expect(manager.records.some((record) => record.notice === "worker.drain-timeout")).toBe(true);
  });

  test("takes grandchildren along", async () => {
    const manager = await start(behaviours.leaksAGrandchild, "--processes", "2");
    const workers = manager.workers();
    expect(ofSessions(workers)).toHaveLength(4);
    expect(await manager.stop()).toMatchObject({ code: 0 });
    await until(() => ofSessions(workers).length === 0, { what: "the end of the grandchildren" });
  });

  test("ends php-cgi with children of its own", async () => {
    const manager = await start(echoes.php, "--processes", "2", "--env", "PHP_FCGI_CHILDREN=2");
    const workers = manager.workers();
    // It is ready when its first child waits for requests.
    await until(() => ofSessions(workers).length === 6, { what: "two children of each" });
    expect(await manager.stop()).toMatchObject({ code: 0 });
    await until(() => ofSessions(workers).length === 0, { what: "the end of all PHP processes" });
  });

  test("a second time ends all at once", async () => {
    const manager = await start(behaviours.ignoresSigterm, "--processes", "2");
    const { answer } = await inFlight(manager, 600_000);
    const workers = manager.workers();
    manager.signal("SIGTERM");
    const again = setInterval(() => manager.signal("SIGTERM"), 100);
    await expect(answer).rejects.toThrow();
    clearInterval(again);
    expect(await manager.ended).toMatchObject({ code: 0 });
    expect(workers.filter(isAlive)).toEqual([]);
    expect(readdirSync(place.directory)).toEqual([]);
  });

  test("two signals at once are one, as timeout(1) sends them: what is in flight is answered", async () => {
    const manager = await start(behaviours.ignoresSigterm, "--processes", "2");
    const { answer } = await inFlight(manager, 500);
    // Whatever keeps us from sending the second one meanwhile: they come together.
    for (const signal of ["SIGSTOP", "SIGTERM", "SIGINT", "SIGCONT"] as const) manager.signal(signal);
    await expect(answer).resolves.toBeDefined();
    expect(await manager.ended).toMatchObject({ code: 0 });
    expect(manager.records.filter((record) => record.notice === "manager.killing")).toEqual([]);
  });

  test("before the workers are ready exits 143, SIGINT 130, with nothing left", async () => {
    for (const [signal, code] of [
      ["SIGTERM", 143],
      ["SIGINT", 130],
    ] as const) {
      const [program = ""] = behaviours.slowToStart.command;
      const manager = runManager(["start", program, "--socket", place.path, "--env", "BOOT_MS=600000"]);
      await manager.notice("listener.bound");
      await until(() => manager.workers().length === 1, { what: "the worker" });
      const workers = manager.workers();
      manager.signal(signal);
      expect(await manager.ended).toMatchObject({ code });
      expect(workers.filter(isAlive)).toEqual([]);
      expect(readdirSync(place.directory)).toEqual([]);
    }
  });

  test("during a crash loop ends it at once, with no further try", async () => {
    const [program = ""] = behaviours.diesAtOnce.command;
    const manager = runManager(["start", program, "--socket", place.path, "--restart-delay", "20ms"]);
    await manager.notice("pool.crash-loop");
    expect((await manager.stop()).code).toBe(143);
    const order = manager.records.map((record) => record.notice);
    expect(order.slice(order.indexOf("manager.stopping")).filter((notice) => notice === "worker.died")).toEqual([]);
  });

  test("stops a plain program without a listener", async () => {
    const [program = ""] = others.plainLoop.command;
    const manager = await startReady([program, "--no-listen", "--start-grace", "50ms", "--processes", "2"]);
    const workers = manager.workers();
    expect(await manager.stop()).toMatchObject({ code: 0 });
    expect(workers.filter(isAlive)).toEqual([]);
    await until(() => ofSessions(workers).length === 0, { what: "the end of what the workers started" });
  });
});

test("Ctrl-C on a terminal reaches the manager only: workers are in sessions of their own", async () => {
  const manager = await start(behaviours.diesOnSigterm, "--processes", "2");
  const { answer } = await inFlight(manager, 1000);
  const group = processes().find(({ pid }) => pid === manager.pid)?.group;
  const workers = manager.workers();
  for (const { pid, group: its } of processes()) if (workers.includes(pid)) expect(its).not.toBe(group);
  manager.signal("SIGINT");
  expect((await answer).status).toBe(200);
  expect(await manager.ended).toMatchObject({ code: 0 });
});

test("the title in the process list names the apps", async () => {
  const { readFileSync } = await import("node:fs");
  const manager = await startReady([echo, "--socket", place.path, "--name", "blog"]);
  const title = readFileSync(`/proc/${manager.pid}/cmdline`, "latin1").split("\0")[0];
  expect(title).toBe("fcgi-pm: manager [blog]");
  await manager.stop();
});
