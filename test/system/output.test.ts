/** The log: what workers write comes out as records, whatever they write, and the manager stays small. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { ask, bin, type LogRecord, runManager, runToEnd, startReady, usePlace } from "../helpers/manager.ts";
import { behaviours, echoes } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(240_000);

const place = usePlace();
const [echo = ""] = echoes.c.command;

/** A program without a listener that runs this Python text, then sleeps. Nobody waits until it counts as ready. */
function program(text: string): string[] {
  const file = join(place.directory, "program.py");
  writeFileSync(file, `#!/usr/bin/python3 -u\nimport sys, time, os, json\n${text}\ntime.sleep(1000)\n`);
  chmodSync(file, 0o755);
  return ["start", file, "--no-listen", "--start-grace", "30s"];
}

function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) / 1024;
}

describe("a worker's line", () => {
  test("becomes a record with its app, worker, pid and stream", async () => {
    const manager = await startReady([echo, "--socket", place.path, "--name", "blog", "--processes", "2"]);
    await ask(place.path, "/?stderr=hello");
    const record = await manager.see("hello", ({ msg }) => msg === "hello");
    expect(record).toMatchObject({ level: "info", app: "blog", stream: "stderr" });
    expect([1, 2]).toContain(record.worker);
    expect(manager.workers()).toContain(record["pid"]);
    await manager.stop();
  });

  test("that is a JSON object keeps its fields, and cannot pass for another app's", async () => {
    const line = { level: 50, time: 1, msg: "inner", app: "other", deep: { a: [1] }, __proto__: null };
    const manager = runManager(
      program(`print(json.dumps(${JSON.stringify(line)}))\nprint('{"__proto__": {"x": 1}, "msg": "hostile"}')`),
    );
    const record = await manager.see("the JSON line", ({ msg }) => msg === "inner");
    expect(record).toMatchObject({
      level: 50,
      time: 1,
      deep: { a: [1] },
      app: "program",
      line: { app: "other" },
      stream: "stdout",
    });
    const hostile = await manager.see("the hostile line", ({ msg }) => msg === "hostile");
    expect((hostile as { x?: number }).x).toBeUndefined();
    await manager.stop();
  });

  test("may come in pieces, end with CR LF, lack its end, or hold bytes that are no text", async () => {
    const text = [
      "sys.stdout.write('par'); sys.stdout.flush(); time.sleep(0.2); sys.stdout.write('tial\\n')",
      "sys.stdout.write('windows\\r\\n\\n')",
      "os.write(1, b'\\xff\\x00\\xfe\\x1b[31m\\n')",
      "sys.stdout.write('no end'); sys.stdout.flush(); os.close(1); os.close(2)",
    ].join("\n");
    const manager = runManager(program(text));
    await manager.see("the line without an end", ({ msg }) => msg === "no end");
    const lines = manager.records.filter((record) => record.stream === "stdout").map(({ msg }) => msg);
    expect(lines).toEqual(["partial", "windows", "", "\ufffd\u0000\ufffd\u001b[31m", "no end"]);
    await manager.stop();
  });

  test("of ten megabytes is cut, and what is cut off is said", async () => {
    const manager = runManager(program("sys.stderr.write('x' * 10_000_000 + '\\nafter\\n')"));
    await manager.see("the line after it", ({ msg }) => msg === "after");
    const long = manager.records.find((record) => record.stream === "stderr" && record.msg.length > 1000);
    expect(long?.msg).toBe("x".repeat(64 * 1024));
    const cut = await manager.notice("output.cut");
    expect(cut["cutBytes"]).toBe(10_000_000 - 64 * 1024);
    await manager.stop();
  });

  test("of whatever odd kind does not stop the service", async () => {
    const [command = ""] = behaviours.saysOddThings.command;
    const manager = await startReady([command, "--socket", place.path]);
    expect((await ask(place.path)).status).toBe(200);
    await manager.stop();
  });
});

