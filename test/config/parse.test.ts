import { describe, expect, test } from "@jest/globals";
import type { App, Config } from "../../src/config/app.ts";
import { includesOf, parseConfig } from "../../src/config/parse.ts";
import { context, fixture, fixtureNames, fixtureWithIncludes, parseText } from "./context.ts";

test.each(fixtureNames("valid"))("fixtures/configs/valid/%s is right", async (name) => {
  const config = await parseConfig(fixtureWithIncludes("valid", name), context);
  expect(config.apps.length).toBeGreaterThan(0);
});

test("an app that names only its command gets every default", async () => {
  const config = await parseConfig([fixture("valid", "minimal.toml")], context);
  expect(config).toEqual({ manager: { logFormat: "auto" }, apps: [blogByDefault], externals: [] } satisfies Config);
});

const blogByDefault: App = {
  name: "blog",
  command: ["/var/www/blog/app.fcgi"],
  threads: 1,
  lighttpdRootFix: false,
  directory: "/etc",
  listen: { kind: "unix", path: "/run/fcgi-pm/blog.sock" },
  processes: 1,
  listenQueueDepth: 511,
  socketMode: 0o660,
  umask: 0o022,
  env: {},
  envFile: [],
  passEnv: [],
  allowedClients: [],
  initStartDelayMs: 0,
  startTimeoutMs: 60_000,
  startGraceMs: 1000,
  minServerLifeMs: 10_000,
  restartDelayMs: 100,
  maxRestartDelayMs: 60_000,
  stopSignal: "TERM",
  stopTimeoutMs: 10_000,
  drain: "idle",
  drainTimeoutMs: 60_000,
  watch: [],
  rlimits: {},
  outputMaxSize: 64 * 1024 ** 2,
  outputKeep: 10,
};

test("every key reaches its field, resolved and converted", async () => {
  const config = await parseConfig(fixtureWithIncludes("valid", "every-key.toml"), context);
  expect(config.manager).toEqual({
    logFormat: "pretty",
    logFile: "/etc/log/fcgi-pm.log",
    control: "/etc/run/web.control",
  });
  expect(config.apps.map((app) => app.name)).toEqual(["blog", "shop", "wiki", "mailer"]);
  expect(config.apps[0]).toEqual({
    name: "blog",
    command: ["/var/www/blog/app.fcgi", "--config", ""],
    threads: 1,
    lighttpdRootFix: false,
    directory: "/etc",
    listen: { kind: "unix", path: "/etc/run/blog.sock" },
    cwd: "/etc/site",
    user: "blog",
    group: "33",
    umask: 0o027,
    priority: -5,
    rlimits: { core: 0, nofile: 65_536, as: 2 * 1024 ** 3, nproc: "unlimited" },
    listenQueueDepth: 1024,
    socketMode: 0o600,
    socketOwner: { user: "blog", group: "www-data" },
    processes: 4,
    initStartDelayMs: 250,
    startTimeoutMs: 90_000,
    startGraceMs: 0,
    minServerLifeMs: 3_600_000,
    restartDelayMs: 1000,
    maxRestartDelayMs: 86_400_000,
    stopSignal: "QUIT",
    stopTimeoutMs: 30_000,
    drain: "signal",
    drainTimeoutMs: 120_000,
    watch: ["/etc/site", "/etc/blog.env"],
    env: { LANG: "C.UTF-8", TZ: "Europe/Berlin", EMPTY: "" },
    envFile: ["/etc/blog.env", "/etc/blog.env"],
    passEnv: ["PATH", "_SECRET"],
    allowedClients: [],
    outputFile: "/etc/log/blog.log",
    outputMaxSize: 128 * 1024 ** 2,
    outputMaxAgeMs: 129_600_000,
    outputKeep: 0,
  } satisfies App);
});

test("a file that is named without its directory lies in that of the shell", async () => {
  const { apps } = await parseConfig([{ path: "fcgi-pm.toml", text: '[apps.a]\ncommand = "./a"\n' }], context);
  expect(apps[0]?.directory).toBe("/home/ann");
});

