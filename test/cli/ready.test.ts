/** `fcgi-pm status --ready`, as probes ask. */
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import type { AppStatus } from "../../src/observe/status.ts";
import { blog, death, mailer, shop } from "../observe/samples.ts";
import { showing, statusOf, useStage } from "./stage.ts";

jest.setTimeout(60_000);

const stage = useStage();

const degraded: AppStatus = { ...blog, state: "degraded", wanted: 4, ready: 1, busy: 1, idle: 0 };
const starting: AppStatus = { ...blog, state: "starting", wanted: 4, ready: 0, busy: 0, idle: 0 };
const stopping: AppStatus = { ...starting, state: "stopping", wanted: 0 };
const stopped: AppStatus = { ...stopping, state: "stopped" };
const looping: AppStatus = { ...starting, state: "backoff", lastExit: death };
const silent = { stdout: "", stderr: "" };

describe("of one app", () => {
  test.each([
    ["all workers are ready", blog],
    ["one of four is ready, and busy", degraded],
  ])("is 0, without a word, when %s", async (_when, app) => {
    await stage.play("1", showing(statusOf(1, app, shop)));
    expect(await stage.run("status", "--app", "blog", "--ready")).toMatchObject({ code: 0, ...silent });
  });

  test.each([
    [4, "it starts", starting, "blog: starting, 0 of 4 workers ready\n"],
    [4, "it stops", stopping, "blog: stopping, 0 of 0 workers ready\n"],
    [3, "it is stopped", stopped, "blog: stopped, 0 of 0 workers ready\n"],
  ])("is %d when %s, and says so in one line", async (code, _when, app, stdout) => {
    await stage.play("1", showing(statusOf(1, app, mailer)));
    expect(await stage.run("status", "--ready", "blog")).toMatchObject({ code, stdout, stderr: "" });
  });

  test("is 4 in a crash loop, and says how the last worker died", async () => {
    await stage.play("1", showing(statusOf(1, looping)));
    const { code, stdout } = await stage.run("status", "--app=blog", "--ready");
    expect(code).toBe(4);
    expect(stdout).toMatch(/^blog: backoff, 0 of 4 workers ready; worker 2: exit code 1, .+ ago\n$/);
  });
});

describe("of all apps", () => {
  test("is 0 when each of every manager is served", async () => {
    await stage.play("1", showing(statusOf(1, degraded)));
    await stage.play("2", showing(statusOf(2, mailer)));
    expect(await stage.run("status", "--ready")).toMatchObject({ code: 0, ...silent });
  });

  test("is 4 when one is not, and names that one", async () => {
    await stage.play("1", showing(statusOf(1, mailer, starting)));
    const stdout = "blog: starting, 0 of 4 workers ready\n";
    expect(await stage.run("status", "--ready")).toMatchObject({ code: 4, stdout, stderr: "" });
  });

  test("is 3 when no manager runs", async () => {
    const stdout = `no manager runs: there is none in ${stage.controls}\n`;
    expect(await stage.run("status", "--ready")).toMatchObject({ code: 3, stdout, stderr: "" });
  });
});

test("an app that nobody has is an error", async () => {
  await stage.play("1", showing(statusOf(1, blog)));
  const { code, stderr } = await stage.run("status", "--app", "nobody", "--ready");
  expect([code, stderr]).toEqual([3, expect.stringContaining('There is no app "nobody"')]);
});

test("a manager that does not answer as one is an error", async () => {
  await stage.play("1", showing(statusOf(1, blog)));
  const stranger = createServer((socket) => socket.end("what?\r\n\r\n"));
  await new Promise<void>((resolve) => stranger.listen(join(stage.controls, "2.control"), resolve));
  try {
    const { code, stderr } = await stage.run("status", "--ready");
    expect([code, stderr]).toEqual([1, expect.stringContaining("2.control")]);
  } finally {
    stranger.close();
  }
});

test("as JSON the answer is that of status, with the exit status of the probe", async () => {
  const status = statusOf(1, degraded);
  await stage.play("1", showing(status));
  const { code, stdout } = await stage.run("status", "--ready", "--json");
  expect([code, JSON.parse(stdout)]).toEqual([0, { version: 1, managers: [status] }]);
});

describe("without --ready", () => {
  test("--app is the app that is asked for", async () => {
    await stage.play("1", showing(statusOf(1, blog, shop)));
    const [named, given] = [await stage.run("status", "--app", "shop"), await stage.run("status", "shop")];
    expect(named.code).toBe(4);
    expect(named.stdout.split("\n")[1]).toBe(given.stdout.split("\n")[1]);
  });

  test("a degraded app is not as it should be", async () => {
    await stage.play("1", showing(statusOf(1, degraded)));
    expect((await stage.run("status", "--app", "blog")).code).toBe(4);
  });
});

test.each([
  ["two apps", ["blog", "--app", "shop"], 'Cannot ask for "blog" and --app shop at once'],
  ["--ready and --watch", ["--ready", "--watch"], "cannot be used with option"],
])("%s at once are a mistake", async (_what, words, message) => {
  const { code, stderr } = await stage.run("status", ...words);
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
});
