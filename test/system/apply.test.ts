/** What a reload does with a config that has changed: as little as possible, all or nothing, and no request is lost. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { ControlClient } from "../../src/control/client.ts";
import type { AppOutcome, ReloadRequest } from "../../src/control/protocol.ts";
import type { FcgiPmError } from "../../src/errors.ts";
import type { AppStatus } from "../../src/observe/status.ts";
import { answered, appOf, controlOf, pidsOf, type RunningApp, startApp } from "../helpers/app.ts";
import { nothingFailed, startLoad } from "../helpers/load.ts";
import { isAlive, type RunningManager, startReady, usePlace } from "../helpers/manager.ts";
import { behaviours, buildPrograms, echoes } from "../helpers/programs.ts";
import { pause, until } from "../helpers/wait.ts";
import { freePort } from "../helpers/webservers.ts";

jest.setTimeout(240_000);

const place = usePlace();
beforeAll(() => buildPrograms([echoes.c, behaviours.diesOnSigterm, behaviours.slowToStart]));

interface Site {
  readonly manager: RunningManager;
  readonly control: ControlClient;
  /** Writes the config anew: apps by name, each with its lines. */
  write(apps: Readonly<Record<string, string>>): void;
  reload(request?: ReloadRequest): Promise<Record<string, AppOutcome>>;
  apps(): Promise<Record<string, AppStatus>>;
  pids(name: string): Promise<number[]>;
}

const path = (name: string) => join(place.directory, name);
/** The lines of an app of the C echo. */
const lines = (socket: string, ...more: string[]) =>
  [`command = ${JSON.stringify(echoes.c.command)}`, `socket = "${path(socket)}"`, "processes = 2", ...more].join("\n");

async function start(apps: Readonly<Record<string, string>>): Promise<Site> {
  const config = path("fcgi-pm.toml");
  const write: Site["write"] = (all) =>
    writeFileSync(
      config,
      Object.entries(all)
        .map(([name, text]) => `[apps.${name}]\n${text}\n`)
        .join("\n"),
    );
  write(apps);
  const manager = await startReady(["--config", config]);
  const control = await controlOf(manager);
  const status: Site["apps"] = async () =>
    Object.fromEntries((await control.status()).apps.map((app) => [app.app, app]));
  return {
    manager,
    control,
    write,
    reload: async (request = {}) => {
      const { apps: outcomes } = await control.command("/v1/reload", request);
      return Object.fromEntries(outcomes.map((outcome) => [outcome.app, outcome]));
    },
    apps: status,
    pids: async (name) => pidsOf((await status())[name]?.workers ?? []),
  };
}

/** What a command that cannot be done is refused with. */
async function failure(promise: Promise<unknown>): Promise<FcgiPmError> {
  return promise.then(
    () => {
      throw new Error("It was done");
    },
    (error: FcgiPmError) => error,
  );
}

function environmentOf(pid: number): Record<string, string> {
  const entries = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").filter(Boolean);
  return Object.fromEntries(
    entries.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
  );
}

