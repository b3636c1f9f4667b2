import { expect, test } from "@jest/globals";
import { appKeys, managerKeys } from "../../src/config/keys.ts";
import { complainOfUnknownKey } from "../../src/config/suggest.ts";

const keys = Object.keys(appKeys);

test.each([
  ["proceses", "processes"],
  ["process", "processes"],
  ["procesess", "processes"],
  ["comand", "command"],
  ["stop_timeout", "stop-timeout"],
  ["stopTimeout", "stop-timeout"],
  ["Socket", "socket"],
  ["usr", "user"],
])("%s is a slip for %s", (slip, key) => {
  expect(complainOfUnknownKey(slip, keys)).toBe(`unknown key, did you mean "${key}"?`);
});

test.each([
  ["numprocs", "processes"],
  ["workers", "processes"],
  ["children", "processes"],
  ["max-procs", "processes"],
  ["max_procs", "processes"],
  ["exec", "command"],
  ["program", "command"],
  ["bin-path", "command"],
  ["backlog", "listen-queue-depth"],
  ["directory", "cwd"],
  ["chdir", "cwd"],
  ["environment", "env"],
  ["uid", "user"],
  ["gid", "group"],
  ["mode", "socket-mode"],
  ["stopwaitsecs", "stop-timeout"],
  ["stdout_logfile", "output-file"],
])("%s is what another system calls %s", (word, key) => {
  expect(complainOfUnknownKey(word, keys)).toBe(`unknown key, fcgi-pm calls it "${key}"`);
});

test.each([
  "standby",
  "max-rss",
  "max-age",
  "request-timeout",
  "log-max-size",
  "",
  "constructor",
  "__proto__",
  "x".repeat(5000),
])("%s is just unknown", (name) => {
  expect(complainOfUnknownKey(name, keys)).toBe("unknown key");
});

test("a key in the wrong table is told where it belongs", () => {
  expect(complainOfUnknownKey("log-file", keys)).toBe('unknown key here: "log-file" belongs to [manager]');
  expect(complainOfUnknownKey("control", keys)).toBe('unknown key here: "control" belongs to [manager]');
  expect(complainOfUnknownKey("processes", Object.keys(managerKeys))).toBe(
    'unknown key here: "processes" belongs to [apps.NAME]',
  );
});
