/** Pools of php-fpm: every option that php-fpm knows. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { globalOptions, poolOptions } from "../../src/import/php-fpm-options.ts";
import { usePlace } from "../helpers/manager.ts";
import { appsOf, configOf, remarksOf, worldOf } from "./world.ts";

const place = usePlace();

const conf = "/etc/php/8.2/fpm/pool.d/www.conf";
const pool = (lines: string) =>
  appsOf(configOf(conf, `[www]\nlisten = /run/www.sock\npm.max_children = 2\n${lines}\n`))["www"] ?? {};

test("a pool is php-cgi of the same version, without a limit on requests unless there was one", () => {
  expect(pool("")).toEqual({
    command: ["php-cgi8.2"],
    socket: "/run/www.sock",
    processes: 2,
    env: { PHP_FCGI_MAX_REQUESTS: "0" },
  });
  expect(pool("pm.max_requests = 70")["env"]).toEqual({ PHP_FCGI_MAX_REQUESTS: "70" });
});

describe("an option", () => {
  test.each([
    ["listen = 9000", { port: "0.0.0.0:9000" }],
    ["listen = [::1]:9000", { port: "[::1]:9000" }],
    ["listen.owner = a\nlisten.group = b\nlisten.mode = 0600", { "socket-owner": "a:b", "socket-mode": "0600" }],
    ["listen.backlog = -1", { "listen-queue-depth": 65_535 }],
    ["user = www-data\ngroup = www", { user: "www-data", group: "www" }],
    ["process.priority = -5", { priority: -5 }],
    ["rlimit_files = 1024\nrlimit_core = unlimited", { rlimits: { nofile: 1024, core: "unlimited" } }],
    ["chdir = /srv/$pool", { cwd: "/srv/www" }],
    ['env[A] = "b;c" ; comment\nenv[HOSTNAME] = $HOSTNAME', { env: { A: "b;c" }, "pass-env": ["HOSTNAME"] }],
    [
      "php_admin_value[memory_limit] = 32M\nphp_flag[display_errors] = off",
      { command: ["php-cgi8.2", "-d", "memory_limit=32M", "-d", "display_errors=0"] },
    ],
  ])("%s", (lines, keys) => {
    expect(pool(lines)).toMatchObject(keys);
  });

  test("each one that Debian's own www.conf names is known", () => {
    const shipped = readFileSync("/etc/php/8.2/fpm/pool.d/www.conf", "utf8").matchAll(
      /^;?([a-z][\w.]*)(?:\[[^\]]*\])? = /gm,
    );
    const names = new Set([...shipped].map((match) => match[1] ?? ""));
    expect(names.size).toBeGreaterThan(40);
    const read = [
      "listen",
      "listen.owner",
      "listen.group",
      "prefix",
      "env",
      "php_value",
      "php_flag",
      "php_admin_value",
      "php_admin_flag",
    ];
    expect([...names].filter((name) => !Object.hasOwn(poolOptions, name) && !read.includes(name))).toEqual([]);
  });

  test("each one that Debian's own php-fpm.conf names is known", () => {
    const shipped = readFileSync("/etc/php/8.2/fpm/php-fpm.conf", "utf8").matchAll(/^;?([a-z][\w.]*) ?= ?/gm);
    const names = [...shipped].map((match) => match[1] ?? "").filter((name) => name !== "include");
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !Object.hasOwn(globalOptions, name))).toEqual([]);
  });
});

test("include is followed, and what is no line of php-fpm is told", () => {
  const files = { "/etc/fpm/pool.d/a.conf": "[a]\nlisten=/a\npm.max_children=1\nnonsense\n" };
  const text = configOf("/etc/fpm/php-fpm.conf", "[global]\npid=/p\ninclude=pool.d/*.conf\n", worldOf(files));
  expect(Object.keys(appsOf(text))).toEqual(["a"]);
  expect(remarksOf(text).map((remark) => remark.split(" → ")[0])).toEqual([
    "/etc/fpm/pool.d/a.conf:4: nonsense",
    "/etc/fpm/php-fpm.conf:2: pid = /p",
  ]);
});

test("a variable within a value is told", () => {
  const text = configOf(conf, `[www]\nlisten = /s\nenv[A] = "a \${B}"\n`);
  expect(remarksOf(text)).toContainEqual(expect.stringContaining(`3: env[A] = a \${B} → php-fpm fills in`));
});

describe("settings of PHP", () => {
  const lines = [
    'php_admin_value[session.save_path] = "tcp://127.0.0.1:6379?auth=s3cr(et)&x;y"',
    'php_value[user_agent] = "Foo/1.0 (x; y) \\"q\\""',
    "php_value[from] = 'a=b; $c'",
    "php_value[error_reporting] = E_ALL & ~E_DEPRECATED",
    'php_value[highlight.comment] = "none"',
    "php_value[memory_limit] = 64M",
    "php_value[memory_limit] = 96M",
    "php_flag[html_errors] = off",
  ];

  test("mean the same to php-cgi, whatever is in them", () => {
    const command = pool(lines.join("\n"))["command"] as string[];
    const script = join(place.directory, "settings.php");
    const names = ["session.save_path", "user_agent", "from", "error_reporting", "highlight.comment", "memory_limit"];
    writeFileSync(script, `<?php foreach (explode(",", "${names.join(",")}") as $name) echo ini_get($name), "\\n";`);
    const run = spawnSync("php-cgi", ["-q", ...command.slice(1), "-f", script], { encoding: "utf8" });
    expect([run.stderr, run.stdout.split("\n")]).toEqual([
      "",
      ["tcp://127.0.0.1:6379?auth=s3cr(et)&x;y", 'Foo/1.0 (x; y) "q"', "a=b; $c", "24575", "none", "96M", ""],
    ]);
  });

  test("of doubles the last counts", () => {
    expect(pool(lines.slice(5, 7).join("\n"))["command"]).toEqual(["php-cgi8.2", "-d", "memory_limit=96M"]);
  });
});

test("below another root directory chdir is a path in it", () => {
  expect(pool("chroot = /srv/$pool\nchdir = /htdocs")["cwd"]).toBe("/srv/www/htdocs");
  expect(pool("chroot = /srv/$pool")["cwd"]).toBe("/srv/www");
});

test("what a port cannot have is told at its own line; a variable in braces is one", () => {
  const text = configOf(conf, `[www]\nlisten = 9000\nlisten.mode = 0600\nenv[A] = \${A}\n`);
  expect(appsOf(text)["www"]).toMatchObject({ port: "0.0.0.0:9000", "pass-env": ["A"] });
  expect(remarksOf(text)).toContainEqual(
    `${conf}:3: listen.mode = 0600 → it has no meaning with port: only a Unix socket has a mode and an owner`,
  );
});

test("files that include each other are read once each", () => {
  const files = {
    [conf]: "[www]\nlisten=/run/a\ninclude=more.conf\n",
    "/etc/php/8.2/fpm/pool.d/more.conf": "php_value[a.b]=1\ninclude=www.conf\n",
  };
  const text = configOf(conf, files[conf] ?? "", worldOf(files));
  expect(appsOf(text)["www"]?.["command"]).toEqual(["php-cgi8.2", "-d", "a.b=1"]);
  expect(remarksOf(text)).toContainEqual(
    expect.stringContaining("more.conf:2: include=www.conf → files include each other"),
  );
});
