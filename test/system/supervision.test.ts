/** Supervision of real programs: readiness as the kernel shows it, restarts, crash loops. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { ask, isAlive, type RunningManager, runManager, startReady, tryKill, usePlace } from "../helpers/manager.ts";
import { behaviours, echoes, type Program, readEcho, waiters } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(240_000);

const place = usePlace();
const [echo = ""] = echoes.c.command;

function argsOf(program: Program, ...more: string[]): string[] {
  const [command = "", ...args] = program.command;
  const env = Object.entries(program.env).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
  return [command, "--socket", place.path, ...env, ...more, "--", ...args];
}

function readyOf(manager: RunningManager) {
  return manager.records.filter((record) => record.notice === "worker.ready");
}

describe("readiness", () => {
  test("of a program that boots for three seconds comes after three seconds, and requests wait meanwhile", async () => {
    const manager = runManager([
      "start",
      ...argsOf(behaviours.slowToStart, "--processes", "2", "--env", "BOOT_MS=3000"),
    ]);
    await manager.notice("listener.bound");
    const answer = await ask(place.path);
    expect(answer.status).toBe(200);
    const record = await manager.notice("pool.ready");
    expect(record["ready"]).toBe(2);
    for (const ready of readyOf(manager)) expect(ready["tookMs"]).toBeGreaterThanOrEqual(2500);
    await manager.stop();
  });

  test.each(Object.values(waiters).map((program) => [program.name, program] as const))(
    "is seen in a program that %s",
    async (_name, program) => {
      const manager = await startReady(argsOf(program, "--processes", "2", "--start-timeout", "30s"));
      expect((await ask(place.path)).status).toBe(200);
      await manager.stop();
    },
  );

  test("of a program without a listener is that it lives for start-grace", async () => {
    const { others } = await import("../helpers/programs.ts");
    const [program = ""] = others.plainLoop.command;
    const manager = await startReady([program, "--no-listen", "--processes", "2", "--start-grace", "300ms"]);
    for (const ready of readyOf(manager)) expect(ready["tookMs"]).toBeGreaterThanOrEqual(299);
    await manager.stop();
  });

  test("that does not come within start-timeout is forced by a new worker", async () => {
    const args = argsOf(behaviours.slowToStart, "--env", "BOOT_MS=600000", "--start-timeout", "500ms");
    const manager = runManager(["start", ...args]);
    const late = await manager.notice("worker.late");
    expect(late.level).toBe("warn");
    await manager.see("a second try", (record) => record.notice === "worker.late" && record["pid"] !== late["pid"]);
    expect(await manager.stop()).toMatchObject({ code: 143 });
  });
});

describe("a worker that dies", () => {
  test("while idle is replaced at once, by one with its number", async () => {
    const manager = await startReady([echo, "--socket", place.path, "--processes", "4"]);
    const victim = (await manager.see("worker 3", (record) => record.notice === "worker.ready" && record.worker === 3))[
      "pid"
    ];
    tryKill(Number(victim));
    const died = await manager.notice("worker.died");
    expect(died).toMatchObject({ worker: 3, exit: { code: null, signal: "SIGKILL" }, wasReady: true });
    await until(() => readyOf(manager).filter((record) => record.worker === 3).length === 2, {
      what: "worker 3 again",
    });
    expect(manager.workers()).toHaveLength(4);
    expect(manager.workers()).not.toContain(victim);
    await manager.stop();
  });

  test("in the middle of a request costs that request only", async () => {
    const manager = await startReady(argsOf(behaviours.crashesOnRequest, "--processes", "2"));
    await expect(ask(place.path, "/?exit=9")).rejects.toThrow();
    await manager.notice("worker.died");
    await until(() => readyOf(manager).length === 3, { what: "the third worker" });
    await manager.stop();
  });

  test("with all its siblings at once leaves the requests in the kernel's queue, and none is refused", async () => {
    const manager = await startReady([echo, "--socket", place.path, "--processes", "4"]);
    for (let round = 0; round < 5; round += 1) {
      const before = manager.workers();
      for (const pid of before) tryKill(pid);
      // One that is just being killed may still take a connection with it.
      await until(() => !before.some(isAlive), { what: "the death of all four", everyMs: 1 });
      const answers = await Promise.all(Array.from({ length: 40 }, () => ask(place.path)));
      expect(answers.map(({ status }) => status)).toEqual(Array(40).fill(200));
      const served = answers.map((answer) => readEcho(answer.body.toString()).pid);
      expect(before.some((pid) => served.includes(pid))).toBe(false);
      await until(() => readyOf(manager).length === 4 * (round + 2), { what: "all four again" });
    }
    await manager.stop();
  });
});

describe("a program that cannot start", () => {
  test("is tried again and again, later each time, and each time its reason is said", async () => {
    const manager = runManager([
      "start",
      ...argsOf(behaviours.diesAtOnce, "--processes", "4", "--restart-delay", "50ms"),
    ]);
    const deaths = () => manager.records.filter((record) => record.notice === "worker.died");
    await until(() => deaths().length >= 8, { what: "eight deaths", timeoutMs: 30_000 });
    for (const death of deaths()) {
      expect(death).toMatchObject({ wasReady: false, exit: { code: 3 } });
      expect(death.lastLines?.length).toBe(2);
      expect(death.msg).toContain("exit code 3");
    }
    const delays = deaths().map((death) => Number(death["retryInMs"]));
    expect(delays[0]).toBe(0);
    expect(Math.max(...delays)).toBeGreaterThan(100);
    expect(manager.records.some((record) => record.notice === "pool.crash-loop")).toBe(true);
    expect(await manager.stop()).toMatchObject({ code: 143 });
    expect(existsSync(place.path)).toBe(false);
  });

  test("heals by itself when the reason is gone, with all its workers", async () => {
    const broken = join(place.directory, "broken");
    writeFileSync(broken, "");
    const args = argsOf(
      behaviours.diesAtBootThenHeals,
      "--processes",
      "3",
      "--restart-delay",
      "50ms",
      "--env",
      `BROKEN=${broken}`,
    );
    const manager = runManager(["start", ...args]);
    await manager.notice("pool.crash-loop");
    const waiting = ask(place.path);
    rmSync(broken);
    expect((await manager.notice("manager.ready", 30_000)).msg).toContain("all workers ready");
    expect((await waiting).status).toBe(200);
    expect(manager.workers()).toHaveLength(3);
    expect(await manager.stop()).toMatchObject({ code: 0 });
  });

  test("because one of its kind made the shared socket non-blocking is told so, once", async () => {
    const program = join(place.directory, "sets-nonblock.py");
    const text = `import fcntl, os\nfcntl.fcntl(0, fcntl.F_SETFL, os.O_NONBLOCK)\nos.execv("${echo}", ["echo"])\n`;
    writeFileSync(program, `#!/usr/bin/python3\n${text}`, { mode: 0o755 });
    const manager = runManager(["start", program, "--socket", place.path, "--restart-delay", "20ms"]);
    expect((await manager.notice("listener.non-blocking")).msg).toContain("O_NONBLOCK on fd 0");
    const loops = () => manager.records.filter((record) => record.notice === "pool.crash-loop");
    await until(() => loops().length >= 3, { what: "three more tries" });
    expect(manager.records.filter((record) => record.notice === "listener.non-blocking")).toHaveLength(1);
    await manager.stop();
  });

  test("because it ends with 0 at once is in a crash loop all the same", async () => {
    const manager = runManager(["start", "/bin/true", "--socket", place.path]);
    expect((await manager.notice("pool.crash-loop")).level).toBe("error");
    await manager.stop();
  });
});

test("several apps run under one manager, and one that fails does not disturb the others", async () => {
  const config = join(place.directory, "fcgi-pm.toml");
  writeFileSync(
    config,
    `[apps.good]\ncommand = ["${echo}"]\nsocket = "app.sock"\nprocesses = 2\n[apps.bad]\ncommand = "/bin/false"\nsocket = "bad.sock"\n`,
  );
  const manager = runManager(["start", "--config", config]);
  await manager.see("good", (record) => record.notice === "pool.ready" && record.app === "good");
  await manager.see("bad", (record) => record.notice === "pool.crash-loop" && record.app === "bad");
  expect((await ask(place.path)).status).toBe(200);
  expect(manager.records.some((record) => record.app === "good" && record.notice === "worker.died")).toBe(false);
  await manager.stop();
});

test("a working directory that is moved away under it is named, and the worker comes when it is back", async () => {
  const [there, away] = ["site", "site-moved"].map((name) => join(place.directory, name)) as [string, string];
  mkdirSync(there);
  const manager = await startReady([echo, "--socket", place.path, "--cwd", there]);
  renameSync(there, away);
  for (const pid of manager.workers()) tryKill(pid, "SIGKILL");
  const refused = await manager.notice("spawn.refused");
  expect(refused["msg"]).toContain(
    `worker 1 could not be spawned: its working directory ${there} is gone; the next try`,
  );
  renameSync(away, there);
  expect((await ask(place.path)).status).toBe(200);
  await manager.stop();
});
