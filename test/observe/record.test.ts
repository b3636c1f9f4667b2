import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { recordOf, type Source } from "../../src/observe/record.ts";

const source: Source = { app: "blog", worker: 2, pid: 42, stream: "stderr" };

test("a plain line is the message", () => {
  expect(recordOf("hello", source)).toEqual({ fields: source, message: "hello" });
});

test("a line that only looks like JSON is a plain line", () => {
  for (const text of ["{", '{"a":', "{} trailing", "[1]", "null", "42"])
    expect(recordOf(text, source).message).toBe(text);
});

test("a JSON object keeps its fields, and its msg or message is the message", () => {
  expect(recordOf('{"level":30,"msg":"hi","a":1}', source)).toEqual({
    fields: { level: 30, a: 1, ...source },
    message: "hi",
  });
  expect(recordOf('{"message":"hi"}', source)).toEqual({ fields: source, message: "hi" });
  expect(recordOf('{"msg":"hi","message":"there"}', source)).toEqual({
    fields: { message: "there", ...source },
    message: "hi",
  });
  expect(recordOf('{"msg":{"a":1}}', source).message).toBe('{"a":1}');
});

test("fields that are called as ours are kept apart", () => {
  const { fields } = recordOf('{"app":"other","pid":42,"worker":9}', source);
  expect(fields).toEqual({ ...source, line: { app: "other", worker: 9 } });
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
      const { fields, message } = recordOf(text, source);
      expect(fields).toMatchObject({ app: "blog", worker: 2, pid: 42, stream: "stderr" });
      expect(typeof message).toBe("string");
      expect(({} as { polluted?: number }).polluted).toBeUndefined();
    }),
  );
});