test("a WSGI application has an interpreter instead of a command", async () => {
  const { apps } = await parseConfig(fixtureWithIncludes("valid", "every-key.toml"), context);
  expect(apps[2]).toMatchObject({
    wsgi: "wiki.web:create_app()",
    python: "venv",
    threads: 4,
    scriptName: "/wiki",
    lighttpdRootFix: true,
    directory: "/etc",
  });
  expect(apps[2]).not.toHaveProperty("command");
  expect(apps[2]).not.toHaveProperty("cwd");
});

test("threads and script-name in [defaults] hold for WSGI applications alone", async () => {
  const defaults = 'defaults = { python = "/venv", threads = 8, script-name = "", lighttpd-root-fix = true }\n';
  const { apps } = await parseText(`${defaults}apps.a = { command = "x" }\napps.b = { wsgi = "b:app", threads = 2 }`);
  expect(apps[0]).toMatchObject({ threads: 1, lighttpdRootFix: false });
  expect(apps[0]).not.toHaveProperty("python");
  expect(apps[0]).not.toHaveProperty("scriptName");
  expect(apps[1]).toMatchObject({ python: "/venv", threads: 2, scriptName: "", lighttpdRootFix: true });
});

test("an included app resolves its paths in its own directory, and takes the defaults of the main file", async () => {
  const config = await parseConfig(fixtureWithIncludes("valid", "every-key.toml"), context);
  expect(config.apps[3]).toMatchObject({
    name: "mailer",
    command: ["./send-mail", "--queue", "default"],
    directory: "/etc/conf.d",
    listen: { kind: "none" },
    envFile: ["/etc/conf.d/mailer.env"],
    user: "www-data",
    stopTimeoutMs: 20_000,
    rlimits: { core: 0, nofile: 4096 },
    watch: ["/srv/shared"],
    outputKeep: 3,
  });
});

test("a command in one string is split without a shell", async () => {
  const config = await parseConfig(fixtureWithIncludes("valid", "every-key.toml"), context);
  expect(config.apps[1]?.command).toEqual(["/usr/bin/php-cgi", "-d", "memory_limit=256M", "-d", "a b", "c d"]);
});

test("inline tables, dotted keys and odd names mean the same as headers", async () => {
  const { apps } = await parseConfig([fixture("valid", "ways-of-writing.toml")], context);
  expect(
    apps.map(({ name, listen }) => [name, "port" in listen ? `${listen.host} ${listen.port}` : listen.kind]),
  ).toEqual([
    ["dotted", "unix"],
    ["inline", "127.0.0.1 9001"],
    ["quoted.name", "127.0.0.1 9002"],
    ["constructor", "127.0.0.1 9003"],
    ["hasOwnProperty", "0.0.0.0 9004"],
    ["toString", "192.0.2.7 9001"],
  ]);
  expect(apps[0]?.env).toEqual({ NAME: "value" });
});

test.each([
  ["65536", 65_536],
  ['"65536"', 65_536],
  ['"64k"', 65_536],
  ['"1G"', 1024 ** 3],
  ['"8191T"', 8191 * 1024 ** 4],
])("output-max-size = %s", async (text, bytes) => {
  const { apps } = await parseText(`apps.blog = { command = "x", output-file = "y", output-max-size = ${text} }`);
  expect(apps[0]?.outputMaxSize).toBe(bytes);
});

test.each([
  ['"1s"', 1000],
  ['"24d"', 24 * 86_400_000],
])("output-max-age = %s", async (text, ms) => {
  const { apps } = await parseText(`apps.blog = { command = "x", output-file = "y", output-max-age = ${text} }`);
  expect(apps[0]?.outputMaxAgeMs).toBe(ms);
});

test.each([
  ['"www-data"', { user: "www-data" }],
  ['"www-data:web"', { user: "www-data", group: "web" }],
  ['":web"', { group: "web" }],
])("socket-owner = %s", async (text, owner) => {
  const { apps } = await parseText(`apps.blog = { command = "x", socket-owner = ${text} }`);
  expect(apps[0]?.socketOwner).toEqual(owner);
});

