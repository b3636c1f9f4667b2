/** The manager as PID 1 of a container, and as a subreaper: nobody is left a zombie, no exit is lost, signals work. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { asFirst, runAsFirst, startReadyAsFirst } from "../helpers/first-process.ts";
import {
  ask,
  isAlive,
  type LogRecord,
  processes,
  type RunningManager,
  runManager,
  runToEnd,
  startReady,
  usePlace,
} from "../helpers/manager.ts";
import { behaviours, buildPrograms } from "../helpers/programs.ts";
import { holdRequest } from "../helpers/under-way.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(240_000);
const place = usePlace();

const crowd = 300;
const program = (name: keyof typeof behaviours): string => behaviours[name].command[0] as string;
const app = (name: keyof typeof behaviours, ...more: string[]) => [
  program(name),
  "--name",
  "app",
  "--socket",
  place.path,
  ...more,
];

/** Dead children of the manager that nobody has waited for. */
function zombies({ pid }: RunningManager): number {
  return processes().filter(({ parent, state }) => parent === pid && state === "Z").length;
}

/** What is said of workers that died, by their pid. */
function deaths(manager: RunningManager): Map<number, LogRecord["exit"]> {
  const died = manager.records.filter(({ notice }) => notice === "worker.died");
  return new Map(died.map(({ pid = 0, exit }) => [pid, exit]));
}

/** `fcgi-pm COMMAND…` for this manager. Its files are the same for us, its pids are not. */
function tell({ runtime }: RunningManager, ...words: string[]) {
  return runToEnd(words, { env: { RUNTIME_DIRECTORY: runtime } });
}

async function busy(manager: RunningManager): Promise<number | null> {
  const { stdout } = await tell(manager, "status", "app", "--json");
  return JSON.parse(stdout).managers[0].apps[0].busy;
}

async function allReady(manager: RunningManager): Promise<void> {
  const isReady = async () => (await tell(manager, "status", "app")).code === 0;
  await until(isReady, { what: "as many ready workers as wanted", timeoutMs: 60_000, everyMs: 500 });
}

/** Undefined where nobody reads. */
function tryOpen(fifo: string): number | undefined {
  try {
    return openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

describe.each([
  ["as PID 1", startReadyAsFirst, []],
  ["as a subreaper", startReady, ["--subreaper"]],
])("%s", (_as, start, flags) => {
  test(`${crowd} workers that leave orphans die with exits that are all told right, and no zombie is left`, async () => {
    buildPrograms([behaviours.leavesOrphans]);
    const manager = await start(app("leavesOrphans", "--processes", String(crowd), ...flags));
    const spawned = manager.records.filter(({ notice }) => notice === "worker.ready").map(({ pid = 0 }) => pid);
    expect(spawned).toHaveLength(crowd);
    expect(await tell(manager, "signal", "app", "USR1")).toMatchObject({ code: 0 });
    await until(() => deaths(manager).size === crowd, { what: "every death", timeoutMs: 60_000 });
    expect(deaths(manager)).toEqual(new Map(spawned.map((pid) => [pid, { code: 1 + (pid % 200), signal: null }])));
    await allReady(manager);
    await until(() => zombies(manager) === 0, { what: "no zombie", timeoutMs: 30_000 });
    // Orphans that still live are its children, too.
    await until(() => manager.workers().length === crowd, { what: "nobody but the workers" });
    expect(String((await ask(place.path)).body)).toContain("pid=");
    expect(await manager.stop()).toMatchObject({ code: 0, signal: null });
  });
});

test("neither PID 1 nor a subreaper, it leaves orphans to init", async () => {
  const manager = await startReady(app("leavesOrphans"));
  expect(manager.workers()).toHaveLength(1);
  expect(zombies(manager)).toBe(0);
  // The kernel has not noted that it would take them.
  const stat = readFileSync(`/proc/${manager.pid}/status`, "utf8");
  expect(stat).toContain(`\nPPid:\t${process.pid}\n`);
});

describe("signals to PID 1:", () => {
  test("TERM drains: the request in progress is answered, then it exits with 0", async () => {
    const manager = await startReadyAsFirst(app("diesOnSigterm", "--processes", "2"));
    const { answer, finish } = holdRequest(place.path);
    await until(async () => (await busy(manager)) === 1, { what: "a busy worker" });
    const ended = manager.stop();
    await manager.notice("manager.stopping");
    finish();
    expect((await answer).status).toBe(200);
    expect(await ended).toMatchObject({ code: 0, signal: null });
  });

  test("INT ends it with 0 once all is ready", async () => {
    const manager = await startReadyAsFirst(app("diesOnSigterm"));
    manager.signal("SIGINT");
    expect(await manager.ended).toMatchObject({ code: 0, signal: null });
  });

  test("a second TERM kills, and nobody is left", async () => {
    const manager = await startReadyAsFirst(app("ignoresSigterm", "--stop-timeout", "10m"));
    const answer = ask(place.path, "/?sleep=600000").catch((error: Error) => error);
    const workers = manager.workers();
    await until(async () => (await busy(manager)) === 1, { what: "a busy worker" });
    manager.signal("SIGTERM");
    await manager.notice("manager.stopping");
    await until(
      () => {
        manager.signal("SIGTERM");
        return manager.records.some(({ notice }) => notice === "manager.killing");
      },
      { what: "the kill", everyMs: 100 },
    );
    expect(await manager.ended).toMatchObject({ code: 0 });
    expect(await answer).toBeInstanceOf(Error);
    expect(workers.filter(isAlive)).toEqual([]);
  });

  test("HUP reloads, USR1 opens the log anew", async () => {
    const log = join(place.directory, "app.log");
    const manager = await startReadyAsFirst(app("diesOnSigterm", "--output-file", log));
    await until(() => readFileSync(log, "utf8").length > 0, { what: "a first line" });
    renameSync(log, `${log}.1`);
    manager.signal("SIGUSR1");
    manager.signal("SIGHUP");
    await manager.notice("manager.reloaded");
    await until(() => readFileSync(log, "utf8").length > 0, { what: "a new file" });
    expect(await manager.stop()).toMatchObject({ code: 0 });
  });
});

test("stop from outside the container waits for the manager's end, not for that of our own PID 1", async () => {
  const manager = await startReadyAsFirst(app("diesOnSigterm"));
  expect(await tell(manager, "stop")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`the manager (process ${manager.pid}) has ended`),
  });
  expect(isAlive(manager.pid)).toBe(false);
  expect(await manager.ended).toMatchObject({ code: 0 });
});

