import { expect, test } from "@jest/globals";
import { parseEnvFile } from "../../src/config/envfile.ts";

test.each([
  ["A=1", "1"],
  ["  A=1  ", "1"],
  ["export A=1", "1"],
  ["A=", ""],
  ["A=x=y", "x=y"],
  ['A="a b"', "a b"],
  ["A='a \"b\"'", 'a "b"'],
  ['A="a \\"b\\" \\$c \\\\"', 'a "b" $c \\'],
  ["A=it's", "it's"],
  ["A=$HOME `id`", "$HOME `id`"],
  ["A=1\r", "1"],
])("%j gives A the value %j", (text, value) => {
  expect(parseEnvFile(text)).toEqual({ env: new Map([["A", value]]), problems: [] });
});

test("comments and empty lines are passed over, and the last of two wins", () => {
  expect(parseEnvFile("# no\n; no\n\nA=1\nA=2\n").env).toEqual(new Map([["A", "2"]]));
});

test("a line that is no pair is named by its number, and the others are read", () => {
  const { env, problems } = parseEnvFile("A=1\noops\n2=3\nB=4");
  expect(problems.map(({ line }) => line)).toEqual([2, 3]);
  expect([...env.keys()]).toEqual(["A", "B"]);
});
