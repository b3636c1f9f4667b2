import { execFileSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { assignment } from "../../src/observe/assignment.ts";
import fc from "../helpers/chance.ts";

test.each([
  ["/usr/bin:/bin", "NAME=/usr/bin:/bin"],
  ["", "NAME="],
  ["two words", "NAME='two words'"],
  ["it's", "NAME='it'\\''s'"],
  ["$HOME `x`", "NAME='$HOME `x`'"],
  ["a\nb\t'\\", "NAME=$'a\\nb\\t\\'\\\\'"],
  ["\x1b[31m7", "NAME=$'\\033[31m7'"],
])("%j is written as %s", (value, text) => {
  expect(assignment("NAME", value)).toBe(text);
});

test("a shell reads back every value, and every value stays on one line", () => {
  const value = fc.string({ unit: "binary", maxLength: 40 }).filter((text) => !/[\0\ud800-\udfff]/.test(text));
  const odd = fc.stringMatching(/^['"\\$`\n\r\t \x1b\x7f\x85\u202e!*?~#&;|<>(){}[\]0-9a-c]{0,30}$/);
  const values = fc.sample(fc.oneof(value, odd), 300);
  const lines = values.map((text) => assignment("NAME", text));
  for (const line of lines) expect(line).not.toContain("\n");
  const script = lines.map((line) => `${line}; printf '%s\\0' "$NAME"`).join("\n");
  const read = execFileSync("bash", ["-c", script], { encoding: "utf8" }).split("\0").slice(0, -1);
  expect(read).toEqual(values);
});