describe("defaults", () => {
  test("what an app says itself replaces them, and env and rlimits are merged name by name", async () => {
    const { apps } = await parseText(`
      [defaults]
      processes = 3
      env = { A = "1", B = "1" }
      env-file = ["defaults.env"]
      rlimits = { nofile = 1, core = 1 }
      [apps.one]
      command = "x"
      [apps.two]
      command = "x"
      processes = 5
      env = { B = "2", C = "2" }
      env-file = "two.env"
      rlimits = { core = "unlimited" }
    `);
    expect(apps[0]).toMatchObject({
      processes: 3,
      env: { A: "1", B: "1" },
      envFile: ["/etc/defaults.env"],
      rlimits: { nofile: 1, core: 1 },
    });
    expect(apps[1]).toMatchObject({ processes: 5, env: { A: "1", B: "2", C: "2" }, envFile: ["/etc/two.env"] });
    expect(apps[1]?.rlimits).toEqual({ nofile: 1, core: "unlimited" });
  });

  test("what means nothing to an app passes it by", async () => {
    const { apps } = await parseText(`
      defaults = { allowed-clients = ["127.0.0.1"], socket-mode = "0600" }
      apps.unix.command = "x"
      apps.tcp = { command = "x", port = 9000 }
      apps.silent = { command = "x", listen = false }
    `);
    expect(apps.map((app) => app.allowedClients)).toEqual([[], ["127.0.0.1"], []]);
    expect(apps.map((app) => app.listen.kind)).toEqual(["unix", "tcp", "none"]);
  });

  test("may say how files are rotated and what is watched, for the apps that have it", async () => {
    const { apps } = await parseText(`
      defaults = { output-max-size = "1M", output-max-age = "1d", output-keep = 2, watch = "shared" }
      apps.file = { command = "x", output-file = "x.log", output-keep = 7 }
      apps.log = { command = "x", watch = [] }
    `);
    expect(apps[0]).toMatchObject({
      outputFile: "/etc/x.log",
      outputMaxSize: 1024 ** 2,
      outputMaxAgeMs: 86_400_000,
      outputKeep: 7,
      watch: ["/etc/shared"],
    });
    expect(apps[1]).toMatchObject({ watch: [] });
    expect(apps[1]).not.toHaveProperty("outputFile");
  });

  test("an app may listen where the defaults say that none does", async () => {
    const { apps } = await parseText(`
      defaults.listen = false
      apps.web = { command = "x", listen = true, socket = "/run/web.sock" }
      apps.queue.command = "x"
    `);
    expect(apps.map((app) => app.listen)).toEqual([{ kind: "unix", path: "/run/web.sock" }, { kind: "none" }]);
  });
});

test("several apps without a listener do not rival each other", async () => {
  const { apps } = await parseText(
    'apps.a = { command = "x", listen = false }\napps.b = { command = "x", listen = false }',
  );
  expect(apps).toHaveLength(2);
});

test("a byte order mark and line ends of Windows do no harm", async () => {
  const { apps } = await parseText('\uFEFF[apps.blog]\r\ncommand = "x"\r\n');
  expect(apps[0]?.name).toBe("blog");
});

describe("includes", () => {
  test("are told as they are written", () => {
    expect(includesOf({ path: "x", text: 'include = ["conf.d/*.toml", "/etc/b.toml"]' })).toEqual([
      "conf.d/*.toml",
      "/etc/b.toml",
    ]);
    expect(includesOf({ path: "x", text: 'include = "conf.d/*.toml"' })).toEqual(["conf.d/*.toml"]);
  });

  test.each(["", "include = 3", "include = [3]", "not toml", "[include]"])("%j includes nothing", (text) => {
    expect(includesOf({ path: "x", text })).toEqual([]);
  });

  test("the main file may leave all apps to the files it includes", async () => {
    const files = [
      { path: "/etc/main.toml", text: 'include = ["conf.d/*.toml"]' },
      { path: "/etc/conf.d/a.toml", text: 'apps.a.command = "x"' },
    ];
    expect((await parseConfig(files, context)).apps.map((app) => app.name)).toEqual(["a"]);
  });
});
