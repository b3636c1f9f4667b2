/** `fcgi-pm status` as people and programs see it. */
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { execa } from "execa";
import { bin } from "../helpers/manager.ts";
import { blog, mailer, shop } from "../observe/samples.ts";
import { showing, statusOf, useStage } from "./stage.ts";

jest.setTimeout(60_000);

const stage = useStage();

describe("the exit status is", () => {
  const stopped = { ...blog, app: "old", state: "stopped" } as const;
  const starting = { ...blog, app: "new", state: "starting" } as const;

  test.each([
    [0, "all apps are running", [blog, mailer]],
    [3, "no app runs", [stopped]],
    [3, "there is no app", []],
    [4, "an app is in a crash loop", [blog, shop]],
    [4, "an app is stopped", [blog, stopped]],
    [4, "an app starts", [starting]],
  ])("%d when %s", async (code, _when, apps) => {
    await stage.play("1", showing(statusOf(1, ...apps)));
    expect(await stage.run("status")).toMatchObject({ code, stderr: "" });
  });

  test("3 when no manager runs, which is no error", async () => {
    const { code, stdout, stderr } = await stage.run("status");
    expect([code, stderr]).toEqual([3, ""]);
    expect(stdout).toBe(`no manager runs: there is none in ${stage.controls}\n`);
  });

  test("3 for another user than root, who is told where root's managers are", async () => {
    const as = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    // The checkout may lie where this user may not enter.
    as.push("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search");
    const setUp = 'mount -t tmpfs none /run && mkdir /run/fcgi-pm && exec "$@"';
    const run = (...words: string[]) => {
      const args = [
        "--mount",
        "sh",
        "-c",
        setUp,
        "sh",
        ...as,
        "env",
        "-u",
        "RUNTIME_DIRECTORY",
        "-u",
        "XDG_RUNTIME_DIR",
      ];
      return execa("unshare", [...args, process.execPath, bin, ...words], { reject: false });
    };
    const { exitCode, stdout } = await run("status");
    expect([exitCode, stdout]).toEqual([
      3,
      "no manager runs: there is none in /tmp/fcgi-pm-65534/control; those of /run/fcgi-pm are seen by their user and by root",
    ]);
    const reload = await run("reload", "blog");
    expect([reload.exitCode, reload.stderr.split("\n")]).toEqual([
      3,
      ["error: No manager of this user is running", expect.stringContaining("as root, or as the manager's user")],
    ]);
  });

  test("that of one app when one is asked for", async () => {
    await stage.play("1", showing(statusOf(1, blog, shop)));
    expect(await stage.run("status", "blog")).toMatchObject({ code: 0 });
    expect(await stage.run("status", "shop")).toMatchObject({ code: 4 });
  });
});

describe("piped", () => {
  test("has a row for each app of every manager, without colours, with all columns", async () => {
    await stage.play("1", showing(statusOf(101, blog)));
    await stage.play("2", showing(statusOf(102, mailer)));
    const { stdout } = await stage.run("status");
    const [head, first, second, ...others] = stdout.trimEnd().split("\n");
    expect(head).toMatch(/^APP .* MANAGER +ADDRESS$/);
    expect(first).toMatch(/^blog +running .* 101 +\/run\/fcgi-pm\/blog.sock$/);
    expect(second).toMatch(/^mailer +running .* 102 +-$/);
    expect(others).toEqual([]);
  });

  test("of one app has its workers and their last words, and nothing of other apps", async () => {
    await stage.play("1", showing(statusOf(101, blog, shop)));
    const { stdout } = await stage.run("status", "shop");
    for (const part of ["WORKER", "127.0.0.1:9000", "  | Traceback", "next try in 1.6s"])
      expect(stdout).toContain(part);
    expect(stdout).not.toContain("blog");
    expect(stdout).not.toContain("\x1b");
  });
});

describe("as JSON", () => {
  test("is every manager's own answer, in one shape", async () => {
    const [one, two] = [statusOf(101, blog), statusOf(102, shop)];
    await stage.play("1", showing(one));
    await stage.play("2", showing(two));
    const { code, stdout } = await stage.run("status", "--json");
    expect([code, JSON.parse(stdout)]).toEqual([4, { version: 1, managers: [one, two] }]);
  });

  test("of one app has the managers that have it, with that app alone", async () => {
    await stage.play("1", showing(statusOf(101, blog)));
    await stage.play("2", showing(statusOf(102, shop, mailer)));
    const { stdout } = await stage.run("status", "shop", "--json");
    expect(JSON.parse(stdout)).toEqual({ version: 1, managers: [statusOf(102, shop)] });
  });

  test("without a manager has none", async () => {
    const { code, stdout } = await stage.run("status", "--json");
    expect([code, JSON.parse(stdout)]).toEqual([3, { version: 1, managers: [] }]);
  });
});

test("an app that nobody has is an error, in words or as JSON", async () => {
  await stage.play("1", showing(statusOf(101, blog)));
  const words = await stage.run("status", "shop");
  expect(words).toMatchObject({ code: 3, stdout: "" });
  expect(words.stderr).toBe(
    'error: There is no app "shop", only blog\n  try: fcgi-pm status shows which apps there are',
  );
  const json = await stage.run("status", "shop", "--json");
  expect(json).toMatchObject({ code: 3, stdout: "" });
  expect(JSON.parse(json.stderr)).toEqual({
    error: {
      code: "FCGI_PM_APP_UNKNOWN",
      message: 'There is no app "shop", only blog',
      remedy: "fcgi-pm status shows which apps there are",
    },
  });
});

test("--control names one manager, wherever its socket lies", async () => {
  await stage.play("1", showing(statusOf(101, blog)));
  const path = await stage.play("2", showing(statusOf(102, shop)));
  const { stdout } = await stage.run("status", "--control", path, "--json");
  expect(JSON.parse(stdout)).toEqual({ version: 1, managers: [statusOf(102, shop)] });
  const nobody = await stage.run("status", "--control", join(stage.directory, "none.control"));
  expect(nobody).toMatchObject({ code: 3, stdout: "" });
  expect(nobody.stderr).toContain("No manager listens at");
});

test("a manager that does not answer as one is named, and the others are shown all the same", async () => {
  await stage.play("1", showing(statusOf(101, blog)));
  const stranger = createServer((socket) => socket.end("what?\r\n\r\n"));
  await new Promise<void>((resolve) => stranger.listen(join(stage.controls, "2.control"), resolve));
  try {
    const { code, stdout, stderr } = await stage.run("status");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^blog +running/m);
    expect(stderr).toContain("2.control");
  } finally {
    stranger.close();
  }
});

describe("on a terminal", () => {
  test("the table has colours and is as wide as the screen at most", async () => {
    await stage.play("1", showing(statusOf(101, blog, shop)));
    const { stdout, code } = await stage.onTerminal({ columns: 60, rows: 20 }, "status").ended;
    expect(code).toBe(4);
    expect(stdout).toContain("\x1b[32mrunning\x1b[39m");
    for (const line of stdout.replace(/\x1b\[\d+m/g, "").split("\r\n")) expect(line.length).toBeLessThanOrEqual(60);
  });
});
