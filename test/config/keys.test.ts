import { expect, test } from "@jest/globals";
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

test("all keys of an app but its command are flags", () => {
  expect(appFlags.map((key) => key.name)).toEqual(Object.keys(appKeys).filter((name) => name !== "command"));
  expect(managerFlags.map((key) => key.name)).toEqual(["log-format", "log-file"]);
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
    "env",
    "env-file",
    "pass-env",
  ]);
});

test("a field is the key in camel case", () => {
  expect(["cwd", "listen-queue-depth", "env-file"].map(fieldOf)).toEqual(["cwd", "listenQueueDepth", "envFile"]);
});

test("the defaults pass the checks of their own keys, and mean what an app gets without them", () => {
  const app = (flags: Record<string, unknown>) => appFromFlags("blog", ["x"], flags, context);
  const flags = Object.fromEntries(appFlags.map((key) => [key.name, key.default]));
  expect(app(flags)).toEqual(app({}));
});
