/** The one stream: real files, real followers. What a worker writes comes in as the records that its pipes give. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { App } from "../../src/config/app.ts";
import { appFromFlags } from "../../src/config/parse.ts";
import { type Journal, openJournal } from "../../src/manager/journal.ts";
import { recordOf } from "../../src/observe/record.ts";
import type { EventLine, LogLine } from "../../src/observe/story.ts";
import { openLog } from "../../src/os/log.ts";
import { until } from "../helpers/wait.ts";

let directory: string;
let journal: Journal;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fpm-"));
  journal = openJournal();
});

afterEach(async () => {
  await journal.close(20_000);
  rmSync(directory, { recursive: true });
});

const pathOf = (name: string) => join(directory, name);
const time = "2026-11-21T04:24:51.527Z";

function write(text: string, app = "blog", worker = 1): void {
  journal.line(recordOf(text, { app, worker, pid: 100 + worker, stream: "stdout" }, time));
}

function attachLog(): void {
  journal.attach(openLog({ format: "json", file: pathOf("log") }));
}

function appOf(flags: Record<string, unknown>, name = "blog"): App {
  const context = {
    runtimeDirectory: "/run/x",
    directory,
    resolvePath: resolve,
    directoryOf: (file: string) => join(file, ".."),
  };
  return appFromFlags(name, ["/bin/cat"], flags, context);
}

interface Logged {
  readonly msg: string;
  readonly notice?: string;
  readonly [field: string]: unknown;
}

/** The whole lines of a file, so far. */
function logged(name: string): Logged[] {
  const lines = readFileSync(pathOf(name), "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Logged);
}

const said = (name: string) => logged(name).map(({ msg }) => msg);
const texts = (lines: readonly LogLine[]) => lines.map(({ text }) => text);

describe("the last lines", () => {
  test("are there before the log is, workers' lines and notices in their order", async () => {
    journal.tell("blog", { type: "worker.ready", number: 1, pid: 101, tookMs: 7 });
    write("hello");
    journal.tell("blog", { type: "pool.ready", ready: 1, size: 1 });
    const before = journal.recent({ lines: 10 });
    expect(before).toEqual([
      {
        time: expect.any(String),
        app: "blog",
        worker: 1,
        pid: 101,
        notice: "worker.ready",
        text: "worker 1 ready after 7ms",
      },
      { time, app: "blog", worker: 1, pid: 101, stream: "stdout", text: "hello" },
      { time: expect.any(String), app: "blog", notice: "pool.ready", text: "1 of 1 workers ready" },
    ]);
    attachLog();
    expect(journal.recent({ lines: 10 })).toEqual(before);
  });

  test("are what was written, even if it is JSON or moves the cursor", () => {
    const odd = ['{"level":30,"msg":"inner"}', "\u001b[2J", ""];
    for (const text of odd) write(text);
    expect(texts(journal.recent({ lines: 10 }))).toEqual(odd);
  });

  test("are forgotten with their app", () => {
    write("one", "blog");
    write("two", "shop");
    journal.forget("blog");
    expect(texts(journal.recent({ lines: 10 }))).toEqual(["two"]);
  });

  test("hold what the log holds: no notices of level debug, and none about the manager", () => {
    journal.tell("blog", { type: "worker.spawned", number: 1, pid: 101, generation: 1 });
    journal.tell(undefined, { type: "manager.stopped" });
    expect(journal.recent({ lines: 10 })).toEqual([]);
  });
});

describe("whoever follows", () => {
  test("lines hears those that come, until it has had enough", () => {
    const heard: LogLine[] = [];
    write("before");
    const stop = journal.followLines((line) => heard.push(line));
    write("one");
    journal.tell("blog", { type: "pool.stopped" });
    stop();
    stop();
    write("after");
    expect(texts(heard)).toEqual(["one", "all workers have ended"]);
    expect(heard).toEqual(journal.recent({ lines: 10 }).slice(1, 3));
  });

  test("events hears every notice with its level, its sentence and all its fields", () => {
    const heard: EventLine[] = [];
    journal.followEvents((event) => heard.push(event));
    journal.tell("blog", { type: "worker.spawned", number: 2, pid: 102, generation: 3 });
    journal.tell(
      "blog",
      {
        type: "worker.died",
        number: 2,
        pid: 102,
        exit: { code: 7, signal: null },
        livedMs: 5,
        wasReady: false,
        retryInMs: 0,
      },
      { lastLines: ["no database"] },
    );
    journal.tell(undefined, { type: "manager.stopped" });
    write("no event");
    expect(heard).toEqual([
      {
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        level: "debug",
        notice: "worker.spawned",
        app: "blog",
        worker: 2,
        pid: 102,
        generation: 3,
        msg: "worker 2 spawned, pid 102",
      },
      expect.objectContaining({ level: "warn", notice: "worker.died", lastLines: ["no database"], wasReady: false }),
      { time: expect.any(String), level: "info", notice: "manager.stopped", msg: "stopped" },
    ]);
  });

  test("and throws is left out, and disturbs neither the others nor the log", async () => {
    attachLog();
    let thrown = 0;
    const fail = () => {
      thrown += 1;
      throw new Error("gone");
    };
    const heard: string[] = [];
    journal.followLines(fail);
    journal.followEvents(fail);
    journal.followLines(({ text }) => heard.push(text));
    write("one");
    write("two");
    journal.tell("blog", { type: "pool.stopped" });
    journal.tell("blog", { type: "pool.stopped" });
    expect(thrown).toBe(2);
    expect(heard).toEqual(["one", "two", "all workers have ended", "all workers have ended"]);
    await journal.close(20_000);
    expect(said("log")).toEqual(heard);
  });

  test("may stop another while it is told, or begin one", () => {
    const heard: string[] = [];
    let stop = () => {};
    journal.followLines(() => stop());
    stop = journal.followLines(() => heard.push("stopped"));
    journal.followLines(({ text }) => heard.push(text));
    write("one");
    expect(heard).toEqual(["one"]);
  });
});

describe("the log", () => {
  test("has all that was said before it was there, in its order", async () => {
    journal.tell(undefined, { type: "manager.started", apps: ["blog"], version: "1.0.0" });
    write("early");
    attachLog();
    write("late");
    await journal.close(20_000);
    expect(said("log")).toEqual(["fcgi-pm 1.0.0 started for blog", "early", "late"]);
    expect(logged("log")[1]).toMatchObject({ level: "info", time, app: "blog", worker: 1, pid: 101, stream: "stdout" });
  });

  test("that is closed takes what is said late, without harm", async () => {
    attachLog();
    await journal.close(20_000);
    write("late");
    journal.tell("blog", { type: "pool.stopped" });
    journal.reopen();
    await journal.close(20_000);
    expect(said("log")).toEqual([]);
    expect(texts(journal.recent({ lines: 10 }))).toEqual(["late", "all workers have ended"]);
  });
});

describe("an app with an output file", () => {
  const app = () => appOf({ "output-file": pathOf("blog.out") });

  test("has its lines there, its notices there and in the log; other apps' lines are in the log", async () => {
    void journal.openOutput(app(), "json");
    write("mine");
    write("other", "shop");
    attachLog();
    journal.tell("blog", { type: "pool.stopped" });
    journal.tell("blog", { type: "worker.spawned", number: 1, pid: 101, generation: 1 });
    await journal.close(20_000);
    expect(said("blog.out")).toEqual(["mine", "all workers have ended"]);
    expect(said("log")).toEqual(["other", "all workers have ended"]);
    const [line, notice] = logged("blog.out");
    expect(line).toEqual({ level: "info", time, app: "blog", worker: 1, pid: 101, stream: "stdout", msg: "mine" });
    expect({ ...notice, time }).toEqual({ ...logged("log")[1], time });
  });

  test("is in the last lines as every other", async () => {
    attachLog();
    await journal.openOutput(app(), "json");
    write("mine");
    expect(texts(journal.recent({ app: "blog", lines: 10 }))).toEqual(["mine"]);
  });

  test("loses no line when its settings change, when the file moves, or when it has none any more", async () => {
    attachLog();
    const settings = [
      { "output-file": pathOf("one") },
      { "output-file": pathOf("one"), "output-keep": "2" },
      { "output-file": pathOf("one"), "output-keep": "2" },
      { "output-file": pathOf("two") },
      {},
    ];
    const opened = settings.map((flags, index) => {
      const done = journal.openOutput(appOf(flags), "json");
      for (let line = 0; line < 3000; line += 1) write(`${index}.${line}`);
      return done;
    });
    await Promise.all(opened);
    await journal.close(20_000);
    const numbered = (...indexes: number[]) =>
      indexes.flatMap((index) => Array.from({ length: 3000 }, (_, line) => `${index}.${line}`));
    expect(said("one")).toEqual(numbered(0, 1, 2));
    expect(said("two")).toEqual(numbered(3));
    expect(said("log")).toEqual(numbered(4));
  });

  test("can be left by its app", async () => {
    attachLog();
    await journal.openOutput(app(), "json");
    write("one");
    await journal.closeOutput("blog");
    write("two");
    await journal.close(20_000);
    expect(said("blog.out")).toEqual(["one"]);
    expect(said("log")).toEqual(["two"]);
  });

  test("has it opened again with the log", async () => {
    attachLog();
    await journal.openOutput(app(), "json");
    write("before");
    await until(() => said("blog.out").length === 1, { what: "the line" });
    for (const name of ["log", "blog.out"]) renameSync(pathOf(name), pathOf(`${name}.moved`));
    journal.reopen();
    await until(() => logged("blog.out").length === 0, { what: "the new output file" });
    await until(() => logged("log").length === 0, { what: "the new log" });
    write("after");
    write("other", "shop");
    await journal.close(20_000);
    expect(said("blog.out.moved")).toEqual(["before"]);
    expect(said("blog.out")).toEqual(["after"]);
    expect(said("log")).toEqual(["other"]);
  });

  test("is rotated at its size, and as many are kept as are wanted", async () => {
    attachLog();
    const flags = { "output-file": pathOf("blog.out"), "output-max-size": "64K", "output-keep": "2" };
    await journal.openOutput(appOf(flags), "json");
    const text = "x".repeat(1000);
    for (let line = 0; line < 500; line += 1) write(`${line} ${text}`);
    await journal.close(20_000);
    const kept = ["blog.out.2", "blog.out.1", "blog.out"].flatMap((name) => said(name).map((msg) => parseInt(msg, 10)));
    expect(kept.at(-1)).toBe(499);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, index) => 500 - kept.length + index));
    expect(() => logged("blog.out.3")).toThrow("ENOENT");
    expect(said("log")).toEqual([]);
  });
});