test("stop from another container does not wait for a process of its own with the manager's number", async () => {
  const manager = await startReadyAsFirst(app("diesOnSigterm"));
  const env = { RUNTIME_DIRECTORY: manager.runtime };
  expect(await runManager(["stop"], { env, under: asFirst }).ended).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("the manager (process 1 of another container) is about to end"),
  });
  expect(await manager.ended).toMatchObject({ code: 0 });
});

test("who finds the socket locked by PID 1 of another container is told so", async () => {
  await startReadyAsFirst(app("diesOnSigterm"));
  const { code, stderr } = await runManager(["start", ...app("diesOnSigterm")], { under: asFirst }).ended;
  expect(code).toBe(1);
  expect(stderr).toContain(`Cannot listen on "${place.path}": another fcgi-pm (process 1 of another container) has it`);
});

describe("the exit status of PID 1 is", () => {
  test("143 when TERM comes before the workers are ready", async () => {
    const manager = await runAsFirst(["start", ...app("slowToStart", "--env", "BOOT_MS=60000")]);
    await manager.notice("manager.started");
    expect(await manager.stop()).toMatchObject({ code: 143, signal: null });
  });

  test("143 when TERM comes while its config is still read", async () => {
    buildPrograms([behaviours.slowToStart]);
    const config = join(place.directory, "fcgi-pm.toml");
    execFileSync("mkfifo", [config]);
    const manager = await runAsFirst(["start", "--config", config]);
    // Who writes to a FIFO waits for a reader, unless he will not wait: then he is told that there is none.
    const writing = await until(() => tryOpen(config), { what: "the reader of the config" });
    manager.signal("SIGTERM");
    const env = 'env = { BOOT_MS = "60000" }';
    writeSync(writing, `[apps.app]\ncommand = "${program("slowToStart")}"\nsocket = "${place.path}"\n${env}\n`);
    closeSync(writing);
    expect(await manager.ended).toMatchObject({ code: 143, signal: null });
  });

  test("5 for a wrong config, 1 for a program that is missing", async () => {
    const none = join(place.directory, "none");
    const end = (...args: string[]) => runManager(["start", ...args], { under: asFirst }).ended;
    expect(await end("--config", none)).toMatchObject({ code: 5, signal: null });
    expect(await end(none, "--socket", place.path)).toMatchObject({ code: 1, signal: null });
  });
});
