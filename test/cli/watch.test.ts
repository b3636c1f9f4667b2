/** `fcgi-pm status --watch` on a real terminal. */
import { once } from "node:events";
import { readlinkSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { execa } from "execa";
import { childrenOf } from "../helpers/manager.ts";
import { until } from "../helpers/wait.ts";
import { blog, mailer, shop } from "../observe/samples.ts";
import { type Running, showing, statusOf, useStage } from "./stage.ts";

jest.setTimeout(60_000);

const stage = useStage();

const size = { columns: 70, rows: 12 };
const screenTaken = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const screenGivenBack = "\x1b[?7h\x1b[?25h\x1b[?1049l";
const styles = /\x1b\[\d+m/g;

/** What the terminal shows now: the frame that was painted last. */
function screenOf(watch: Running): string[] {
  const frame = watch.output().split("\x1b[H").at(-1) ?? "";
  return frame
    .replace(/\x1b\[J.*$/s, "")
    .replace(styles, "")
    .split("\x1b[K")
    .map((line) => line.trim());
}

const shows = (watch: Running, text: string) =>
  until(() => screenOf(watch).some((line) => line.includes(text)), { what: `"${text}" on the screen` });

describe("status --watch", () => {
  test("shows the status anew and anew, in place", async () => {
    let state: "running" | "degraded" = "running";
    await stage.play("1", { status: () => statusOf(101, { ...blog, state }) });
    const watch = stage.onTerminal(size, "status", "--watch", "--interval", "100ms");
    await shows(watch, "running");
    expect(screenOf(watch)[0]).toMatch(/^fcgi-pm status {2}\d\d:\d\d:\d\d {2}every 100ms, q ends$/);
    state = "degraded";
    await shows(watch, "degraded");
    expect(watch.output()).not.toContain("\x1b[2J");
    watch.child.stdin?.write("q");
    expect((await watch.ended).code).toBe(0);
  });

  test.each(["q", "\x03"])("ends with 0 on %j, and gives the screen back", async (key) => {
    await stage.play("1", showing(statusOf(101, blog)));
    const watch = stage.onTerminal(size, "status", "--watch");
    await shows(watch, "running");
    expect(watch.output()).toContain(screenTaken);
    expect(watch.output()).not.toContain(screenGivenBack);
    watch.child.stdin?.write(key);
    const { code, stdout } = await watch.ended;
    expect(code).toBe(0);
    expect(stdout.endsWith(screenGivenBack)).toBe(true);
  });

  test("ends at once while a manager is silent", async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(join(stage.controls, "1.control"), resolve));
    try {
      const connected = once(silent, "connection");
      const watch = stage.onTerminal(size, "status", "--watch");
      const [socket] = (await connected) as [Socket];
      watch.child.stdin?.write("q");
      const { code, stdout } = await watch.ended;
      expect([code, stdout.includes("does not answer")]).toEqual([0, false]);
      socket.destroy();
    } finally {
      silent.close();
    }
  });

  test("goes on when the manager ends, and shows the next one", async () => {
    const path = await stage.play("1", showing(statusOf(101, blog)));
    const watch = stage.onTerminal(size, "status", "--watch", "--interval", "100ms");
    await shows(watch, "running");
    await stage.leave(path);
    await shows(watch, "no manager runs");
    await stage.play("2", showing(statusOf(102, shop)));
    await shows(watch, "backoff");
  });

  test("of one app shows its workers", async () => {
    await stage.play("1", showing(statusOf(101, blog, shop)));
    const watch = stage.onTerminal({ ...size, rows: 30 }, "status", "shop", "--watch");
    await shows(watch, "Traceback");
    expect(screenOf(watch)[0]).toContain("fcgi-pm status shop");
    expect(screenOf(watch).join("\n")).not.toContain("blog");
  });

  test("says how much does not fit the height", async () => {
    const apps = Array.from({ length: 20 }, (_, index) => ({ ...mailer, app: `mailer${index}` }));
    await stage.play("1", showing(statusOf(101, ...apps)));
    const watch = stage.onTerminal(size, "status", "--watch");
    await shows(watch, "… 12 more lines");
    expect(screenOf(watch).filter((line) => line !== "").length).toBeLessThanOrEqual(size.rows);
  });

  test("follows the terminal's size", async () => {
    await stage.play("1", showing(statusOf(101, blog)));
    const watch = stage.onTerminal(size, "status", "--watch", "--interval", "1h");
    await shows(watch, "running");
    expect(screenOf(watch).join("\n")).not.toContain("ADDRESS");
    await execa("stty", ["-F", terminalOf(watch), "cols", "150"]);
    await shows(watch, "ADDRESS");
  });

  test("gives the screen back when it is ended by a signal", async () => {
    await stage.play("1", showing(statusOf(101, blog)));
    const watch = stage.onTerminal(size, "status", "--watch");
    await shows(watch, "running");
    const [command = 0] = childrenOf(watch.child.pid ?? 0);
    process.kill(command, "SIGTERM");
    const { code, stdout } = await watch.ended;
    expect(code).toBe(143);
    expect(stdout.endsWith(screenGivenBack)).toBe(true);
  });
});

/** The terminal that `script` has made for it. */
function terminalOf(watch: Running): string {
  const [command] = childrenOf(watch.child.pid ?? 0);
  return readlinkSync(`/proc/${command}/fd/1`);
}

describe("is refused", () => {
  test("without a terminal", async () => {
    const { code, stdout, stderr } = await stage.run("status", "--watch");
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toBe("error: --watch needs a terminal to refresh\n  try: fcgi-pm status");
  });

  test.each([
    [["--json"], "--watch is for people"],
    [["--interval", "5"], "at least 100ms"],
    [["--interval", "1ms"], "at least 100ms"],
  ])("with %j", async (words, why) => {
    const { code, stdout } = await stage.onTerminal(size, "status", "--watch", ...words).ended;
    expect(code).toBe(2);
    expect(stdout).toContain(why);
    expect(stdout).not.toContain(screenTaken);
  });
});