describe("an output file that cannot be written", () => {
  test("is told once, its lines are in the log, and it has the next ones when it is opened again", async () => {
    attachLog();
    const heard: EventLine[] = [];
    journal.followEvents((event) => heard.push(event));
    writeFileSync(pathOf("place"), "no directory");
    await journal.openOutput(appOf({ "output-file": pathOf("place/out") }), "json");
    for (const text of ["one", "two"]) write(text);
    expect(heard).toEqual([expect.objectContaining({ notice: "output.unwritable", app: "blog", level: "error" })]);
    expect(heard[0]).toMatchObject({ file: pathOf("place/out"), reason: expect.stringMatching(/EACCES|ENOTDIR/) });
    rmSync(pathOf("place"));
    mkdirSync(pathOf("place"));
    journal.reopen();
    // The file is at its path a moment before it takes lines: what comes then goes to the log.
    const isMended = () => {
      write("three");
      return heard.length === 2;
    };
    await until(isMended, { what: "the good news" });
    expect(heard[1]).toMatchObject({ notice: "output.mended", app: "blog" });
    await journal.close(20_000);
    expect(said("place/out").slice(0, 1)).toEqual(["three"]);
    const log = logged("log").map(({ notice, msg }) => notice ?? msg);
    expect(log.filter((said) => said !== "three")).toEqual(["output.unwritable", "one", "two", "output.mended"]);
  });
});