describe("a reload touches", () => {
  test("nothing of an app that is as it was, where another one has changed", async () => {
    const site = await start({ one: lines("1.sock"), two: lines("2.sock") });
    const [one, two] = [await site.pids("one"), await site.pids("two")];
    site.write({ one: lines("1.sock"), two: lines("2.sock", 'env = { A = "1" }') });
    expect(await site.reload()).toMatchObject({
      one: { action: "unchanged" },
      two: { action: "rolled", result: "done" },
    });
    expect(await site.pids("one")).toEqual(one);
    expect((await site.pids("two")).filter((pid) => two.includes(pid))).toEqual([]);
    for (const pid of await site.pids("two")) expect(environmentOf(pid)).toMatchObject({ A: "1" });
    await site.manager.stop();
  });

  test("every app where nothing has changed: the code may have", async () => {
    const site = await start({ one: lines("1.sock"), two: lines("2.sock") });
    const before = [...(await site.pids("one")), ...(await site.pids("two"))];
    expect(await site.reload()).toMatchObject({ one: { action: "rolled" }, two: { action: "rolled" } });
    expect(before.filter(isAlive)).toEqual([]);
    await site.manager.stop();
  });

  test("only the difference where the number of processes has changed", async () => {
    const site = await start({ one: lines("1.sock") });
    const before = await site.pids("one");
    site.write({ one: lines("1.sock").replace("processes = 2", "processes = 5") });
    expect(await site.reload()).toMatchObject({ one: { action: "scaled", wanted: 5, changes: ["processes: 2 -> 5"] } });
    const more = await site.pids("one");
    expect(more).toEqual(expect.arrayContaining(before));
    expect(more).toHaveLength(5);
    site.write({ one: lines("1.sock") });
    expect(await site.reload()).toMatchObject({ one: { action: "scaled", wanted: 2 } });
    expect(await site.pids("one")).toHaveLength(2);
    expect((await site.pids("one")).every((pid) => more.includes(pid))).toBe(true);
    await site.manager.stop();
  });

  test("owner, mode and depth of the listener in place", async () => {
    const site = await start({ one: lines("1.sock") });
    const before = await site.pids("one");
    const { ino } = statSync(path("1.sock"));
    site.write({ one: lines("1.sock", 'socket-mode = "0600"', 'socket-owner = "www-data"', "listen-queue-depth = 7") });
    expect(await site.reload()).toMatchObject({ one: { action: "applied", result: "done" } });
    const file = statSync(path("1.sock"));
    expect([file.ino, file.mode & 0o777, file.uid]).toEqual([ino, 0o600, 33]);
    expect((await site.apps())["one"]).toMatchObject({ listenQueueDepth: 7 });
    expect(await site.pids("one")).toEqual(before);
    await site.manager.stop();
  });

  test("times without a worker, and they hold from then on", async () => {
    const ignores = `command = ${JSON.stringify(behaviours.diesOnSigterm.command)}\nsocket = "${path("1.sock")}"`;
    const site = await start({ one: `${ignores}\nrestart-delay = "5s"` });
    const before = await site.pids("one");
    site.write({ one: `${ignores}\nrestart-delay = "7s"` });
    expect(await site.reload()).toMatchObject({ one: { action: "applied", changes: ["restart-delay: 5s -> 7s"] } });
    expect(await site.pids("one")).toEqual(before);
    await site.manager.stop();
  });

  test("an app whose env-file says something else", async () => {
    const env = path("app.env");
    writeFileSync(env, "GREETING=hello\n");
    const site = await start({ one: lines("1.sock", `env-file = "${env}"`), two: lines("2.sock") });
    const two = await site.pids("two");
    writeFileSync(env, "GREETING=good evening\n");
    const outcomes = await site.reload();
    expect(outcomes).toMatchObject({ one: { action: "rolled", result: "done" }, two: { action: "unchanged" } });
    expect(JSON.stringify(outcomes)).not.toContain("good evening");
    for (const pid of await site.pids("one")) expect(environmentOf(pid)).toMatchObject({ GREETING: "good evening" });
    expect(await site.pids("two")).toEqual(two);
    await site.manager.stop();
  });
});

