import { expect, test } from "@jest/globals";
import { journalEntry } from "../../src/observe/journal-entry.ts";
import { recordOf, type Source } from "../../src/observe/record.ts";
import fc from "../helpers/chance.ts";

const source: Source = { app: "blog", worker: 2, pid: 42, stream: "stderr" };
const time = "2026-11-21T04:24:51.527Z";

const fieldsOf = (fields: Record<string, unknown>, message: string) =>
  Object.fromEntries(journalEntry(fields, message)) as Record<string, string>;

/** What a worker's line becomes. */
function entryOf(text: string): Record<string, string> {
  const { fields, message } = recordOf(text, source, time);
  return fieldsOf(fields, message);
}

const usual = { SYSLOG_IDENTIFIER: "fcgi-pm", APP: "blog", WORKER: "2", WORKER_PID: "42", STREAM: "stderr" };

test("a plain line has where it came from, and nothing else", () => {
  expect(entryOf("hello")).toEqual({ ...usual, MESSAGE: "hello", PRIORITY: "6" });
});

test("what was written before there was a process has no pid", () => {
  const { fields, message } = recordOf("hello", { ...source, pid: 0 }, time);
  expect(fieldsOf(fields, message)).not.toHaveProperty("WORKER_PID");
});

test.each([
  ["debug", 7],
  ["INFO", 6],
  ["notice", 5],
  ["Warning", 4],
  ["error", 3],
  ["fatal", 2],
  ["emerg", 0],
  [10, 7],
  [30, 6],
  [40, 4],
  [50, 3],
  [60, 2],
])("a worker's own level %s is priority %i", (level, priority) => {
  expect(entryOf(JSON.stringify({ level, msg: "hi" }))).toEqual({
    ...usual,
    MESSAGE: "hi",
    PRIORITY: String(priority),
  });
  expect(entryOf(JSON.stringify({ severity: level, msg: "hi" }))["PRIORITY"]).toBe(String(priority));
});

test("a level that nobody knows is kept, and the line is of the usual priority", () => {
  expect(entryOf('{"level":"odd","msg":"hi"}')).toMatchObject({
    PRIORITY: "6",
    DETAILS: `{"time":"${time}","level":"odd"}`,
  });
});

test("a plain line may begin with its priority, as programs for systemd write it", () => {
  expect(entryOf("<3>no database")).toMatchObject({ MESSAGE: "no database", PRIORITY: "3" });
  expect(entryOf("<9>no database")).toMatchObject({ MESSAGE: "<9>no database", PRIORITY: "6" });
  expect(entryOf("a <3>b")).toMatchObject({ MESSAGE: "a <3>b", PRIORITY: "6" });
});

test("what else a line of JSON has stands in one field, its own names for our fields included", () => {
  const text = '{"time":5,"level":"info","user":"ann","app":"shop","msg":"paid","_PID":"1"}';
  const { DETAILS = "", ...entry } = entryOf(text);
  expect(entry).toEqual({ ...usual, MESSAGE: "paid", PRIORITY: "6" });
  expect(JSON.parse(DETAILS)).toEqual({ time: 5, user: "ann", _PID: "1", line: { app: "shop" } });
});

test("a notice has its type, its sentence with the last lines below it, and its own fields in one", () => {
  const notice = { level: "warn", app: "blog", worker: 2, notice: "worker.died", pid: 42, livedMs: 7 };
  expect(fieldsOf({ ...notice, lastLines: ["no database", "giving up"] }, "worker 2 died")).toEqual({
    MESSAGE: "worker 2 died\n    | no database\n    | giving up",
    PRIORITY: "4",
    SYSLOG_IDENTIFIER: "fcgi-pm",
    APP: "blog",
    WORKER: "2",
    WORKER_PID: "42",
    NOTICE: "worker.died",
    DETAILS: '{"livedMs":7}',
  });
});

test("a notice of the manager has no app and no worker; the levels of notices are priorities", () => {
  const notice = { notice: "manager.ready", pid: 7 };
  const priorities = { debug: "7", info: "6", warn: "4", error: "3" };
  for (const [level, priority] of Object.entries(priorities)) {
    expect(fieldsOf({ level, ...notice }, "ready")).toEqual({
      MESSAGE: "ready",
      PRIORITY: priority,
      SYSLOG_IDENTIFIER: "fcgi-pm",
      NOTICE: "manager.ready",
      DETAILS: '{"pid":7}',
    });
  }
});

test("colours are left out, and other control characters are shown, so that journalctl has no blob", () => {
  expect(entryOf("\u001b[1;31mred\u001b[0m\tand \u001b[2Jgone\u0007")["MESSAGE"]).toBe("red\tand \\x1b[2Jgone\\x07");
});

test("no line makes a field that is not ours", () => {
  const ours = ["APP", "DETAILS", "MESSAGE", "PRIORITY", "STREAM", "SYSLOG_IDENTIFIER", "WORKER", "WORKER_PID"];
  const line = fc.oneof(fc.string(), fc.json());
  fc.assert(
    fc.property(line, (text) => {
      const entry = entryOf(text);
      expect(ours).toEqual(expect.arrayContaining(Object.keys(entry)));
      expect(entry).toMatchObject(usual);
    }),
  );
});
