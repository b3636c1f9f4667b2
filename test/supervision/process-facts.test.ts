import { expect, test } from "@jest/globals";
import { parseEnvironment, parseUsage } from "../../src/supervision/process-facts.ts";

test("use is read from a stat line, whatever the name contains", () => {
  const odd =
    "4712 (my app) R 1) S 4711 4711 4700 0 -1 4194560 1 2 3 4 150 25 7 3 20 0 1 0 88123 9000000 1234 18446744073709551615";
  expect(parseUsage(odd)).toEqual({ cpuMs: 1750, childrenCpuMs: 100, rssPages: 1234 });
});

const environ = (...entries: (string | Buffer)[]) =>
  Buffer.concat(entries.flatMap((entry) => [Buffer.from(entry), Buffer.from([0])]));

test("an environment keeps its order, and of a name that comes twice the first value", () => {
  const variables = parseEnvironment(environ("B=1", "A=2", "B=3"));
  expect(Object.entries(variables)).toEqual([
    ["B", "1"],
    ["A", "2"],
  ]);
});

test("names that mean something to JavaScript are names like others", () => {
  const variables = parseEnvironment(environ("__proto__=x", "constructor=y", "toString="));
  expect(Object.entries(variables)).toEqual([
    ["__proto__", "x"],
    ["constructor", "y"],
    ["toString", ""],
  ]);
  expect(Object.getPrototypeOf(variables)).toBe(Object.prototype);
});

test("values may contain anything but a zero byte: line ends, equals signs, bytes that are no text", () => {
  const bad = Buffer.concat([Buffer.from("BYTES="), Buffer.from([0x61, 0xff, 0xfe])]);
  expect(parseEnvironment(environ("LINES=a\nb", "EQUALS=a=b", "MARK=\ufeffx", bad))).toEqual({
    LINES: "a\nb",
    EQUALS: "a=b",
    MARK: "\ufeffx",
    BYTES: "a\u00ff\u00fe",
  });
});

test("what is no variable is left out, and a last one without an end is not", () => {
  expect(parseEnvironment(Buffer.from("\0\0title of the program\0=x\0A=1"))).toEqual({ A: "1" });
  expect(parseEnvironment(Buffer.alloc(0))).toEqual({});
});