describe("apps come and go by a reload:", () => {
  test("one is added, one is removed, with its socket", async () => {
    const site = await start({ one: lines("1.sock"), two: lines("2.sock") });
    const two = await site.pids("two");
    site.write({ one: lines("1.sock"), three: lines("3.sock") });
    expect(await site.reload()).toMatchObject({
      one: { action: "unchanged" },
      two: { action: "removed", result: "done" },
      three: { action: "added", result: "done", wanted: 2 },
    });
    expect(two.filter(isAlive)).toEqual([]);
    expect([existsSync(path("2.sock")), existsSync(path("3.sock"))]).toEqual([false, true]);
    await site.manager.stop();
    expect(existsSync(path("3.sock"))).toBe(false);
  });

  test("one is renamed and keeps its socket, and no request is lost", async () => {
    const site = await start({ one: lines("1.sock") });
    const { ino } = statSync(path("1.sock"));
    const target = { listen: { kind: "unix", path: path("1.sock") } as const, program: echoes.c };
    const load = startLoad(target, { connections: 8 });
    await answered(load, 300);
    site.write({ uno: lines("1.sock") });
    expect(await site.reload()).toMatchObject({ one: { action: "removed" }, uno: { action: "added", result: "done" } });
    await answered(load, load.result.answered + 300);
    expect((await load.stop()).failed).toEqual(nothingFailed);
    expect(statSync(path("1.sock")).ino).toBe(ino);
    await site.manager.stop();
  });

  test("one moves to another socket: both serve until the old one is done, none is lost", async () => {
    const site = await start({ one: lines("1.sock") });
    const old = startLoad({ listen: { kind: "unix", path: path("1.sock") }, program: echoes.c }, { connections: 8 });
    await answered(old, 300);
    site.write({ one: lines("2.sock") });
    expect(await site.reload()).toMatchObject({ one: { action: "moved", result: "done", generation: 2 } });
    const fresh = startLoad({ listen: { kind: "unix", path: path("2.sock") }, program: echoes.c }, { connections: 8 });
    await answered(fresh, 300);
    expect((await fresh.stop()).failed).toEqual(nothingFailed);
    const { failed } = await old.stop();
    // The old name is gone, which whoever still uses it is told; nothing that had come in was cut.
    expect({ ...failed, refused: 0 }).toEqual(nothingFailed);
    expect(existsSync(path("1.sock"))).toBe(false);
    await site.manager.stop();
  });

  test("one moves to another port", async () => {
    const [from, to] = [await freePort(), await freePort()];
    const at = (port: number) => `command = ${JSON.stringify(echoes.c.command)}\nport = ${port}\nprocesses = 2`;
    const site = await start({ one: at(from) });
    const load = startLoad(
      { listen: { kind: "tcp", host: "127.0.0.1", port: from }, program: echoes.c },
      { connections: 8 },
    );
    await answered(load, 300);
    site.write({ one: at(to) });
    expect(await site.reload()).toMatchObject({ one: { action: "moved", result: "done" } });
    expect({ ...(await load.stop()).failed, refused: 0 }).toEqual(nothingFailed);
    expect((await site.apps())["one"]).toMatchObject({ address: `127.0.0.1:${to}`, state: "running" });
    await site.manager.stop();
  });

  test("two cannot exchange their sockets at once, and are told how it is done", async () => {
    const site = await start({ one: lines("1.sock"), two: lines("2.sock") });
    const before = await site.apps();
    site.write({ one: lines("2.sock"), two: lines("1.sock") });
    const error = await failure(site.reload());
    expect(error).toMatchObject({ code: "FCGI_PM_RELOAD_REFUSED", remedy: expect.stringContaining("reload twice") });
    expect((await site.apps())["one"]).toMatchObject({ address: before["one"]?.address, generation: 1 });
    await site.manager.stop();
  });
});

describe("a reload that cannot be done changes nothing:", () => {
  test.each([
    ["a config that is wrong", (one: string) => ({ one: `${one}\nprocesses = "many"` }), "FCGI_PM_CONFIG_WRONG"],
    [
      "a program that is not there",
      (one: string) => ({ one: one.replace(/command = .*/, 'command = "/nowhere/app"') }),
      "FCGI_PM_PROGRAM_MISSING",
    ],
    [
      "a socket that is in use",
      (one: string) => ({ one, two: one.replace("1.sock", "taken/app.sock") }),
      "FCGI_PM_SOCKET_DIRECTORY_WRONG",
    ],
  ])("%s", async (_what, change, code) => {
    const site = await start({ one: lines("1.sock") });
    const before = await site.pids("one");
    const changed = change(lines("1.sock"));
    site.write(changed);
    expect((await failure(site.reload())).code).toBe(code);
    expect(await site.pids("one")).toEqual(before);
    expect((await site.apps())["one"]).toMatchObject({ generation: 1, state: "running" });
    expect(Object.keys(await site.apps())).toEqual(["one"]);
    await site.manager.stop();
  });

  test("what concerns the manager itself", async () => {
    const site = await start({ one: lines("1.sock") });
    writeFileSync(path("fcgi-pm.toml"), `[manager]\nlog-format = "pretty"\n[apps.one]\n${lines("1.sock")}\n`);
    expect(await failure(site.reload())).toMatchObject({
      code: "FCGI_PM_RELOAD_REFUSED",
      message: expect.stringContaining("log-format"),
    });
    await site.manager.stop();
  });

  test("a dry run", async () => {
    const site = await start({ one: lines("1.sock") });
    const before = await site.pids("one");
    site.write({ one: lines("1.sock", 'umask = "0077"') });
    expect(await site.reload({ dryRun: true })).toMatchObject({
      one: { action: "rolled", result: "planned", generation: 2, changes: ["umask: 0022 -> 0077"] },
    });
    expect(await site.pids("one")).toEqual(before);
    await site.manager.stop();
  });
});

