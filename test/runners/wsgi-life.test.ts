/** The runner as a process: how it starts, shares its listener, is asked to end, and what it says when it cannot serve. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { request } from "../../src/fastcgi/client.ts";
import { webServerParams } from "../../src/fastcgi/web-server-params.ts";
import { collect, ending, makeDirectory, opening, Undo } from "../fastcgi/peers.ts";
import { isAlive } from "../helpers/manager.ts";
import { until } from "../helpers/wait.ts";
import { apps, endOf, python, type RunnerOptions, spawnRunner, startWorkers, type Workers } from "./wsgi-runner.ts";

jest.setTimeout(60_000);
const undo = new Undo();
afterEach(() => undo.all());

const threads = [["1"], ["4"]];
const withThreads = (n: string): RunnerOptions => ({ args: ["--threads", n] });

/** Starts requests that wait for the gate, and waits until all of them are under way. */
async function occupy(workers: Workers, gate: string, count: number) {
  const answers = Array.from({ length: count }, () => workers.ask(`/waits?gate=${gate}`));
  for (const answer of answers) answer.catch(() => {});
  const waiting = () => workers.stderr.text.split("waits\n").length > count;
  await until(waiting, { what: `${count} requests under way` });
  return answers;
}

describe.each(threads)("with --threads %s", (n) => {
  test.each(["SIGTERM", "SIGINT", "SIGUSR1"] as const)("%s ends an idle worker at once, with 0", async (signal) => {
    const workers = await startWorkers(undo, withThreads(n));
    await workers.ask("/blocks");
    await until(workers.isWaiting, { what: "the worker to wait again" });
    expect(await workers.end(signal)).toEqual([0]);
    expect(workers.stderr.text).toBe("");
  });

  test("SIGTERM lets all that is in flight finish, and takes nothing new", async () => {
    const workers = await startWorkers(undo, withThreads(n));
    const gate = join(workers.directory, "gate");
    const answers = await occupy(workers, gate, Number(n));
    const ended = workers.end();
    await until(() => !workers.isWaiting(), { what: "the worker to stop" });
    const late = workers.ask("/blocks");
    late.catch(() => {});
    writeFileSync(gate, "");
    for (const answer of answers) expect((await answer).body.toString()).toBe(String(workers.pids[0]));
    expect(await ended).toEqual([0]);
    expect(workers.listener.queue()?.length).toBe(1);
  });

  test("SIGTERM ends a worker with a kept idle connection, after asking the web server to close it", async () => {
    const workers = await startWorkers(undo, withThreads(n));
    const web = workers.peer(undo);
    web.send(opening(1, { params: { PATH_INFO: "/blocks" } }), ending(1));
    await web.answer();
    const ended = workers.end();
    await until(() => web.records.at(-1)?.type === 7, { what: "the question" });
    web.socket.end();
    expect(await ended).toEqual([0]);
  });

  test("a connection that sends its first request after SIGTERM is served", async () => {
    let answer: string | undefined;
    while (answer === undefined) answer = await askAfterTerm(withThreads(n));
    expect(answer).toMatch(/x$/);
  });

  test("four workers share a listener under load, and SIGTERM ends each of them without losing a request", async () => {
    await unlessHeldUp(() => endUnderLoad(n));
  });
});

async function endUnderLoad(n: string): Promise<void> {
  const workers = await startWorkers(undo, { ...withThreads(n), workers: 4 });
  const pids = new Set<string>();
  let isOver = false;
  const loop = async () => {
    while (!isOver) pids.add((await workers.ask("/slow")).body.toString());
  };
  const load = Promise.all(Array.from({ length: 8 }, loop)).finally(() => {
    isOver = true;
  });
  load.catch(() => {});
  await until(() => pids.size === 4 || isOver, { what: "an answer of each worker" });
  // A fifth worker, which takes over what waits in the queue.
  spawnRunner(undo, workers.listener.fd, withThreads(n));
  expect(await workers.end()).toEqual([0, 0, 0, 0]);
  await until(() => pids.size === 5 || isOver, { what: "an answer of the fifth" });
  isOver = true;
  await load;
  expect(workers.stderr.text).toBe("");
}