test("the last words of a worker that dies at once are in the reason of its death", async () => {
  const text = "sys.stderr.write('\\n'.join('line %d' % n for n in range(50)) + '\\nlast')\nsys.exit(7)";
  const manager = runManager(program(text));
  const died = await manager.notice("worker.died");
  expect(died.lastLines).toHaveLength(20);
  expect(died.lastLines?.slice(-2)).toEqual(["line 49", "last"]);
  expect(died["exit"]).toEqual({ code: 7, signal: null });
  await manager.stop();
});

describe("a flood", () => {
  test("of output is survived in bounded memory; what is dropped is counted, and the service goes on", async () => {
    const [command = ""] = behaviours.floodsStderr.command;
    const manager = await startReady([command, "--socket", place.path, "--processes", "2"]);
    const dropped = () => manager.records.filter((record) => record.notice === "output.dropped");
    await until(() => dropped().length >= 6, { what: "six reports of dropped lines", timeoutMs: 60_000 });
    expect((await ask(place.path)).status).toBe(200);
    // How many there are in a report is the machine's affair.
    expect(dropped().reduce((sum, record) => sum + Number(record["lines"]), 0)).toBeGreaterThan(6000);
    expect(residentMiB(manager.pid)).toBeLessThan(200);
    expect(await manager.stop()).toMatchObject({ code: 0 });
  });

  test("with nobody reading the log neither stops the workers nor fills the memory", async () => {
    const [command = ""] = behaviours.floodsStderr.command;
    const child = spawn(process.execPath, [bin, "start", command, "--socket", place.path], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    await until(() => existsSync(place.path), { what: "the socket" });
    for (let round = 0; round < 20; round += 1) expect((await ask(place.path, `/?sleep=100`)).status).toBe(200);
    expect(residentMiB(child.pid ?? 0)).toBeLessThan(200);
    child.kill("SIGTERM");
    child.stderr.resume();
    expect(await once(child, "close")).toEqual([0, null]);
  });
});

describe("the log", () => {
  const recordsOf = (file: string): LogRecord[] =>
    readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as LogRecord);

  test("goes to a file, which is opened again on USR1", async () => {
    const file = join(place.directory, "log");
    const manager = runManager(["start", echo, "--socket", place.path, "--log-file", file]);
    await until(() => existsSync(file) && recordsOf(file).some(({ notice }) => notice === "manager.ready"), {
      what: "readiness",
    });
    renameSync(file, `${file}.1`);
    manager.signal("SIGUSR1");
    await until(() => existsSync(file), { what: "the new file" });
    await ask(place.path, "/?stderr=anew");
    await until(() => recordsOf(file).some(({ msg }) => msg === "anew"), { what: "the line in the new file" });
    expect(recordsOf(`${file}.1`).some(({ msg }) => msg === "anew")).toBe(false);
    expect(await manager.stop()).toMatchObject({ code: 0 });
    expect(recordsOf(file).at(-1)?.notice).toBe("manager.stopped");
    expect(manager.plain).toEqual([]);
  });

  test("that cannot be written is refused before anything is started", async () => {
    const ended = await runToEnd([
      "start",
      echo,
      "--socket",
      place.path,
      "--log-file",
      join(place.directory, "no", "log"),
    ]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain("Cannot write the log");
    expect(existsSync(place.path)).toBe(false);
  });

  test("for people is readable, and no worker can move the cursor in it", async () => {
    const manager = runManager([...program("os.write(2, b'\\x1b[2Jgone?\\n'); sys.exit(3)"), "--log-format", "pretty"]);
    await until(() => manager.plain.some((line) => line.includes("died")), { what: "the death" });
    await manager.stop();
    const text = manager.plain.join("\n");
    expect(text).toContain("[program/1] \\x1b[2Jgone?");
    expect(text).toContain("    | \\x1b[2Jgone?");
    expect(text).toMatch(
      /^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: \[program\] worker 1 died before it was ready.*: exit code 3/m,
    );
    expect(text).not.toMatch(/\u001b/);
  });
});
