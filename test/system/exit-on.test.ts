/** `exit-on`: the manager ends by itself where an app does not run, so that who watches the container can act. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { startReadyAsFirst } from "../helpers/first-process.ts";
import { ask, isAlive, runManager, startReady, tryKill } from "../helpers/manager.ts";
import { behaviours, buildPrograms, echoes } from "../helpers/programs.ts";
import { useSite } from "../helpers/site.ts";
import { holdRequest } from "../helpers/under-way.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(240_000);
const site = useSite();

/** A config of two apps: `good` serves, `bad` does what the test says. */
function config(exitOn: string | undefined, bad: string): string {
  const path = join(site.directory, "fcgi-pm.toml");
  const manager = exitOn === undefined ? "" : `[manager]\nexit-on = "${exitOn}"\n`;
  const apps = [
    ["good", echoes.c.command[0] as string],
    ["bad", bad],
  ].map(([name, command]) => `[apps.${name}]\ncommand = "${command}"\nsocket = "${name}.sock"\nprocesses = 2\n`);
  writeFileSync(path, manager + apps.join(""));
  return path;
}

/** In this site's runtime directory. */
const here = () => ({ env: { RUNTIME_DIRECTORY: site.runtime }, cwd: site.directory });
const diesAtOnce = () => behaviours.diesAtOnce.command[0] as string;
const good = () => echoes.c.command[0] as string;

