/** A running manager is asked and told everything by commands. */
import { chmodSync, copyFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { ask, isAlive, runManager, tryKill } from "../helpers/manager.ts";
import { behaviours, echoes, readEcho } from "../helpers/programs.ts";
import { useSite } from "../helpers/site.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(240_000);

const site = useSite();
const [echo = ""] = echoes.c.command;
const [dying = ""] = behaviours.diesAtOnce.command;

const program = () => join(site.directory, "program");
const config = () => join(site.directory, "fcgi-pm.toml");

/** Puts another program in the place of the one that runs, as a deploy does. */
function deploy(file: string): void {
  copyFileSync(file, `${program()}.new`);
  chmodSync(`${program()}.new`, 0o755);
  renameSync(`${program()}.new`, program());
}

function configure(processes: number, more = ""): void {
  writeFileSync(config(), `[apps.blog]\ncommand = "${program()}"\nprocesses = ${processes}\n${more}`);
}

/** An app `blog` with two workers, and its manager in the background. */
async function startBlog(): Promise<void> {
  deploy(echo);
  configure(2);
  expect(await site.run("start", "--daemon")).toMatchObject({ code: 0 });
}

const blog = async () => (await site.status()).apps[0];
const pids = async () => ((await blog())?.workers ?? []).map(({ pid }) => pid);
const answer = async () => readEcho((await ask(join(site.runtime, "blog.sock"))).body.toString());

describe("status", () => {
  test("is right when workers are killed, stopped and started", async () => {
    await startBlog();
    expect(await site.run("status")).toMatchObject({ code: 0 });
    expect(await blog()).toMatchObject({ state: "running", wanted: 2, ready: 2, busy: 0, idle: 2, generation: 1 });
    const [victim = 0] = await pids();
    tryKill(victim ?? 0);
    await until(async () => (await blog())?.restarts === 1 && (await blog())?.ready === 2, { what: "its successor" });
    expect((await blog())?.workers[0]?.lastExit).toMatchObject({ pid: victim, exit: { signal: "SIGKILL" } });
    expect((await site.run("stop", "blog")).stdout).toMatch(/^blog: stopped in /);
    expect(await site.run("status")).toMatchObject({ code: 3, stdout: expect.stringMatching(/^blog +stopped +0\/0/m) });
    expect((await site.run("restart", "blog")).stdout).toMatch(/^blog: restarted, 2 workers ready in /);
    expect(await site.run("status")).toMatchObject({ code: 0 });
    expect((await answer()).worker).toMatch(/^[12]$/);
  });

  test("clears away the control socket of a manager that was killed", async () => {
    await startBlog();
    const { manager, apps } = await site.status();
    const workers = (apps[0]?.workers ?? []).map(({ pid }) => pid ?? 0);
    tryKill(manager.pid);
    await until(() => !isAlive(manager.pid), { what: "its end" });
    for (const pid of workers) tryKill(-pid);
    expect(site.files()).toContain(`${manager.pid}.control`);
    expect(await site.run("status")).toMatchObject({ code: 3, stdout: expect.stringContaining("no manager runs") });
    expect(site.files()).not.toContain(`${manager.pid}.control`);
  });
});

describe("scale", () => {
  test("adds workers and drains some", async () => {
    await startBlog();
    expect((await site.run("scale", "blog", "4")).stdout).toMatch(/^blog: scaled to 4 workers in /);
    expect(await pids()).toHaveLength(4);
    expect((await site.run("scale", "blog", "-3")).stdout).toMatch(/^blog: scaled to 1 worker in /);
    expect(await pids()).toHaveLength(1);
    expect(await site.run("scale", "blog", "-1")).toMatchObject({ code: 2 });
    expect(await pids()).toHaveLength(1);
  });
});

describe("reload", () => {
  test("replaces the workers by those of the new program", async () => {
    await startBlog();
    const before = await pids();
    deploy(echo);
    const plan = await site.run("reload", "--dry-run");
    expect(plan).toMatchObject({ code: 0, stdout: expect.stringMatching(/^blog: would roll to generation 2/) });
    expect(await pids()).toEqual(before);
    const done = await site.run("reload");
    expect(done.stdout).toMatch(/^blog: rolled to generation 2, 2 of 2 workers replaced in /);
    expect((await pids()).filter((pid) => before.includes(pid))).toEqual([]);
  });

  test("that fails is taken back, and says why", async () => {
    await startBlog();
    const before = await pids();
    deploy(dying);
    const { code, stdout, stderr } = await site.run("reload");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(
      /^error: Cannot reload blog: the new workers failed, everything stays as it was: .*exit code 3/,
    );
    expect(stderr).toMatch(/\n {4}\| .+\n {2}try: /);
    expect(await pids()).toEqual(before);
    expect((await answer()).worker).toMatch(/^[12]$/);
  });

  test("applies what the config says anew, and refuses as a whole what is wrong", async () => {
    await startBlog();
    const before = await pids();
    configure(3);
    const scaled = await site.run("reload");
    expect(scaled).toMatchObject({ code: 0, stdout: expect.stringContaining("blog: scaled to 3 workers") });
    expect((await pids()).slice(0, 2)).toEqual(before);
    configure(4, "proceses = 1\n");
    const { code, stderr } = await site.run("reload");
    expect(code).not.toBe(0);
    expect(stderr).toContain("proceses");
    expect(await pids()).toHaveLength(3);
  });

  test("is what HUP does", async () => {
    await startBlog();
    const before = await pids();
    const { manager } = await site.status();
    deploy(echo);
    process.kill(manager.pid, "SIGHUP");
    await until(async () => (await blog())?.generation === 2 && (await blog())?.roll === null, { what: "the reload" });
    expect((await pids()).filter((pid) => before.includes(pid))).toEqual([]);
  });
});

describe("signal, env, logs", () => {
  test("reach the workers", async () => {
    await startBlog();
    const [first, second] = await pids();
    const sent = await site.run("signal", "blog", "kill", "--worker", "2");
    expect(sent.stdout).toBe(`blog: SIGKILL sent to worker 2, pid ${second}\n`);
    await until(async () => (await blog())?.restarts === 1, { what: "its death" });
    expect((await pids())[0]).toBe(first);
    const { stdout } = await site.run("env", "blog", "--worker", "2");
    expect(stdout).toContain("FCGI_PM_WORKER=2\n");
    const logs = await site.run("logs", "blog", "--worker", "2");
    expect(logs.stdout).toMatch(/^blog\/2 \S+ worker 2 died after .*: signal SIGKILL$/m);
    expect(logs.stdout).not.toContain("blog/1");
  });

  test("logs follow a manager to its end", async () => {
    await startBlog();
    const { manager } = await site.status();
    const following = runManager(["logs", "-f"], { env: { RUNTIME_DIRECTORY: site.runtime } });
    await until(() => following.stdout().includes("2 of 2 workers ready"), { what: "the past" });
    await site.run("reload", "blog");
    await until(() => following.stdout().includes("generation 2"), { what: "what comes" });
    await site.run("stop");
    expect(await following.ended).toMatchObject({ code: 0, stderr: `the manager (process ${manager.pid}) has ended` });
  });
});

test("no command starts a manager", async () => {
  for (const words of [
    ["status"],
    ["reload"],
    ["stop"],
    ["restart"],
    ["logs"],
    ["scale", "blog", "2"],
    ["env", "blog"],
  ]) {
    expect(await site.run(...words)).toMatchObject({ code: 3 });
  }
  expect(site.files()).toEqual([]);
});
