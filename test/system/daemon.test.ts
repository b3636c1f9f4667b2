/** `start --daemon`: away from the terminal when all is ready, or nothing left and the reason said. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { ask, bin, childrenOf, descriptorsOf, isAlive, processes, runManager } from "../helpers/manager.ts";
import { behaviours, echoes, readEcho } from "../helpers/programs.ts";
import { useSite } from "../helpers/site.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(240_000);

const site = useSite();
const [echo = ""] = echoes.c.command;
const [slow = ""] = behaviours.slowToStart.command;
const [dying = ""] = behaviours.diesAtOnce.command;

/** `blog: 2 of 2 workers ready, manager pid 4711`. */
function pidIn(stdout: string): number {
  return Number(/manager pid (\d+)$/m.exec(stdout)?.[1]);
}

function nothingIsLeft(): void {
  expect(site.files()).toEqual([]);
  expect(site.processes()).toEqual([]);
}

describe("a manager that was started as a daemon", () => {
  test("is ready when the command returns, and ends by stop with nothing left", async () => {
    const started = await site.run("start", echo, "--name", site.app, "--processes", "2", "--daemon");
    expect(started).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\S+: 2 of 2 workers ready, manager pid \d+\n$/),
    });
    const pid = pidIn(started.stdout);
    expect((await site.status()).manager.pid).toBe(pid);
    expect(readEcho((await ask(join(site.runtime, `${site.app}.sock`))).body.toString()).worker).toMatch(/^[12]$/);
    const stopped = await site.run("stop");
    expect(stopped).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`the manager (process ${pid}) has ended`),
    });
    expect(isAlive(pid)).toBe(false);
    nothingIsLeft();
  });

  test("has a session of its own and nothing of the terminal, and its workers are not told", async () => {
    const { stdout } = await site.run("start", echo, "--name", "blog", "--pass-env", "FCGI_PM_REPORT", "--daemon");
    const pid = pidIn(stdout);
    expect(processes().find((one) => one.pid === pid)).toMatchObject({ session: pid, group: pid });
    const descriptors = descriptorsOf(pid);
    expect([0, 1, 2].map((fd) => descriptors.get(fd))).toEqual(["/dev/null", "/dev/null", "/dev/null"]);
    const { stdout: env } = await site.run("env", "blog");
    expect(env).toContain("FCGI_PM_APP=blog");
    expect(env).not.toContain("FCGI_PM_REPORT");
  });

  test("writes to its log file, and says there what is a bug, too", async () => {
    const log = join(site.directory, "log");
    const { stdout, stderr } = await site.run("start", echo, "--name", "blog", "--daemon", "--log-file", log);
    expect(stderr).toBe("");
    const descriptors = descriptorsOf(pidIn(stdout));
    expect([1, 2].map((fd) => descriptors.get(fd))).toEqual([log, log]);
    renameSync(log, `${log}.1`);
    process.kill(pidIn(stdout), "SIGUSR1");
    const letsGo = () => ![...descriptorsOf(pidIn(stdout)).values()].includes(`${log}.1`);
    await until(letsGo, { what: "the rotated log to be let go" });
    await site.run("stop");
    expect(readFileSync(log, "utf8")).toContain("manager.stopped");
  });

  test("says of every app that it is ready", async () => {
    writeFileSync(
      join(site.directory, "fcgi-pm.toml"),
      `[apps.a]\ncommand = "${echo}"\n[apps.b]\ncommand = "${echo}"\nprocesses = 2\n`,
    );
    const { stdout } = await site.run("start", "--daemon");
    expect(stdout).toMatch(/^a: 1 of 1 workers ready, manager pid (\d+)\nb: 2 of 2 workers ready, manager pid \1\n$/);
  });

  test("lives on when its terminal closes", async () => {
    const words = [process.execPath, bin, "start", echo, "--name", "blog", "--daemon"].map((word) => `'${word}'`);
    const env = { ...process.env, RUNTIME_DIRECTORY: site.runtime };
    const terminal = spawn("script", ["-qefc", words.join(" "), "/dev/null"], {
      env,
      stdio: ["pipe", "pipe", "ignore"],
    });
    let shown = "";
    terminal.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      shown += chunk;
    });
    await once(terminal, "close");
    const pid = Number(/manager pid (\d+)/.exec(shown)?.[1]);
    expect([...descriptorsOf(pid).values()].filter((link) => link.startsWith("/dev/pts"))).toEqual([]);
    expect((await site.status()).apps[0]).toMatchObject({ app: "blog", state: "running" });
    expect(await site.run("reload")).toMatchObject({ code: 0 });
    const [worker] = (await site.status()).apps[0]?.workers ?? [];
    expect([...descriptorsOf(worker?.pid ?? 0).keys()]).toEqual([0, 1, 2]);
  });
});