describe("with exit-on = backoff", () => {
  test("a crash loop ends the manager with 1, gracefully, and it says why", async () => {
    const manager = runManager(["start", "--config", config("backoff", diesAtOnce())], here());
    const { code, signal, stderr } = await manager.ended;
    expect([code, signal]).toEqual([1, null]);
    expect(stderr).toMatch(
      /^error: Cannot run bad: no worker gets ready, \d+ tries failed, the last one with exit code/,
    );
    expect(stderr).toMatch(/try: mend the program/);
    expect(manager.records.map(({ notice }) => notice)).toContain("manager.stopped");
    expect(site.files().filter((name) => name.endsWith(".control"))).toEqual([]);
  });

  test("the flag says the same for one app", async () => {
    const flags = ["--socket", site.path, "--exit-on", "backoff"];
    const { code, stderr } = await runManager(["start", diesAtOnce(), ...flags], here()).ended;
    expect(code).toBe(1);
    expect(stderr).toContain("Cannot run dies-at-once");
  });

  test("PID 1 of a container ends with 1, too, and takes everybody with it", async () => {
    const manager = await startReadyAsFirst([good(), "--socket", site.path, "--exit-on", "stopped"], here());
    const workers = manager.workers();
    await site.run("stop", "echo");
    expect(await manager.ended).toMatchObject({ code: 1, signal: null });
    expect(workers.filter(isAlive)).toEqual([]);
  });

  test("workers that die after they were ready are replaced, and it goes on", async () => {
    const manager = await startReady([good(), "--socket", site.path, "--exit-on", "backoff"], here());
    for (const round of [1, 2, 3]) {
      const [worker = 0] = await until(() => (manager.workers().length === 1 ? manager.workers() : undefined), {
        what: `worker ${round}`,
      });
      tryKill(worker);
      const ready = () => manager.records.filter(({ notice }) => notice === "worker.ready").length === round + 1;
      await until(ready, { what: "its successor" });
    }
    expect(await manager.stop()).toMatchObject({ code: 0 });
  });

  test("a stopped app, a restart and a reload that fails are no reason", async () => {
    const path = config("backoff", good());
    const manager = await startReady(["--config", path], here());
    expect(await site.run("restart", "bad")).toMatchObject({ code: 0 });
    config("backoff", diesAtOnce());
    expect(await site.run("reload", "bad")).toMatchObject({ code: 1 });
    expect(await site.run("stop", "bad")).toMatchObject({ code: 0 });
    expect((await site.status()).apps.map(({ app, state }) => [app, state])).toEqual([
      ["good", "running"],
      ["bad", "stopped"],
    ]);
    expect(await manager.stop()).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("with exit-on = stopped", () => {
  test("an app that an operator stops ends the manager with 1; the operator hears that it was stopped", async () => {
    const manager = await startReady(["--config", config("stopped", good())], here());
    expect(await site.run("restart")).toMatchObject({ code: 0 });
    expect(await site.run("stop", "bad")).toMatchObject({ code: 0, stdout: expect.stringContaining("bad: stopped") });
    const { code, stderr } = await manager.ended;
    expect(code).toBe(1);
    expect(stderr).toContain("error: Cannot go on without bad: it was stopped");
  });

  test("a signal while the other apps drain leaves them their time", async () => {
    const manager = await startReady(["--config", config("stopped", good())], here());
    const { answer, finish } = holdRequest(join(site.directory, "good.sock"));
    const isBusy = async () => (await site.status()).apps.some(({ busy }) => busy === 1);
    await until(isBusy, { what: "a busy worker" });
    expect(await site.run("stop", "bad")).toMatchObject({ code: 0 });
    await manager.see("the end", ({ notice }) => notice === "manager.stopping");
    manager.signal("SIGTERM");
    await manager.see("the signal", ({ notice, why }) => notice === "manager.stopping" && why === "SIGTERM");
    finish();
    expect(await answer).toMatchObject({ status: 200 });
    expect(await manager.ended).toMatchObject({ code: 1, stderr: expect.stringContaining("Cannot go on without bad") });
    expect(manager.records.map(({ notice }) => notice)).not.toContain("manager.killing");
  });

  test("two signals while the other apps drain kill them", async () => {
    const manager = await startReady(["--config", config("stopped", good())], here());
    const answer = ask(join(site.directory, "good.sock"), "/?sleep=600000").catch((error: Error) => error);
    const isBusy = async () => (await site.status()).apps.some(({ busy }) => busy === 1);
    await until(isBusy, { what: "a busy worker" });
    expect(await site.run("stop", "bad")).toMatchObject({ code: 0 });
    const isKilling = () => {
      manager.signal("SIGTERM");
      return manager.records.some(({ notice }) => notice === "manager.killing");
    };
    await until(isKilling, { what: "the kill", everyMs: 100 });
    expect(await answer).toBeInstanceOf(Error);
    expect(await manager.ended).toMatchObject({ code: 1 });
  });

  test("a crash loop ends it, too", async () => {
    const manager = runManager(["start", "--config", config("stopped", diesAtOnce())], here());
    expect((await manager.ended).code).toBe(1);
  });

  test("an app that a reload removes or moves is no reason", async () => {
    const path = config("stopped", good());
    const manager = await startReady(["--config", path], here());
    writeFileSync(path, `[manager]\nexit-on = "stopped"\n[apps.good]\ncommand = "${good()}"\nsocket = "moved.sock"\n`);
    expect(await site.run("reload")).toMatchObject({ code: 0 });
    expect((await site.status()).apps.map(({ app, state }) => [app, state])).toEqual([["good", "running"]]);
    expect(await manager.stop()).toMatchObject({ code: 0, stderr: "" });
  });

  test("the end of the manager itself is no failure", async () => {
    const manager = await startReady(["--config", config("stopped", good())], here());
    expect(await site.run("stop")).toMatchObject({ code: 0 });
    expect(await manager.ended).toMatchObject({ code: 0, stderr: "" });
  });
});

test("without exit-on a crash loop does not end it", async () => {
  buildPrograms([echoes.c]);
  const manager = runManager(["start", "--config", config(undefined, diesAtOnce())], here());
  await manager.see("a third try", ({ notice, failures }) => notice === "pool.crash-loop" && Number(failures) > 2);
  expect(isAlive(manager.pid)).toBe(true);
  expect(await manager.stop()).toMatchObject({ stderr: "" });
});

test("a bug ends it with 1, kills the workers, and is told to the journal among the errors", async () => {
  const hook = join(site.directory, "hook.cjs");
  // Standard error is a journal's stream if its variable says so. A signal that nobody else uses brings the bug.
  writeFileSync(
    hook,
    `const { dev, ino } = require("node:fs").fstatSync(2, { bigint: true });
     process.env.JOURNAL_STREAM = dev + ":" + ino;
     process.on("SIGWINCH", () => { throw new Error("a bug"); });`,
  );
  const { env, cwd } = here();
  const flags = ["--socket", site.path, "--log-format", "json"];
  const manager = await startReady([good(), ...flags], { cwd, env: { ...env, NODE_OPTIONS: `--require ${hook}` } });
  const workers = manager.workers();
  manager.signal("SIGWINCH");
  const { code, stderr } = await manager.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^<3>error: this is a bug in fcgi-pm, all workers have been ended\n<3>Error: a bug\n<3> +at /);
  expect(workers.filter(isAlive)).toEqual([]);
});

test("a word that exit-on does not know is a mistake in the flags", async () => {
  const { code, stderr } = await runManager(["start", good(), "--exit-on", "crash"], here()).ended;
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining('--exit-on: expected one of never, backoff, stopped, got the string "crash"'),
  ]);
});
