/** --wsgi, --python and their keys: what of them reaches the Python runner. What the runner itself does is tested in wsgi.test.ts. */
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, jest, test } from "@jest/globals";
import { execa } from "execa";
import { ask, discard, runToEnd, scratch, startReady, usePlace } from "../helpers/manager.ts";
import { until } from "../helpers/wait.ts";
import { installCopy, startCopy, write } from "./site.ts";

jest.setTimeout(60_000);

/** Debian's, whatever other Python stands first in PATH. */
const python = "/usr/bin/python3";
const withPython = ["--python", python];

const place = usePlace();
const inPlace = () => ({ cwd: place.directory });
const add = (name: string, text: string, mode?: number) => write(place.directory, name, text, mode);

/** An application that tells what it was given. */
const application = (word = "old") => `import json, os, sys

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    facts = {"word": "${word}", "cwd": os.getcwd(), "prefix": sys.prefix, "arguments": sys.argv[1:], "uid": os.getuid()}
    facts.update((name, environ[name]) for name in ("SCRIPT_NAME", "PATH_INFO", "wsgi.multithread"))
    return [json.dumps(facts).encode()]
`;

const factsOf = async (path = place.path, uri = "/news") => JSON.parse(String((await ask(path, uri)).body));

test("an app from flags is named after its module, and runs in the directory of the shell", async () => {
  add("shop/web.py", application());
  const args = ["--wsgi", "shop.web:app", ...withPython, "--processes", "2", "--socket", place.path];
  const manager = await startReady(args, inPlace());
  expect(await factsOf()).toMatchObject({
    cwd: place.directory,
    arguments: ["shop.web:app"],
    "wsgi.multithread": false,
  });
  expect(manager.workers()).toHaveLength(2);
  expect((await manager.notice("pool.ready")).app).toBe("web");
  await manager.stop();
});

test("the keys of a config reach the runner, and a virtualenv is named by its directory", async () => {
  await execa(python, ["-m", "venv", "--without-pip", join(place.directory, "venv")]);
  add("site/blog.py", application());
  const lines = ['wsgi = "blog:app"', 'python = "venv"', 'cwd = "site"', "threads = 3", 'script-name = "/blog"'];
  add("fcgi-pm.toml", ["[apps.blog]", ...lines, "lighttpd-root-fix = true", 'socket = "app.sock"', ""].join("\n"));
  const manager = await startReady([], inPlace());
  expect(await factsOf(place.path, "/blog/news")).toMatchObject({
    cwd: join(place.directory, "site"),
    prefix: join(place.directory, "venv"),
    arguments: ["--threads", "3", "--script-name", "/blog", "--lighttpd-root-fix", "blog:app"],
    SCRIPT_NAME: "/blog",
    "wsgi.multithread": true,
  });
  await manager.stop();
});

test("a reload rolls when the module has changed, and when a key of the runner has", async () => {
  add("blog.py", application());
  const config = (...lines: string[]) =>
    add(
      "fcgi-pm.toml",
      ["[apps.blog]", 'wsgi = "blog:app"', `python = "${python}"`, 'socket = "app.sock"', ...lines, ""].join("\n"),
    );
  config();
  const manager = await startReady([], inPlace());
  const reload = () => runToEnd(["reload"], { env: { RUNTIME_DIRECTORY: manager.runtime } });
  add("blog.py", application("newer"));
  expect(await reload()).toMatchObject({ code: 0, stdout: expect.stringContaining("rolled") });
  expect(await factsOf()).toMatchObject({ word: "newer" });
  config("threads = 2");
  expect(await reload()).toMatchObject({ code: 0 });
  expect(await factsOf()).toMatchObject({ "wsgi.multithread": true });
  await manager.stop();
});

test("check shows the interpreter, the runner and the application", async () => {
  add("blog.py", application());
  add(
    "fcgi-pm.toml",
    `[apps.blog]\nwsgi = "blog:app"\npython = "${python}"\nthreads = 2\n[apps.shop]\nwsgi = "shop/app.py"\n`,
  );
  const { code, stdout } = await runToEnd(["check"], inPlace());
  expect(code).toBe(5);
  expect(stdout).toMatch(/^blog: ok, 1 × \/usr\/bin\/python3 .*\/dist\/wsgi\.py --threads 2 blog:app as /m);
  expect(stdout).toContain(`Cannot serve "shop/app.py": there is no ${place.directory}/shop/app.py`);
});

