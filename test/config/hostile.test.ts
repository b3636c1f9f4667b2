import { expect, test } from "@jest/globals";
import { appKeys, managerKeys } from "../../src/config/keys.ts";
import { appFromFlags, includesOf, parseConfig } from "../../src/config/parse.ts";
import { FcgiPmError } from "../../src/errors.ts";
import fc from "../helpers/chance.ts";
import { complaintsOf, context, parseText } from "./context.ts";

const oddNames = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "", "a b", "ä", "0", "then"];
const names = [
  ...Object.keys(appKeys),
  ...Object.keys(managerKeys),
  "include",
  "apps",
  "manager",
  "defaults",
  ...oddNames,
];

const key = fc.constantFrom(...names).map((name) => (/^[\w-]+$/.test(name) ? name : JSON.stringify(name)));
const path = fc.array(key, { minLength: 1, maxLength: 4 }).map((keys) => keys.join("."));
const scalar = fc.oneof(
  fc.constantFrom(
    "0",
    "4",
    "-1",
    "2.5",
    "nan",
    "inf",
    "1e999",
    "99999999999999999999",
    "true",
    "false",
    "1979-05-27",
    "07:32:00",
    "''",
  ),
  fc.constantFrom('"5s"', '"0660"', '"TERM"', '"9000"', '"x"', '"1G"', '"a \'b"', '"\\u0000"', "'''\n'''"),
  fc.string({ maxLength: 20 }).map((text) => JSON.stringify(text)),
);
const value = fc.letrec<{ value: string; list: string; table: string }>((tie) => ({
  value: fc.oneof({ depthSize: "small" }, scalar, tie("list"), tie("table")),
  list: fc.array(tie("value"), { maxLength: 3 }).map((items) => `[${items.join(", ")}]`),
  table: fc
    .array(fc.tuple(key, tie("value")), { maxLength: 3 })
    .map((pairs) => `{ ${pairs.map((pair) => pair.join(" = ")).join(", ")} }`),
})).value;
const line = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(path, value).map((pair) => pair.join(" = ")) },
  { weight: 2, arbitrary: path.map((keys) => `[${keys}]`) },
  { weight: 1, arbitrary: path.map((keys) => `[[${keys}]]`) },
  { weight: 1, arbitrary: fc.string({ maxLength: 30 }) },
);
const tomlish = fc.oneof(
  fc.array(line, { maxLength: 12 }).map((lines) => lines.join("\n")),
  fc
    .array(fc.tuple(key, value), { maxLength: 8 })
    .map((pairs) => `[apps.a]\ncommand = "x"\n${pairs.map((pair) => pair.join(" = ")).join("\n")}`),
);

test("whatever the text, the outcome is a config or a complaint", async () => {
  await fc.assert(
    fc.asyncProperty(tomlish, tomlish, async (main, included) => {
      const files = [
        { path: "/etc/a.toml", text: main },
        { path: "/etc/b.toml", text: included },
      ];
      expect(Array.isArray(includesOf(files[0] ?? { path: "", text: "" }))).toBe(true);
      const outcome = await parseConfig(files, context).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        expect(outcome).toBeInstanceOf(FcgiPmError);
        expect(outcome.message).not.toMatch(/Invalid input|undefined|\[object/);
      } else expect(outcome).toMatchObject({ apps: expect.anything() });
    }),
    { numRuns: 1000 },
  );
  expectNoPollution();
});

test("whatever the flags, the outcome is an app or a complaint", () => {
  const flag = fc.oneof(
    fc.string(),
    fc.boolean(),
    fc.double(),
    fc.array(fc.oneof(fc.string(), fc.constantFrom("A=1", "__proto__=1", "core=1"))),
  );
  const flags = fc.dictionary(fc.constantFrom(...names), flag);
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string()), flags, (name, command, given) => {
      try {
        const app = appFromFlags(name, command, given, context);
        expect(app.wsgi === undefined ? app.command : []).toEqual(command);
      } catch (error) {
        expect(error).toBeInstanceOf(FcgiPmError);
      }
    }),
  );
  expectNoPollution();
});

function expectNoPollution(): void {
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
}

test("__proto__ is neither an app nor a variable, and changes no prototype", async () => {
  const error = await complaintsOf([
    {
      path: "/a",
      text: '[apps.__proto__]\ncommand = "x"\npolluted = true\n[apps.blog]\ncommand = "x"\nenv.__proto__ = { polluted = "x" }\n[__proto__]\npolluted = 1',
    },
  ]);
  expect(error.problems.map((problem) => problem.line)).toEqual([1, 3, 6, 7]);
  expectNoPollution();
});

test("an app may be called constructor, and have a variable of that name", async () => {
  const { apps } = await parseText('[apps.constructor]\ncommand = "x"\nenv = { constructor = "a", toString = "b" }');
  expect(apps[0]).toMatchObject({ name: "constructor", env: { constructor: "a", toString: "b" } });
});

test.each([
  ["lists", `x = ${"[".repeat(50_000)}${"]".repeat(50_000)}`],
  ["tables", `x = ${"{a=".repeat(5000)}1${"}".repeat(5000)}`],
  ["headers", `[${"a.".repeat(20_000)}a]`],
  ["dotted keys", `${"a.".repeat(20_000)}a = 1`],
])("deeply nested %s are a complaint", async (_, text) => {
  const error = await complaintsOf([{ path: "/a", text }]);
  expect(error.problems.length).toBeGreaterThan(0);
});

test("a thousand mistakes are a thousand complaints", async () => {
  const lines = Array.from({ length: 1000 }, (_, index) => `key-${index}-is-unknown = ${index}`);
  const error = await complaintsOf([{ path: "/a", text: `[apps.a]\ncommand = "x"\n${lines.join("\n")}` }]);
  expect(error.problems.map((problem) => problem.line)).toEqual(lines.map((_, index) => index + 3));
});
