import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { request } from "../../src/fastcgi/client.ts";
import { webServerParams } from "../../src/fastcgi/web-server-params.ts";
import { isStopped } from "../../src/os/procfs.ts";
import { bundle, collect, ending, makeDirectory, needProgram, opening, RawPeer, run, Undo, until } from "./peers.ts";

jest.setTimeout(60_000);
const forAll = new Undo();
const undo = new Undo();
let worker = "";
beforeAll(() => {
  worker = bundle("shares-listener", makeDirectory(forAll));
});
afterEach(() => undo.all());
afterAll(() => forAll.all());

/** One blocking listener, and as many workers on it as the test starts. */
function listener() {
  const directory = makeDirectory(undo);
  const path = join(directory, "app.sock");
  const script = fileURLToPath(new URL("./programs/launcher.py", import.meta.url));
  const launcher = run(undo, needProgram("python3"), [script, path]);
  const out = collect(launcher.stdout);
  const stderr = collect(launcher.stderr);
  undo.add(async () => {
    launcher.stdin?.end();
    if (launcher.exitCode === null) await once(launcher, "close");
  });
  let started = 0;
  /** Starts a worker and waits until it listens; answers its pid. */
  async function spawn(): Promise<number> {
    started += 1;
    const [sign, mine] = [join(directory, `listens-${started}`), started];
    launcher.stdin?.write(`'${process.execPath}' '${worker}' '${sign}'\n`);
    await until(() => existsSync(sign));
    await until(() => out.text.split("\n").length > mine);
    return Number(out.text.split("\n")[mine - 1]);
  }
  return { listen: { kind: "unix", path } as const, spawn, stderr };
}

/** Octal 04000 in the flags of its fd 0: the flag that all workers of a listener share. */
function isNonBlocking(pid: number): boolean {
  const [, flags = "0"] = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/0`, "latin1")) ?? [];
  return (Number.parseInt(flags, 8) & 0o4000) !== 0;
}

/** The launcher reaps nobody before its end: a worker that is done is a zombie. */
function isOver(pid: number): boolean {
  return / Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\)/s, ""));
}

/** Field 52 of /proc/PID/stat, in the form of waitpid. */
function exitCode(pid: number): number | undefined {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /s, "")
    .trim()
    .split(" ");
  return isOver(pid) ? Number(fields[49]) >> 8 : undefined;
}

/** How many sockets a process has, its connections among them. */
function countSockets(pid: number): number {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return "";
    }
  });
  return links.filter((link) => link.startsWith("socket:")).length;
}

const ask = (listen: { kind: "unix"; path: string }, scriptName: string) =>
  request({ listen, params: webServerParams({ uri: scriptName }), timeoutMs: 60_000 });

describe("a worker that shares its listener", () => {
  test.each(["SIGTERM", "SIGINT", "SIGUSR1"] as const)(
    "leaves O_NONBLOCK set for its sibling when it ends by %s, and ends with 0",
    async (signal) => {
      const { listen, spawn } = listener();
      // The first one starts on a blocking listener: these are the flags that Node would put back.
      const leaves = await spawn();
      const stays = await spawn();
      expect(isNonBlocking(stays)).toBe(true);
      process.kill(leaves, signal);
      await until(() => isOver(leaves));
      expect(exitCode(leaves)).toBe(0);
      expect(isNonBlocking(stays)).toBe(true);
      expect((await ask(listen, "/")).body.toString()).toBe(String(stays));
    },
  );

  test.each([
    ["process.exit", "/exit", 3],
    ["an uncaught exception", "/throw", 1],
  ])("leaves O_NONBLOCK set for its sibling when it ends by %s", async (_name, path, code) => {
    const { listen, spawn } = listener();
    const leaves = await spawn();
    const stays = await spawn();
    // A process that is stopped takes no connection: the request goes to the other.
    process.kill(stays, "SIGSTOP");
    await until(() => isStopped(stays));
    await ask(listen, path).catch(() => {});
    await until(() => isOver(leaves));
    expect(exitCode(leaves)).toBe(code);
    expect(isNonBlocking(stays)).toBe(true);
    process.kill(stays, "SIGCONT");
    expect((await ask(listen, "/")).body.toString()).toBe(String(stays));
  });

  test("does not stand still in accept when a sibling took the connection", async () => {
    const { listen, spawn } = listener();
    const pids = [await spawn(), await spawn(), await spawn()];
    const answers = await Promise.all(Array.from({ length: 60 }, () => ask(listen, "/")));
    const served = new Set(answers.map((answer) => Number(answer.body.toString())));
    expect([...served].every((pid) => pids.includes(pid))).toBe(true);
    for (const pid of pids) process.kill(pid, "SIGTERM");
    await until(() => pids.every(isOver));
    expect(pids.map(exitCode)).toEqual([0, 0, 0]);
  });
});

describe("a worker that is told to stop", () => {
  test("finishes its request, closes its idle kept connections, and takes no more", async () => {
    const { listen, spawn } = listener();
    const pid = await spawn();
    const before = countSockets(pid);
    const [busy, idle] = [new RawPeer(listen, undo), new RawPeer(listen, undo)];
    idle.send(opening(1), ending(1));
    await idle.answer();
    busy.send(opening(1));
    await until(() => countSockets(pid) === before + 2);
    process.kill(pid, "SIGTERM");
    await until(() => idle.hasEnd);
    idle.socket.end();
    process.kill(pid, "SIGTERM");
    const later = ask(listen, "/");
    const next = await spawn();
    expect((await later).body.toString()).toBe(String(next));
    expect(isOver(pid)).toBe(false);
    busy.send(ending(1));
    expect((await busy.answer()).stdout).toContain(`\r\n\r\n${pid}`);
    busy.socket.end();
    await until(() => isOver(pid));
    expect(exitCode(pid)).toBe(0);
  });
});

describe("standard input that is no listening socket", () => {
  test.each([
    ["/dev/null", `exec "$@" </dev/null`],
    ["a pipe", `: | exec "$@"`],
    ["a file", `exec "$@" <"$0"`],
    ["closed", `exec "$@" <&-`],
    ["a connected socket", `exec "$@"`],
  ])("is told with the way to start the program: %s", async (_name, script) => {
    const child = run(undo, "sh", ["-c", script, worker, process.execPath, worker, "/nonexistent/sign"]);
    const stderr = collect(child.stderr);
    const [code] = await once(child, "close");
    expect(code).toBe(1);
    expect(stderr.text).toContain("Cannot serve: standard input (fd 0) is not a listening socket (E");
    expect(stderr.text).toContain("fcgi-pm start shares-listener.mjs");
  });
});