/**
 * A worker that is to end waits a second for the first request of a connection. So what fails is tried again where it was this
 * process, the web server, that was held up.
 */
async function unlessHeldUp(act: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const delay = monitorEventLoopDelay();
    delay.enable();
    try {
      return await act();
    } catch (error) {
      const longestMs = delay.max / 1e6;
      if (longestMs < 500 || tries === 5) throw error;
    } finally {
      delay.disable();
    }
  }
}

/**
 * What is answered to the first request of a connection, sent when its worker has heard the signal. A worker waits a second
 * for it; undefined: something held us up for longer.
 */
async function askAfterTerm(options: RunnerOptions): Promise<string | undefined> {
  const workers = await startWorkers(undo, options);
  const web = workers.peer(undo);
  const isHeld = () => workers.listener.connections()?.size === 1 && workers.listener.queue()?.length === 0;
  await until(isHeld, { what: "the connection to be accepted" });
  const from = performance.now();
  for (const child of workers.children) child.kill("SIGTERM");
  const isOver = () => workers.children.every(({ exitCode }) => exitCode !== null);
  await until(() => isOver() || pollsOne(workers.pids[0]), { what: "the signal to be heard" });
  web.send(opening(1, { keep: false, params: { PATH_INFO: "/blocks" } }), ending(1));
  const isInTime = performance.now() - from < 1000;
  const { stdout } = await web.answer();
  expect(await workers.end()).toEqual([0]);
  return isInTime ? stdout : undefined;
}

