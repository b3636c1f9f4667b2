import { expect, test } from "@jest/globals";
import { recordOf, type Source } from "../../src/observe/record.ts";
import fc from "../helpers/chance.ts";

const source: Source = { app: "blog", worker: 2, pid: 42, stream: "stderr" };
const time = "2026-11-21T04:24:51.527Z";

/** What is logged of a line. */
function loggedOf(text: string) {
  const { fields, message } = recordOf(text, source, time);
  return { fields, message };
}

test("a plain line is the message", () => {
  expect(loggedOf("hello")).toEqual({ fields: { time, ...source }, message: "hello" });
});

test("a line is kept as it was written, with the time when it came and where from", () => {
  for (const text of ["hello", '{"msg":"hi","time":5}']) {
    expect(recordOf(text, source, time)).toMatchObject({ text, time, source });
  }
});

test("a JSON object that has a time keeps it", () => {
  expect(loggedOf('{"time":5}').fields).toEqual({ time: 5, ...source });
});

test("a line that only looks like JSON is a plain line", () => {
  for (const text of ["{", '{"a":', "{} trailing", "[1]", "null", "42"]) expect(loggedOf(text).message).toBe(text);
});

test("a JSON object keeps its fields, and its msg or message is the message", () => {
  expect(loggedOf('{"level":30,"msg":"hi","a":1}')).toEqual({
    fields: { time, level: 30, a: 1, ...source },
    message: "hi",
  });
  expect(loggedOf('{"message":"hi"}')).toEqual({ fields: { time, ...source }, message: "hi" });
  expect(loggedOf('{"msg":"hi","message":"there"}')).toEqual({
    fields: { time, message: "there", ...source },
    message: "hi",
  });
  expect(loggedOf('{"msg":{"a":1}}').message).toBe('{"a":1}');
});

test("fields that are called as ours are kept apart", () => {
  const { fields } = loggedOf('{"app":"other","pid":42,"worker":9}');
  expect(fields).toEqual({ time, ...source, line: { app: "other", worker: 9 } });
});

test("no line can make it throw, change where it came from, or touch a prototype", () => {
  const hostile = fc.oneof(
    fc.json(),
    fc.string(),
    fc.constantFrom(
      '{"__proto__":{"polluted":1}}',
      '{"constructor":{"prototype":{"polluted":1}}}',
      '{"line":1,"app":2}',
    ),
  );
  fc.assert(
    fc.property(hostile, (text) => {
      const { fields, message } = loggedOf(text);
      expect(fields).toMatchObject({ app: "blog", worker: 2, pid: 42, stream: "stderr" });
      expect(typeof message).toBe("string");
      expect(({} as { polluted?: number }).polluted).toBeUndefined();
    }),
  );
});
