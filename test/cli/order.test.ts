/** Commands that tell a manager something: what it is told, and what is said of what came of it. */
import { type ChildProcess, spawn } from "node:child_process";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import type { AppOutcome, CommandAnswer } from "../../src/control/protocol.ts";
import { FcgiPmError } from "../../src/errors.ts";
import { until } from "../helpers/wait.ts";
import { blog, shop } from "../observe/samples.ts";
import { type Part, showing, statusOf, useStage } from "./stage.ts";

jest.setTimeout(60_000);

const stage = useStage();

const done: AppOutcome = {
  app: "blog",
  action: "rolled",
  changes: ["the program has changed"],
  result: "done",
  generation: 3,
  wanted: 4,
  tookMs: 112,
};

const answer = (...apps: AppOutcome[]): CommandAnswer => ({ version: 1, apps });

/** Writes down what it is told. */
function recorder(): Part & { readonly told: unknown[] } {
  const told: unknown[] = [];
  const note =
    (name: string) =>
    async (...words: unknown[]) => {
      told.push([name, ...words]);
      return answer(done);
    };
  return {
    ...showing(statusOf(101, blog, shop)),
    told,
    stop: note("stop"),
    restart: note("restart"),
    reload: note("reload"),
    scale: note("scale"),
    signal: (...words) => {
      told.push(["signal", ...words]);
      return { version: 1, app: "blog", signal: "SIGUSR1", workers: [{ worker: 2, pid: 42 }] };
    },
  };
}

describe("the manager is told", () => {
  test.each([
    [
      ["stop", "blog"],
      ["stop", "blog", {}],
    ],
    [
      ["stop", "blog", "--now"],
      ["stop", "blog", { now: true }],
    ],
    [
      ["restart", "blog"],
      ["restart", "blog"],
    ],
    [["restart"], ["restart", undefined]],
    [
      ["reload", "blog"],
      ["reload", "blog", {}],
    ],
    [["reload"], ["reload", undefined, {}]],
    [
      ["reload", "--all", "--dry-run", "--batch", "2"],
      ["reload", undefined, { all: true, dryRun: true, batch: 2 }],
    ],
    [
      ["scale", "blog", "8"],
      ["scale", "blog", { processes: 8 }],
    ],
    [
      ["scale", "blog", "+2"],
      ["scale", "blog", { by: 2 }],
    ],
    [
      ["scale", "blog", "-2"],
      ["scale", "blog", { by: -2 }],
    ],
    [
      ["scale", "blog", "-2", "--json"],
      ["scale", "blog", { by: -2 }],
    ],
    [
      ["signal", "blog", "sigusr1"],
      ["signal", "blog", { signal: "USR1" }],
    ],
    [
      ["signal", "blog", "USR1", "--worker", "2"],
      ["signal", "blog", { signal: "USR1", worker: 2 }],
    ],
  ])("by %j: %j", async (words, order) => {
    const manager = recorder();
    await stage.play("1", manager);
    expect(await stage.run(...words)).toMatchObject({ code: 0, stderr: "" });
    expect(manager.told).toEqual([order]);
  });
});