/** A thread polls one descriptor alone: it waits for what this connection still sends before the end. */
function pollsOne(pid: number | undefined): boolean {
  const threads = readdirSync(`/proc/${pid}/task`);
  const calls = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/syscall`, "utf8").split(" "));
  return calls.some(([call = "", , count]) => ["7", "73", "271"].includes(call) && count === "0x1");
}

test("--threads 4 serves four requests at a time, and leaves the fifth in the queue", async () => {
  const workers = await startWorkers(undo, withThreads("4"));
  const gate = join(workers.directory, "gate");
  const answers = await occupy(workers, gate, 4);
  const fifth = workers.ask("/blocks");
  await until(() => workers.listener.queue()?.length === 1, { what: "the fifth to wait" });
  writeFileSync(gate, "");
  await Promise.all([...answers, fifth]);
});

test("O_NONBLOCK on the listener, set by somebody who shares it, does no harm", async () => {
  const workers = await startWorkers(undo);
  const program = "import fcntl, os; fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_NONBLOCK)";
  execFileSync(python, ["-c", program], { stdio: [workers.listener.fd, "ignore", "inherit"] });
  for (let n = 0; n < 3; n += 1) expect((await workers.ask("/blocks")).status).toBe(200);
  await until(workers.isWaiting, { what: "the worker to wait" });
  expect(await workers.end()).toEqual([0]);
});

test("a default timeout that the application sets does not make the listener non-blocking", async () => {
  const directory = makeDirectory(undo);
  const app = "import socket\nsocket.setdefaulttimeout(5)\nfrom rules import application\n";
  writeFileSync(join(directory, "timed.py"), app);
  const workers = await startWorkers(undo, { cwd: directory, app: "timed", env: { PYTHONPATH: apps } });
  expect((await workers.ask("/blocks")).status).toBe(200);
  const info = readFileSync(`/proc/self/fdinfo/${workers.listener.fd}`, "utf8");
  expect(Number.parseInt(/flags:\s+(\d+)/.exec(info)?.[1] ?? "", 8) & 0o4000).toBe(0);
});

test("fd 1 and 2 may be closed", async () => {
  const workers = await startWorkers(undo, { shell: 'exec "$@" >&- 2>&-' });
  expect((await workers.ask("/raises")).stderr.toString()).toContain("LookupError");
  expect((await workers.ask("/blocks")).status).toBe(200);
  for (const fd of [0, 1, 2]) expect(readlinkSync(`/proc/${workers.pids[0]}/fd/${fd}`)).toBe("/dev/null");
});

test("what the application starts has no part in the listener and the signals", async () => {
  const workers = await startWorkers(undo);
  expect((await workers.ask("/child?reads=1")).body.toString()).toBe("nothing to read");
  const pid = Number((await workers.ask("/child")).body);
  undo.add(() => isAlive(pid) && process.kill(pid, "SIGKILL"));
  // Until the interpreter has told the child so, it has the worker's signal handlers.
  const hasEnded = () => {
    if (isAlive(pid)) process.kill(pid, "SIGTERM");
    return !isAlive(pid);
  };
  await until(hasEnded, { what: "the end of the child" });
  expect((await workers.ask("/blocks")).status).toBe(200);
});

test("on TCP FCGI_WEB_SERVER_ADDRS says who is served", async () => {
  const served = await startWorkers(undo, { kind: "tcp", env: { FCGI_WEB_SERVER_ADDRS: "10.9.8.7, 127.0.0.1" } });
  expect((await served.ask("/blocks")).status).toBe(200);
  const refused = await startWorkers(undo, { kind: "tcp", env: { FCGI_WEB_SERVER_ADDRS: "10.9.8.7" } });
  for (let n = 0; n < 2; n += 1) await expect(refused.ask("/blocks")).rejects.toThrow(/cut|closed|reset/i);
  const complaint = "fcgi-pm: cannot serve 127.0.0.1: it is not in FCGI_WEB_SERVER_ADDRS\n";
  await until(() => refused.stderr.text.length >= complaint.length, { what: "a word of it" });
  expect(refused.stderr.text).toBe(complaint);
  const unix = await startWorkers(undo, { env: { FCGI_WEB_SERVER_ADDRS: "10.9.8.7" } });
  expect((await unix.ask("/blocks")).status).toBe(200);
});

describe("the application is named", () => {
  const bodyOf = async (app: string, cwd = apps): Promise<string> => {
    const { listen } = await startWorkers(undo, { app, cwd });
    const answer = await request({
      listen,
      params: webServerParams({ uri: "/blocks", scriptName: "" }),
      timeoutMs: 20_000,
    });
    return answer.body.toString();
  };

  test.each([
    ["rules", "x"],
    ["rules:site.application", "x"],
    ["rules:create_app()", "hello, world"],
    ["rules:create_app('you', greeting='hi: hi')", "hi: hi, you"],
    ["./rules.py:checked", "x"],
    [join(apps, "rules.py"), "x"],
  ])("as %s", async (app, expected) => {
    expect(await bodyOf(app)).toBe(expected);
  });

  test("by a dotted module, by the file of any name, and where the module is called as this file is", async () => {
    const directory = makeDirectory(undo);
    mkdirSync(join(directory, "package"));
    const app = 'def app(environ, start_response):\n    start_response("200 OK", [])\n    return [__name__.encode()]\n';
    for (const name of ["package/__init__.py", "package/wsgi.py", "wsgi.py", "old.wsgi"])
      writeFileSync(join(directory, name), app);
    expect(await bodyOf("package.wsgi:app", directory)).toBe("package.wsgi");
    expect(await bodyOf("wsgi:app", directory)).toBe("wsgi");
    expect(await bodyOf("old.wsgi", directory)).toBe("old");
  });
});

/** `request` of Flask may not even be looked at outside of a request. */
const mill = `
from flask import request
def create_app(config=None): pass
def three(scope, receive, send): pass
async def asgi(environ, start_response): pass
class Asgi:
    async def __call__(self, scope, receive, send): pass
asgi_object = Asgi()
def nothing(): pass
def number(): return 1
`;

describe("what cannot be served", () => {
  /** Runs it to its end, with a listener or without. */
  const complaint = async (options: RunnerOptions, fd: number | "ignore" = "ignore") => {
    const child = spawnRunner(undo, fd, options);
    const stderr = collect(child.stderr);
    const status = await endOf(child);
    await until(() => child.stderr?.closed, { what: "the end of stderr" });
    return { status, lines: stderr.text.trimEnd().split("\n") };
  };

  test("a module that is not there: the traceback, and then where it was looked for and by whom, in one line", async () => {
    const cwd = makeDirectory(undo);
    const { status, lines } = await complaint({ app: "yourapplication:app", cwd });
    expect(status).toBe(1);
    expect(lines[0]).toBe("Traceback (most recent call last):");
    expect(lines.at(-2)).toBe("ModuleNotFoundError: No module named 'yourapplication'");
    const words = ["cannot load yourapplication:app as user ", cwd, "/usr/bin/python3 (Python 3.", "sys.path ['"];
    for (const word of words) expect(lines.at(-1)).toContain(word);
  });

  test.each([
    ["rules:nothing", /has no nothing that can be called; what can be called in it: .*application.*create_app/],
    ["rules:not_callable", /has no not_callable that can be called/],
    ["rules:site.nothing", /has no site\.nothing that can be called/],
    ["rules:create_app(name)", /'create_app\(name\)' is neither a name nor a call with plain values/],
    ["json", /has no application, or app that can be called; what can be called in it: .*loads/],
  ])("%s", async (app, words) => {
    const { status, lines } = await complaint({ app });
    expect([status, lines[0]]).toEqual([1, expect.stringMatching(words)]);
    expect(lines[1]).toMatch(/^fcgi-pm: cannot load .* as user /);
  });

  test.each([
    ["mill:create_app", /it cannot be called with \(environ, start_response\); if it makes .*: mill:create_app\(\)$/],
    ["mill:three", /it cannot be called with \(environ, start_response\)/],
    ["mill:asgi", /it is async, an ASGI application; what is served here is WSGI$/],
    ["mill:asgi_object", /it is async, an ASGI application/],
    ["mill:nothing()", /nothing\(\) returned None, which is no application$/],
    ["mill:number()", /number\(\) returned an object of the type int, which is no application$/],
    ["mill", /what can be called in it: .*nothing.*; try mill:create_app\(\)$/],
    ["mysite", /nothing in it can be called; try mysite\.wsgi$/],
  ])("%s: no WSGI application, and what could be one", async (app, words) => {
    const cwd = makeDirectory(undo);
    writeFileSync(join(cwd, "mill.py"), mill);
    mkdirSync(join(cwd, "mysite"));
    for (const name of ["__init__.py", "wsgi.py"]) writeFileSync(join(cwd, "mysite", name), "");
    const { status, lines } = await complaint({ app, cwd });
    expect([status, lines[0]]).toEqual([1, expect.stringMatching(words)]);
    expect(lines).toHaveLength(2);
  });

  test("a module that ends the process when it is loaded", async () => {
    const cwd = makeDirectory(undo);
    writeFileSync(join(cwd, "quits.py"), "import sys\nsys.exit(0)\n");
    const { status, lines } = await complaint({ app: "quits:app", cwd });
    expect([status, lines.at(-2), lines.at(-1)]).toEqual([1, "SystemExit: 0", expect.stringContaining("cannot load")]);
  });

  test("no listening socket on fd 0: it says how to be run", async () => {
    const { status, lines } = await complaint({ app: "rules:application" });
    expect(status).toBe(1);
    expect(lines).toEqual([
      "fcgi-pm: rules:application is there, but fd 0 is no listening socket",
      "fcgi-pm:   try: fcgi-pm start --wsgi rules:application --socket /tmp/app.sock",
    ]);
  });

  test.each([
    [["--threads", "0"], "'0' is no number from 1 to 1000"],
    [["--script-name", "app"], "'app' has to be empty, or to begin with a slash"],
    [["--script-name", "/app/"], "'/app/' has to be empty, or to begin with a slash"],
  ])("%p is wrong usage", async (args, words) => {
    const { status, lines } = await complaint({ args });
    expect([status, lines.at(-1)]).toEqual([2, expect.stringContaining(words)]);
  });
});
