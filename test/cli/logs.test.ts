/** `fcgi-pm logs` and `fcgi-pm env`. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import type { LogsQuery } from "../../src/control/protocol.ts";
import { FcgiPmError } from "../../src/errors.ts";
import type { LogLine } from "../../src/observe/story.ts";
import { bin } from "../helpers/manager.ts";
import { until } from "../helpers/wait.ts";
import { blog, shop } from "../observe/samples.ts";
import { type Part, showing, statusOf, useStage } from "./stage.ts";

jest.setTimeout(60_000);

const stage = useStage();

function said(second: number, text: string, more: Partial<LogLine> = {}): LogLine {
  const time = `2026-11-21T04:21:${String(second).padStart(2, "0")}.000Z`;
  return { time, app: "blog", worker: 1, pid: 42, stream: "stdout", text, ...more };
}

/** Has these lines, and follows with those it is given. */
function writer(pid: number, lines: readonly LogLine[]): Part & { queries: LogsQuery[]; say(line: LogLine): void } {
  const queries: LogsQuery[] = [];
  let say = (_line: LogLine) => {};
  return {
    ...showing(statusOf(pid, pid === 101 ? blog : shop)),
    queries,
    say: (line) => say(line),
    logs: (query) => {
      queries.push(query);
      return lines;
    },
    followLogs: (_query, onLine) => {
      say = onLine;
      return () => {};
    },
  };
}

describe("logs", () => {
  test("shows app and worker, time and text, one below the other", async () => {
    const { worker, pid, stream, ...notice } = said(2, "2 of 2 workers ready", { notice: "pool.ready" });
    expect([worker, pid, stream]).toEqual([1, 42, "stdout"]);
    await stage.play("1", writer(101, [said(1, "hello"), notice, said(3, "\x1b[31mred")]));
    const { code, stdout } = await stage.run("logs");
    expect(code).toBe(0);
    expect(stdout.split("\n")).toEqual([
      "blog/1 2026-11-21T04:21:01.000Z hello",
      "blog   2026-11-21T04:21:02.000Z 2 of 2 workers ready",
      "blog/1 2026-11-21T04:21:03.000Z \\x1b[31mred",
      "",
    ]);
  });

  test.each([
    [["logs"], { lines: 100 }],
    [["logs", "blog"], { lines: 100, app: "blog" }],
    [["logs", "-n", "0"], { lines: 0 }],
    [["logs", "blog", "-n", "5", "--worker", "2"], { lines: 5, app: "blog", worker: 2 }],
  ])("%j asks for %j", async (words, query) => {
    const manager = writer(101, []);
    await stage.play("1", manager);
    expect(await stage.run(...words)).toMatchObject({ code: 0, stdout: "" });
    expect(manager.queries).toEqual([query]);
  });

  test("as JSON gives the manager's own objects, one a line", async () => {
    const lines = [said(1, "one\x1b"), said(2, "two")];
    await stage.play("1", writer(101, lines));
    const { stdout } = await stage.run("logs", "--json");
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual(lines);
  });

  test("of several managers come in the order of time", async () => {
    await stage.play("1", writer(101, [said(1, "first"), said(3, "third")]));
    await stage.play("2", writer(102, [said(2, "second", { app: "shop" })]));
    const { stdout } = await stage.run("logs");
    expect(stdout.match(/first|second|third/g)).toEqual(["first", "second", "third"]);
  });

  test("follows until the manager ends, and says so", async () => {
    const manager = writer(101, [said(1, "before")]);
    const path = await stage.play("1", manager);
    const following = stage.start("logs", "blog", "-f");
    await until(() => following.output().includes("before"), { what: "the past" });
    manager.say(said(2, "after"));
    await until(() => following.output().includes("after"), { what: "what comes" });
    await stage.leave(path);
    expect(await following.ended).toMatchObject({ code: 0, stderr: "the manager (process 101) has ended" });
  });

  test("says so, too, when the manager is killed", async () => {
    const mortal = createServer((incoming, outgoing) => {
      if (incoming.url?.startsWith("/v1/status")) outgoing.end(JSON.stringify(statusOf(101, blog)));
      else outgoing.write(`${JSON.stringify(said(1, "last words"))}\n`);
    });
    mortal.listen(join(stage.controls, "1.control"));
    const following = stage.start("logs", "-f");
    await until(() => following.output().includes("last words"), { what: "the past" });
    mortal.close().closeAllConnections();
    expect(await following.ended).toMatchObject({ code: 0, stderr: "the manager (process 101) has ended" });
  });

  test("ends without a word when its reader has gone", async () => {
    const many = Array.from({ length: 5000 }, (_, index) => said(1, `line ${index} ${"x".repeat(100)}`));
    await stage.play("1", writer(101, many));
    const line = `'${process.execPath}' '${bin}' logs -f; echo "status $?" >&2`;
    const env = { ...process.env, RUNTIME_DIRECTORY: stage.directory };
    const shell = spawn("bash", ["-c", `(${line}) | head -n 1`], { env, stdio: ["ignore", "pipe", "pipe"] });
    let stderr = "";
    shell.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      stderr += chunk;
    });
    shell.stdout.resume();
    await once(shell, "close");
    expect(stderr).toBe("status 0\n");
  });
});

describe("env", () => {
  const answer = {
    version: 1,
    app: "blog",
    worker: 2,
    pid: 42,
    env: { PATH: "/bin", B: "two words", A: "x\ny" },
  } as const;

  test("shows the variables as a shell reads them, in the kernel's order", async () => {
    const asked: unknown[] = [];
    const env = (...words: unknown[]) => {
      asked.push(words);
      return answer;
    };
    await stage.play("1", { ...showing(statusOf(101, blog)), env });
    const { code, stdout } = await stage.run("env", "blog");
    expect([code, stdout]).toEqual([0, "PATH=/bin\nB='two words'\nA=$'x\\ny'\n"]);
    const json = await stage.run("env", "blog", "--worker", "2", "--json");
    expect(JSON.parse(json.stdout)).toEqual(answer);
    expect(asked).toEqual([
      ["blog", undefined],
      ["blog", 2],
    ]);
  });

  test("of an app without workers is an error", async () => {
    const env = () => {
      throw new FcgiPmError("FCGI_PM_APP_STOPPED", "There is no worker of blog at this moment");
    };
    await stage.play("1", { ...showing(statusOf(101, blog)), env });
    const { code, stdout, stderr } = await stage.run("env", "blog");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("There is no worker of blog");
  });
});