describe("what came of it", () => {
  test("is said in words, or as the manager's own object", async () => {
    await stage.play("1", recorder());
    const words = await stage.run("reload", "blog");
    expect(words.stdout).toBe(
      "blog: rolled to generation 3, 4 of 4 workers replaced in 112ms\n  the program has changed\n",
    );
    const json = await stage.run("reload", "blog", "--json");
    expect(JSON.parse(json.stdout)).toEqual(answer(done));
    const signalled = await stage.run("signal", "blog", "USR1");
    expect(signalled.stdout).toBe("blog: SIGUSR1 sent to worker 2, pid 42\n");
  });

  test("of a roll that was taken back is an error with the worker's last lines", async () => {
    const reason = "worker 5 died before it was ready, after 3ms: exit code 3";
    const back: AppOutcome = { ...done, app: "shop", result: "taken-back", reason, lastLines: ["no database\x07"] };
    await stage.play("1", { ...recorder(), reload: async () => answer(done, back) });
    const words = await stage.run("reload");
    expect(words.code).toBe(1);
    expect(words.stdout).toMatch(/^blog: rolled to generation 3/);
    expect(words.stderr.split("\n")).toEqual([
      `error: Cannot reload shop: the new workers failed, everything stays as it was: ${reason}`,
      "    | no database\\x07",
      expect.stringMatching(/^ {2}try: /),
    ]);
    const json = await stage.run("reload", "--json");
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toEqual(answer(done, back));
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: "FCGI_PM_ROLL_TAKEN_BACK", details: [back] } });
  });

  test("that the manager answers as an error is shown with what was done besides", async () => {
    const failed: AppOutcome = { ...done, app: "shop", result: "failed", lastLines: ["boom"] };
    const error = new FcgiPmError("FCGI_PM_COMMAND_FAILED", "Cannot restart shop", { details: [done, failed] });
    await stage.play("1", { ...recorder(), restart: () => Promise.reject(error) });
    const { code, stdout, stderr } = await stage.run("restart");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^blog: rolled/);
    expect(stderr).toMatch(/^error: Cannot restart shop: its workers do not start.*\n {4}\| boom\n {2}try: /);
  });
});

describe("of several managers", () => {
  const shopkeeper = () => ({ ...recorder(), ...showing(statusOf(102, shop)) });

  test("the one that has the app is told", async () => {
    const [one, two] = [{ ...recorder(), ...showing(statusOf(101, blog)) }, shopkeeper()];
    await stage.play("1", one);
    await stage.play("2", two);
    expect(await stage.run("scale", "shop", "2")).toMatchObject({ code: 0 });
    expect([one.told, two.told]).toEqual([[], [["scale", "shop", { processes: 2 }]]]);
  });

  test("each is told to reload, and what one of them cannot do does not keep the other from it", async () => {
    const [one, two] = [recorder(), shopkeeper()];
    const refusal = new FcgiPmError("FCGI_PM_RELOAD_REFUSED", "Cannot read the config", { remedy: "mend it" });
    await stage.play("1", { ...one, reload: () => Promise.reject(refusal) });
    await stage.play("2", two);
    const { code, stdout, stderr } = await stage.run("reload");
    expect([code, stderr]).toEqual([1, "error: Cannot read the config\n  try: mend it"]);
    expect(stdout).toMatch(/^blog: rolled/);
    expect(two.told).toEqual([["reload", undefined, {}]]);
  });

  test("none is told when it is not clear which one is meant", async () => {
    const [one, two] = [recorder(), recorder()];
    const paths = [await stage.play("1", one), await stage.play("2", two)];
    for (const words of [["stop"], ["stop", "blog"], ["scale", "shop", "2"]]) {
      const { code, stderr } = await stage.run(...words);
      expect(code).toBe(2);
      for (const path of paths) expect(stderr).toContain(path);
      expect(stderr).toContain("--control PATH");
    }
    expect([one.told, two.told]).toEqual([[], []]);
    expect(await stage.run("stop", "blog", "--control", paths[1] ?? "")).toMatchObject({ code: 0 });
    expect([one.told, two.told]).toEqual([[], [["stop", "blog", {}]]]);
  });
});

