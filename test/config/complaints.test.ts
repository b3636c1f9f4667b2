import { describe, expect, test } from "@jest/globals";
import { formatKeyPath } from "../../src/config/problem.ts";
import { FcgiPmError } from "../../src/errors.ts";
import { complaintsOf, expectedComplaints, fixtureNames, fixtureWithIncludes } from "./context.ts";

const file = "/etc/fcgi-pm.toml";

function complain(text: string) {
  return complaintsOf([{ path: file, text }]);
}

test.each(fixtureNames("broken"))("fixtures/configs/broken/%s gets every complaint it deserves", async (name) => {
  const error = await complaintsOf(fixtureWithIncludes("broken", name));
  expect(error.message.split("\n")).toEqual(expectedComplaints(name));
});

test("the error is one of the catalogue, with its remedy", async () => {
  const error = await complain("x = 1");
  expect(error).toBeInstanceOf(FcgiPmError);
  expect(error).toMatchObject({
    code: "FCGI_PM_CONFIG_WRONG",
    exitStatus: 5,
    remedy: expect.stringContaining("fcgi-pm check"),
  });
});

test("a problem is also told as data", async () => {
  const { problems } = await complain('[apps.blog]\ncommand = "x"\n  proceses = 4\n');
  expect(problems).toEqual([
    {
      file,
      line: 3,
      column: 3,
      keyPath: ["apps", "blog", "proceses"],
      message: 'unknown key, did you mean "processes"?',
    },
  ]);
});

describe("the line of a problem is that of its key", () => {
  test.each([
    ["a header", '[apps.blog]\ncommand = "x"\n\n[apps.shop]\nprocesses = 2\n', "apps.shop", 4, 2],
    ["a key under a header", '[apps.blog]\ncommand = "x"\nprocesses = 0\n', "apps.blog.processes", 3, 1],
    ["a dotted key", '\napps.blog.command = "x"\napps.blog.processes = 0\n', "apps.blog.processes", 3, 11],
    ["an inline table", 'apps.blog = { command = "x",\n  processes = 0 }\n', "apps.blog.processes", 2, 3],
    [
      "an element of a list",
      '[apps.blog]\ncommand = "x"\npass-env = [\n  "A",\n  "B-C",\n]\n',
      "apps.blog.pass-env[1]",
      5,
      3,
    ],
    ["a table below the app", '[apps.blog]\ncommand = "x"\n[apps.blog.env]\nA = "1"\nB = 2\n', "apps.blog.env.B", 5, 1],
    ["a quoted key", '[apps."blog"]\ncommand = "x"\n"processes" = 0\n', "apps.blog.processes", 3, 1],
    [
      "a key behind a byte order mark",
      '\uFEFFapps.blog = { command = "x", processes = 0 }\n',
      "apps.blog.processes",
      1,
      30,
    ],
  ])("%s", async (_, text, key, line, column) => {
    const { problems } = await complain(text);
    expect(problems.map((problem) => [formatKeyPath(problem.keyPath), problem.line, problem.column])).toEqual([
      [key, line, column],
    ]);
  });

  test("the problems of a file come in the order of its lines", async () => {
    const { problems } = await complain("apps.a.processes = 0\nzzz = 1\n[manager]\nx = 1\n[apps.b]\ncommand = 1\n");
    expect(problems.map((problem) => problem.line)).toEqual([1, 1, 2, 4, 6]);
  });
});

describe("what is no TOML", () => {
  test.each([
    ["a = 1\na = 2\n", 2],
    ["[apps.blog]\n[apps.blog]\n", 2],
    ["x = [1,\n", 2],
    ['x = "open\n', 1],
    ["\u0000", 1],
  ])("%j is told with its line", async (text, line) => {
    const { problems } = await complain(text);
    expect(problems).toEqual([
      expect.objectContaining({
        file,
        line,
        keyPath: [],
        message: expect.stringMatching(/^not TOML, column \d+: .+\n {4}/),
      }),
    ]);
  });
});

test("what cannot stand in [defaults] is told once, and not again of each app", async () => {
  const apps = 'apps.a.command = "x"\napps.b.command = "x"\n';
  const { problems } = await complain(`defaults = { socket = "/x", output-file = "/y" }\n${apps}`);
  expect(problems.map((problem) => formatKeyPath(problem.keyPath))).toEqual([
    "defaults.socket",
    "defaults.output-file",
  ]);
});

test("a mode with a leading zero and no quotes is told to wear them", async () => {
  const error = await complain("[apps.blog]\numask = 0022\n");
  expect(error.message).toMatch(
    /^\/etc\/fcgi-pm\.toml:2: not TOML, .*; a mode is written in quotes, such as "0660"\n {4}umask = 0022$/,
  );
});

test.each([
  ["1979-05-27", "a date"],
  ["1979-05-27T07:32:00Z", "a date"],
  ["07:32:00", "a date"],
  ["nan", "nan"],
  ["-inf", "-inf"],
  ["1e400", "inf"],
  ["-0.5", "the number -0.5"],
  ["9007199254740993", "the number 9007199254740993"],
  ["true", "true"],
  ["[]", "an empty list"],
  ["[[1]]", "a list"],
  ["{}", "a table"],
  ['"\\u0000\\n"', 'the string "\\u0000\\n"'],
  [`"${"x".repeat(500)}"`, `the string "${"x".repeat(60)}…"`],
])("processes = %s is told as %s", async (value, words) => {
  const error = await complain(`[apps.blog]\ncommand = "x"\nprocesses = ${value}\n`);
  expect(error.message).toBe(`${file}:3: apps.blog.processes: expected a whole number from 1 to 10000, got ${words}`);
});