test("as another user it runs where fcgi-pm and the module may be read by all, and is refused elsewhere", async () => {
  const home = scratch();
  const path = join(home, "app.sock");
  await execa("chmod", ["755", home]);
  const module = write(home, "blog.py", application());
  const program = installCopy(home, 0o755);
  const args = ["--wsgi", "blog:app", ...withPython, "--cwd", home, "--user", "www-data", "--socket", path];
  const stop = startCopy(program, args, home);
  const facts = await until(() => factsOf(path), { what: "its answer", timeoutMs: 20_000 });
  expect(facts.uid).toBeGreaterThan(0);
  await stop();
  const refusal = async () => (await execa("node", [program, "start", ...args], { reject: false })).stderr;
  await execa("chmod", ["600", module]);
  expect(await refusal()).toContain('user "www-data" may not read it');
  await execa("chmod", ["700", join(home, "installed")]);
  expect(await refusal()).toMatch(/may not read .*wsgi\.py, the part of fcgi-pm/);
  discard(home);
});

describe("is refused before anything starts:", () => {
  beforeAll(() => expect(process.getuid?.()).toBe(0));

  const refusal = async (...args: readonly string[]) => {
    const { code, stderr } = await runToEnd(
      ["start", "--wsgi", "blog:app", "--socket", place.path, ...args],
      inPlace(),
    );
    expect(stderr.split("\n")).toHaveLength(2);
    return `${code} ${stderr}`;
  };

  test("an interpreter that is nowhere", async () => {
    expect(await refusal("--python", "python9")).toMatch(/^1 .*no python9 in the workers' PATH[\s\S]*install python9/);
    expect(await refusal("--python", "/opt/none/python")).toMatch(/^1 .*there is no \/opt\/none\/python/);
    expect(await refusal("--env", "PATH=/nowhere")).toMatch(/^1 .*no python3 in the workers' PATH \(\/nowhere\)/);
  });

  test("a directory that is no virtualenv, and one whose Python is gone", async () => {
    mkdirSync(join(place.directory, "site"));
    expect(await refusal("--python", "site")).toMatch(/^1 .*no bin\/python[\s\S]*try: make one: python3 -m venv/);
    mkdirSync(join(place.directory, "venv/bin"), { recursive: true });
    symlinkSync("/usr/bin/python3.0", join(place.directory, "venv/bin/python"));
    expect(await refusal("--python", "venv")).toMatch(/^1 .*a link to a Python that is gone[\s\S]*--clear/);
  });

  test("a Python that is too old, by its name or by its own words", async () => {
    add("python2.7", "#!/bin/sh\n", 0o755);
    expect(await refusal("--python", "python2.7")).toMatch(/^1 .*is Python 2\.7, and it takes 3\.7 or later/);
    add("snake", "#!/bin/sh\necho 3.6\n", 0o755);
    expect(await refusal("--python", "./snake")).toMatch(/^1 .*snake is Python 3\.6/);
  });

  test("what is no interpreter, or may not be executed", async () => {
    const file = add("python3", "#!/bin/sh\n", 0o644);
    expect(await refusal("--python", "./python3")).toContain(`1 error: Cannot start "${file}": it is not executable`);
  });

  test("words beside the application, a config beside it, and keys of a WSGI application without one", async () => {
    const socket = ["--socket", place.path];
    const usage = async (...args: readonly string[]) => await runToEnd(["start", ...args, ...socket], inPlace());
    expect(await usage("--wsgi", "blog:app", "foo")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/"foo" and --wsgi blog:app at once\n {2}try: leave foo out/),
    });
    expect(await usage("--wsgi", "blog:app", "--config", "x.toml")).toMatchObject({ code: 2 });
    expect(await usage("app.fcgi", "--threads", "4")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--threads: has no meaning without wsgi"),
    });
    expect(await usage("--wsgi", "-c")).toMatchObject({ code: 2 });
  });
});
