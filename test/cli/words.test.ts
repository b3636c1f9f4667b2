import { expect, test } from "@jest/globals";
import { parseCount, parseScale, parseSignal } from "../../src/cli/words.ts";

test.each([
  ["8", { processes: 8 }],
  ["+2", { by: 2 }],
  ["-2", { by: -2 }],
])("scale takes %j", (text, request) => {
  expect(parseScale("blog", text)).toEqual(request);
});

test.each(["", "two", "2.5", "+-2", "++2", "1e3", "12345678"])("scale refuses %j with an example", (text) => {
  expect(() => parseScale("blog", text)).toThrow(expect.objectContaining({ remedy: "fcgi-pm scale blog +2" }));
});

test("scale to nothing is told how to stop", () => {
  expect(() => parseScale("blog", "0")).toThrow(
    expect.objectContaining({ remedy: "fcgi-pm stop blog", exitStatus: 2 }),
  );
});

test.each([
  ["TERM", "TERM"],
  ["SIGTERM", "TERM"],
  ["usr1", "USR1"],
  ["sigUsr1", "USR1"],
])("the signal %j is %s", (text, name) => {
  expect(parseSignal(text)).toBe(name);
});

test.each(["", "9", "SIG", "TERMINATE", "toString", "__proto__"])("the signal %j is refused with a list", (text) => {
  expect(() => parseSignal(text)).toThrow(expect.objectContaining({ remedy: expect.stringContaining(" TERM ") }));
});

test("a count is a whole number from its least on", () => {
  expect(parseCount("--batch", undefined)).toBeUndefined();
  expect(parseCount("--batch", "3")).toBe(3);
  expect(parseCount("--lines", "0", 0)).toBe(0);
  for (const text of ["0", "-1", "x", "", "1.5"]) {
    expect(() => parseCount("--batch", text)).toThrow(`--batch takes a whole number from 1 on, got "${text}"`);
  }
});
