import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { appFromFlags } from "../../src/config/parse.ts";
import { appEnvironment, workerEnvironment } from "../../src/manager/environment.ts";

const identity = { name: "www-data", home: "/var/www", uid: 33, gid: 33 };
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fpm-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

function environment(flags: Record<string, unknown>, own: NodeJS.ProcessEnv = { PATH: "/bin" }) {
  const context = {
    runtimeDirectory: "/run/x",
    directory,
    resolvePath: resolve,
    directoryOf: (file: string) => join(file, ".."),
  };
  return appEnvironment(appFromFlags("blog", ["/bin/cat"], flags, context), identity, own);
}

test("is clean: PATH, HOME, USER, LANG, TZ and nothing else of the manager's", () => {
  expect(environment({}, { PATH: "/bin", HOME: "/root", USER: "root", LANG: "C", TZ: "UTC", SECRET: "x" })).toEqual({
    PATH: "/bin",
    HOME: "/var/www",
    USER: "www-data",
    LANG: "C",
    TZ: "UTC",
    FCGI_PM_LISTEN_QUEUE_DEPTH: "511",
  });
});

test("has a PATH even where the manager has none", () => {
  expect(environment({}, {})["PATH"]).toContain("/usr/bin");
});

test("pass-env, env-file and env outrank one another in this order", () => {
  const file = join(directory, "env");
  writeFileSync(file, "A=file\nB=file\n");
  const own = { PATH: "/bin", A: "own", B: "own", C: "own" };
  const env = environment({ "pass-env": ["A", "B", "C"], "env-file": [file], env: ["B=flag"] }, own);
  expect(env).toMatchObject({ A: "file", B: "flag", C: "own" });
});

test("names what is wrong in an env-file, with its lines", () => {
  const file = join(directory, "env");
  writeFileSync(file, "GOOD=1\nnot a pair\n1BAD=2\n");
  expect(() => environment({ "env-file": [file] })).toThrow(
    `${file}:2: expected NAME=VALUE\n${file}:3: expected NAME=VALUE`,
  );
  expect(() => environment({ "env-file": [join(directory, "none")] })).toThrow("Cannot read the env-file");
});

test("allowed-clients become FCGI_WEB_SERVER_ADDRS, for TCP only", () => {
  const env = environment({ port: "9000", "allowed-clients": ["127.0.0.1", "10.0.0.1"] });
  expect(env["FCGI_WEB_SERVER_ADDRS"]).toBe("127.0.0.1,10.0.0.1");
  expect(environment({})).not.toHaveProperty("FCGI_WEB_SERVER_ADDRS");
});

test("each worker knows its app, its number and its generation", () => {
  expect(workerEnvironment({ A: "1" }, "blog", 3, 2)).toEqual({
    A: "1",
    FCGI_PM_APP: "blog",
    FCGI_PM_WORKER: "3",
    FCGI_PM_GENERATION: "2",
  });
});