describe("a new version that does not start is taken back under load, and nothing is lost:", () => {
  test.each([
    [
      "it crashes at boot",
      "#!/bin/sh\necho the database is gone >&2\nexit 3\n",
      "exit code 3",
      ["the database is gone"],
    ],
    ["it never gets ready", "#!/bin/sh\necho waiting for godot >&2\nsleep 1000\n", "not ready", ["waiting for godot"]],
  ])("%s", async (_what, broken, reason, lastLines) => {
    const program = path("current");
    symlinkSync(echoes.c.command[0] ?? "", program);
    const app: RunningApp = await startApp(
      place,
      { ...echoes.c, command: [program] },
      { flags: ["--start-timeout", "5s"] },
    );
    const before = await app.pids();
    const load = startLoad(app, { connections: 32 });
    await answered(load, 500);
    writeFileSync(path("next"), broken);
    chmodSync(path("next"), 0o755);
    renameSync(path("next"), program);
    const error = await failure(app.reload());
    expect(error.code).toBe("FCGI_PM_ROLL_TAKEN_BACK");
    expect(error.message).toContain(reason);
    expect(error.details).toMatchObject([{ app: "app", result: "taken-back", lastLines, generation: 1 }]);
    await answered(load, load.result.answered + 500);
    expect((await load.stop()).failed).toEqual(nothingFailed);
    await until(async () => (await app.status()).workers.length === before.length, {
      what: "the failed worker to be gone",
    });
    expect(await app.pids()).toEqual(before);
    await app.manager.stop();
  });

  test("what it changed besides is as it was: size, mode, times", async () => {
    const site = await start({ one: lines("1.sock") });
    site.write({
      one: lines("1.sock", 'socket-mode = "0600"', 'stop-timeout = "1s"')
        .replace("processes = 2", "processes = 4")
        .replace(/command = .*/, 'command = ["/bin/false"]'),
    });
    expect((await failure(site.reload())).code).toBe("FCGI_PM_ROLL_TAKEN_BACK");
    expect((await site.apps())["one"]).toMatchObject({ wanted: 2, ready: 2, generation: 1 });
    expect(statSync(path("1.sock")).mode & 0o777).toBe(0o660);
    site.write({ one: lines("1.sock") });
    expect(await site.reload()).toMatchObject({ one: { action: "rolled", result: "done", generation: 3 } });
    await site.manager.stop();
  });
});

/** Some times as long as nothing may change before a reload. */
const aQuietTimeMs = 1000;

describe("watch", () => {
  test("reloads the app once for many changes, and no other app", async () => {
    const files = path("code");
    copyFileSync("/dev/null", files);
    const site = await start({ one: lines("1.sock", `watch = "${files}"`), two: lines("2.sock") });
    const two = await site.pids("two");
    // The watch begins some time after the workers: what is written before it is no change.
    await until(
      () => {
        writeFileSync(files, `${performance.now()}\n`);
        return site.manager.records.some(({ notice }) => notice === "roll.done");
      },
      { what: "the first reload", everyMs: 1000 },
    );
    const rolls = () => site.manager.records.filter(({ notice }) => notice === "roll.began").length;
    const isOver = async () => (await appOf(site.control, "one").status()).roll === null;
    const reloadsOfTwentyChanges = async () => {
      await pause(aQuietTimeMs);
      await until(isOver, { what: "the roll before to be over" });
      const before = rolls();
      for (let change = 0; change < 20; change += 1) writeFileSync(files, `${change}\n`);
      await until(() => rolls() > before, { what: "the next reload" });
      await pause(aQuietTimeMs);
      await until(isOver, { what: "the roll to be over" });
      return rolls() - before;
    };
    // Where a process stands still in the middle of the changes, they are two heaps.
    await until(async () => (await reloadsOfTwentyChanges()) === 1, { what: "a single reload", timeoutMs: 60_000 });
    expect(await site.pids("two")).toEqual(two);
    await site.manager.stop();
  });
});
