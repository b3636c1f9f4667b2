import { describe, expect, test } from "@jest/globals";
import { appFromFlags, managerFromFlags, parseConfig } from "../../src/config/parse.ts";
import { ConfigError } from "../../src/config/problem.ts";
import { context, fixture } from "./context.ts";

function complaintsOf(flags: Record<string, unknown>, name = "blog", command: string[] = ["/srv/blog"]): string[] {
  try {
    return [`no complaint, but ${JSON.stringify(appFromFlags(name, command, flags, context))}`];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error).toMatchObject({ code: "FCGI_PM_USAGE_WRONG", exitStatus: 2 });
    return error.message.split("\n");
  }
}

test("without flags an app has the defaults of a file, and starts in the shell's directory", async () => {
  const { apps } = await parseConfig([fixture("valid", "minimal.toml")], context);
  const app = appFromFlags("blog", ["/var/www/blog/app.fcgi"], {}, context);
  expect(app).toEqual({ ...apps[0], directory: "/home/ann" });
});

test("the texts of flags become what a file would say", () => {
  const flags = {
    socket: "run/blog.sock",
    processes: "4",
    "listen-queue-depth": "64",
    "socket-mode": "600",
    "socket-owner": ":web",
    cwd: "/srv",
    priority: "-5",
    umask: "027",
    env: ["A=1", "B=x=y", "C="],
    "env-file": ["a.env", "/b.env"],
    "pass-env": ["TZ"],
    rlimits: ["nofile=1024", "as=1G", "core=unlimited"],
    "stop-signal": "SIGINT",
    "stop-timeout": "1.5s",
    drain: "signal",
    watch: ["site", "/etc/a.env"],
    "output-file": "log/blog.log",
    "output-max-size": "65536",
    "output-max-age": "12h",
    "output-keep": "0",
  };
  expect(appFromFlags("blog", ["./blog", "two words"], flags, context)).toMatchObject({
    command: ["./blog", "two words"],
    listen: { kind: "unix", path: "/home/ann/run/blog.sock" },
    processes: 4,
    listenQueueDepth: 64,
    socketMode: 0o600,
    socketOwner: { group: "web" },
    cwd: "/srv",
    priority: -5,
    umask: 0o027,
    env: { A: "1", B: "x=y", C: "" },
    envFile: ["/home/ann/a.env", "/b.env"],
    passEnv: ["TZ"],
    rlimits: { nofile: 1024, as: 1024 ** 3, core: "unlimited" },
    stopSignal: "INT",
    stopTimeoutMs: 1500,
    drain: "signal",
    watch: ["/home/ann/site", "/etc/a.env"],
    outputFile: "/home/ann/log/blog.log",
    outputMaxSize: 65_536,
    outputMaxAgeMs: 43_200_000,
    outputKeep: 0,
  });
});

test("flags may come in camel case, singly, typed, and among others that are no keys", () => {
  const flags = {
    listenQueueDepth: 64,
    passEnv: "TZ",
    env: "A=1",
    port: "9000",
    allowedClients: "::1",
    daemon: true,
    config: undefined,
  };
  expect(appFromFlags("blog", ["x"], flags, context)).toMatchObject({
    listenQueueDepth: 64,
    passEnv: ["TZ"],
    env: { A: "1" },
    listen: { kind: "tcp", host: "127.0.0.1", port: 9000 },
    allowedClients: ["::1"],
  });
});

test.each<[unknown, string]>([
  [false, "none"],
  ["false", "none"],
  [true, "unix"],
  ["true", "unix"],
  [undefined, "unix"],
])("listen as %j makes a listener of the kind %s", (listen, kind) => {
  expect(appFromFlags("blog", ["x"], { listen }, context).listen.kind).toBe(kind);
});

