import { expect, test } from "@jest/globals";
import { buildCommands } from "../../src/cli/commands.ts";
import {
  appFlags,
  appKeys,
  fieldOf,
  fileKeys,
  flagOf,
  listKeys,
  managerFlags,
  managerKeys,
} from "../../src/config/keys.ts";
import { appFromFlags } from "../../src/config/parse.ts";
import { context } from "./context.ts";

const keys = [...listKeys(appKeys), ...listKeys(managerKeys), ...listKeys(fileKeys)];

test("every key is described by one sentence", () => {
  for (const { name, description } of keys) expect(`${name}: ${description}`).toMatch(/^[a-z-]+: [A-Z].*[^.]\.$/);
});

test("every key says what holds without it", () => {
  for (const { default: fixed, otherwise } of keys) expect([fixed, otherwise].filter(Boolean)).toHaveLength(1);
});

test("no two tables share a key", () => {
  expect(new Set(keys.map((key) => key.name)).size).toBe(keys.length);
});

test("all keys of an app but its command, and external, are flags", () => {
  const others = Object.keys(appKeys).filter((name) => name !== "command" && name !== "external");
  expect(appFlags.map((key) => key.name)).toEqual(others);
  expect(managerFlags.map((key) => key.name)).toEqual(["control", "log-format", "log-file", "exit-on", "subreaper"]);
});

test("no two flags of start have one name, nor one that start has besides", () => {
  const start = buildCommands("0.0.0", () => {}).commands.find((command) => command.name() === "start");
  const options = start?.options.map((option) => option.long) ?? [];
  expect(options.length).toBeGreaterThan(appFlags.length + managerFlags.length);
  expect(new Set(options).size).toBe(options.length);
});

test("a flag is the key's name with its placeholder", () => {
  const flags = appFlags.map(flagOf);
  expect(flags).toEqual(
    expect.arrayContaining(["--processes <n>", "--stop-timeout <duration>", "--no-listen", "--env <name=value>"]),
  );
});

test("only flags that gather values repeat", () => {
  expect(appFlags.filter((key) => key.repeats).map((key) => key.name)).toEqual([
    "rlimits",
    "allowed-clients",
    "watch",
    "env",
    "env-file",
    "pass-env",
  ]);
});

test("a field is the key in camel case", () => {
  expect(["cwd", "listen-queue-depth", "env-file"].map(fieldOf)).toEqual(["cwd", "listenQueueDepth", "envFile"]);
});

test("the defaults pass the checks of their own keys, and mean what an app gets without them", () => {
  // Without an output file its keys have no meaning, and without wsgi those of a WSGI application.
  const app = (flags: Record<string, unknown>) =>
    appFromFlags("blog", [], { ...flags, wsgi: "blog:app", "output-file": "x.log" }, context);
  const flags = Object.fromEntries(appFlags.map((key) => [key.name, key.default]));
  expect(app(flags)).toEqual(app({}));
});