describe("what does not start leaves nothing, and the reason:", () => {
  test("a program that dies again and again", async () => {
    const { code, stdout, stderr } = await site.run(
      "start",
      dying,
      "--name",
      "leftover",
      "--processes",
      "2",
      "--daemon",
    );
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(
      /error: Cannot start \S+: no worker gets ready, \d+ tries failed, the last one with exit code 3/,
    );
    expect(stderr).toMatch(/ {4}\| .+\n {2}try: /);
    nothingIsLeft();
  });

  test("a program that is not ready in time", async () => {
    const { code, stderr } = await site.run(
      "start",
      "/bin/sleep",
      "--name",
      "leftover",
      "--start-timeout",
      "300ms",
      "--daemon",
      "--",
      "60",
    );
    expect(code).toBe(1);
    // A slow machine looks a little later.
    expect(stderr).toMatch(/error: Cannot start \S+: worker 1 is not ready after (?:[3-9]\d\dms|[\d.]+s)\n/);
    nothingIsLeft();
  });

  test("an app of which only some workers start", async () => {
    const script = `test "$FCGI_PM_WORKER" = 2 && { echo not me >&2; exit 3; }; exec ${echo}`;
    const { code, stderr } = await site.run(
      ...["start", "/bin/sh", "--name", site.app, "--processes", "2", "--start-timeout", "5s", "--daemon"],
      ...["--", "-c", script],
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/error: Cannot start \S+: 1 of 2 workers are ready after 5s\n {4}\| not me\n/);
    nothingIsLeft();
  });

  test("a program that does not exist, and a config that is wrong", async () => {
    const missing = await site.run("start", "./none", "--daemon");
    expect(missing).toMatchObject({ code: 1, stdout: "" });
    expect(missing.stderr).toContain("error: ");
    expect(await site.run("start", "--config", "none.toml", "--daemon")).toMatchObject({ code: 5 });
    nothingIsLeft();
  });

  test("an app that runs already", async () => {
    const first = await site.run("start", echo, "--name", "blog", "--daemon");
    const second = await site.run("start", echo, "--name", "blog", "--daemon");
    expect(second).toMatchObject({ code: 1, stdout: "" });
    expect(second.stderr).toMatch(/Cannot listen on ".*blog.sock"/);
    expect(site.files()).toContain(`${pidIn(first.stdout)}.control`);
    expect((await site.status()).apps[0]).toMatchObject({ state: "running" });
  });
});

describe("while it waits", () => {
  const waiting = async () => {
    const args = ["start", slow, "--name", site.app, "--env", "BOOT_MS=600000", "--daemon"];
    const command = runManager(args, { env: { RUNTIME_DIRECTORY: site.runtime } });
    await command.notice("listener.bound");
    const [manager = 0] = childrenOf(command.pid);
    expect(manager).toBeGreaterThan(1);
    await until(() => childrenOf(manager).length > 0, { what: "a worker" });
    return { command, manager };
  };

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s stops everything", async (signal, code) => {
    const { command, manager } = await waiting();
    command.signal(signal);
    expect((await command.ended).code).toBe(code);
    expect(isAlive(manager)).toBe(false);
    nothingIsLeft();
  });

  test("a command that is killed takes its manager with it", async () => {
    const { command, manager } = await waiting();
    command.signal("SIGKILL");
    await until(() => !isAlive(manager), { what: "the end of the manager" });
    nothingIsLeft();
  });
});