describe("complaints", () => {
  test.each<[Record<string, unknown>, string]>([
    [{ processes: "many" }, '--processes: expected a whole number from 1 to 10000, got the string "many"'],
    [{ processes: "0" }, "--processes: expected a whole number from 1 to 10000, got the number 0"],
    [{ processes: "" }, "--processes: expected a whole number from 1 to 10000, got an empty string"],
    [
      { stopTimeout: "5" },
      '--stop-timeout: expected a duration such as "250ms", "5s" or "10m", got the string "5"; a unit is missing: write "5s" for seconds',
    ],
    [{ env: ["A"] }, '--env: expected NAME=VALUE, got "A", for example LANG=C; to pass a variable on: --pass-env NAME'],
    [
      { env: ["=x"] },
      '--env: expected NAME=VALUE, got "=x", for example LANG=C; to pass a variable on: --pass-env NAME',
    ],
    [{ env: ["__proto__=x"] }, "--env __proto__: this name is not allowed"],
    [{ rlimits: ["stack=1"] }, '--rlimits stack: expected one of nofile, core, as, nproc, got the string "stack"'],
    [
      { rlimits: ["core=x"] },
      '--rlimits core: expected a number, a size such as "1G", or "unlimited", got the string "x"',
    ],
    [
      { port: "web:80" },
      '--port: expected an IP address before the port, such as "127.0.0.1:80" or "[::1]:80", got the string "web:80"',
    ],
    [{ socket: "/x", port: "80" }, "--port: cannot stand together with socket: an app has one listener"],
    [
      { outputFile: "x.log", outputMaxSize: "1MiB" },
      '--output-max-size: expected a size of at least 64K, such as "64M", got the string "1MiB"; write "1M"',
    ],
    [
      { outputFile: "x.log", outputMaxSize: "64" },
      '--output-max-size: expected a size of at least 64K, such as "64M", got the string "64"',
    ],
    [{ outputMaxAge: "1d" }, "--output-max-age: has no meaning without output-file: only a file is rotated"],
    [{ outputFile: "" }, '--output-file: expected a path such as "/srv/app", got an empty string'],
    [{ watch: [""] }, '--watch [0]: expected a path or a list of paths such as ["/etc/app.env"], got an empty string'],
    [{ restartDelay: "2m" }, "--restart-delay: restart-delay (2m) is longer than max-restart-delay (1m)"],
  ])("%j", (flags, complaint) => {
    expect(complaintsOf(flags)).toEqual([complaint]);
  });

  test("come all at once", () => {
    expect(complaintsOf({ umask: "9", priority: "20" }, "my blog", [])).toEqual([
      'the name of the app: expected a name of 1 to 64 letters, digits, ".", "_" and "-", a letter or digit first, got "my blog"',
      '--umask: expected an octal mode in a string such as "0660", got the string "9"',
      "--priority: expected a whole number from -20 to 19, got the number 20",
      'the program: expected a program and its arguments such as ["/var/www/app.fcgi", "--verbose"], got an empty list',
    ]);
  });
});

describe("the manager", () => {
  test("takes what the flags say over what the file says", () => {
    const base = { logFormat: "json", logFile: "/var/log/a.log" } as const;
    expect(managerFromFlags({}, context)).toEqual({ logFormat: "auto" });
    expect(managerFromFlags({}, context, base)).toEqual(base);
    expect(managerFromFlags({ logFile: "b.log" }, context, base)).toEqual({
      logFormat: "json",
      logFile: "/home/ann/b.log",
    });
    expect(managerFromFlags({ "log-format": "pretty" }, context, base)).toEqual({
      logFormat: "pretty",
      logFile: "/var/log/a.log",
    });
    expect(managerFromFlags({ control: "web.control" }, context, base)).toEqual({
      ...base,
      control: "/home/ann/web.control",
    });
  });

  test("does not take what one of its apps has", () => {
    const app = appFromFlags("blog", ["x"], { outputFile: "blog.log", socket: "blog.sock" }, context);
    const complaintOf = (flags: Record<string, unknown>) => () => managerFromFlags(flags, context, undefined, [app]);
    expect(complaintOf({ logFile: "./blog.log" })).toThrow(
      new ConfigError([{ keyPath: ["log-file"], message: "the lines of blog go there; the manager needs its own" }]),
    );
    expect(complaintOf({ control: "blog.sock" })).toThrow(
      new ConfigError([{ keyPath: ["control"], message: "blog listens there; the manager needs its own" }]),
    );
    expect(complaintOf({ logFile: "blog.sock", control: "blog.log" })).not.toThrow();
  });

  test("complains of its flags", () => {
    expect(() => managerFromFlags({ logFormat: "xml" }, context)).toThrow(
      "--log-format: expected one of auto, pretty, json, journal",
    );
    const complaint = "--log-format: journal cannot stand together with log-file";
    expect(() => managerFromFlags({ logFormat: "journal", logFile: "a.log" }, context)).toThrow(complaint);
    const base = { logFormat: "auto", logFile: "/var/log/a.log" } as const;
    expect(() => managerFromFlags({ logFormat: "journal" }, context, base)).toThrow(complaint);
  });
});