describe("what cannot be done:", () => {
  test.each([
    ["no manager", ["reload"], 3, "FCGI_PM_MANAGER_MISSING"],
    ["no number", ["scale", "blog", "many"], 2, "FCGI_PM_USAGE_WRONG"],
    ["no signal", ["signal", "blog", "NONE"], 2, "FCGI_PM_USAGE_WRONG"],
    ["no such flag", ["reload", "--quickly"], 2, "FCGI_PM_USAGE_WRONG"],
    ["no app given", ["scale"], 2, "FCGI_PM_USAGE_WRONG"],
  ])("%s, said in words or as JSON", async (_what, words, code, name) => {
    const inWords = await stage.run(...words);
    expect(inWords).toMatchObject({ code, stdout: "" });
    expect(inWords.stderr).toMatch(/^error: /);
    const asJson = await stage.run(...words, "--json");
    expect(asJson).toMatchObject({ code, stdout: "" });
    expect(JSON.parse(asJson.stderr)).toMatchObject({ error: { code: name } });
  });
});

describe("stop without an app", () => {
  const processes: ChildProcess[] = [];

  afterEach(() => {
    for (const child of processes.splice(0)) child.kill("SIGKILL");
  });

  test("returns when the manager's process has ended, not before", async () => {
    const child = spawn("sleep", ["100"]);
    processes.push(child);
    let isAnswered = false;
    await stage.play("1", {
      ...showing(statusOf(child.pid ?? 0, blog)),
      stopManager: async () => {
        isAnswered = true;
        return answer({ ...done, action: "stopped", changes: [] });
      },
    });
    const stop = stage.start("stop");
    await until(() => stop.output().startsWith("blog: stopped"), { what: "the answer" });
    // Long enough for a command to come to its end.
    expect(await stage.run("status")).toMatchObject({ code: 0 });
    expect([isAnswered, stop.child.exitCode]).toEqual([true, null]);
    child.kill();
    const { code, stdout } = await stop.ended;
    expect(code).toBe(0);
    expect(stdout).toBe(`blog: stopped in 112ms\nthe manager (process ${child.pid}) has ended\n`);
  });
});

describe("on a terminal", () => {
  test("a line shows how far it is, and is gone at the end", async () => {
    const steps = [0, 1, 2].map((count) => ({ ...blog, roll: { from: 1, to: 2, done: count, of: 4 } }));
    let step = 0;
    let tell = () => {};
    let finish = (_answer: CommandAnswer) => {};
    await stage.play("1", {
      status: () => statusOf(101, steps[step] ?? blog),
      reload: () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
      followEvents: (onEvent) => {
        tell = () => onEvent({ time: "2026-11-21T04:21:37.880Z", level: "debug", notice: "roll.advanced", msg: "" });
        return () => {};
      },
    });
    const reload = stage.onTerminal({ columns: 80, rows: 20 }, "reload", "blog");
    for (const next of steps.keys()) {
      step = next;
      const sentence = `\r\x1b[Kblog: ${step} of 4 workers replaced`;
      await until(
        () => {
          tell();
          return reload.output().includes(sentence);
        },
        { what: sentence, everyMs: 60 },
      );
    }
    finish(answer(done));
    const { code, stdout } = await reload.ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/2 of 4 workers replaced\r\x1b\[Kblog: rolled to generation 3/);
  });

  test("Ctrl-C ends the command, not what was begun, and takes the line away", async () => {
    const moving = { ...blog, roll: { from: 1, to: 2, done: 1, of: 4 } };
    let tell = () => {};
    await stage.play("1", {
      status: () => statusOf(101, moving),
      reload: () => new Promise(() => {}),
      followEvents: (onEvent) => {
        tell = () => onEvent({ time: "2026-11-21T04:21:37.880Z", level: "debug", notice: "roll.advanced", msg: "" });
        return () => {};
      },
    });
    const reload = stage.onTerminal({ columns: 80, rows: 20 }, "reload", "blog");
    await until(
      () => {
        tell();
        return reload.output().includes("1 of 4 workers replaced");
      },
      { what: "the line", everyMs: 60 },
    );
    reload.child.stdin?.write("\x03");
    const { code, stdout } = await reload.ended;
    expect(code).toBe(130);
    expect(stdout).toMatch(/\r\x1b\[Kwhat was begun goes on: fcgi-pm status shows how far it is\r\n$/);
  });
});
