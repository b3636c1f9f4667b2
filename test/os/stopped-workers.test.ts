/** What is seen of workers that are stopped: whether they are, in all their threads, and how many connections they hold. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { isStopped, lookAt, lookForConnections } from "../../src/os/procfs.ts";
import { heedsSignalFirst } from "../../src/os/stop-point.ts";
import { childrenOf } from "../helpers/manager.ts";
import { buildPrograms, echoes } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { KeptClient } from "./kept-client.ts";
import { openSite, type Site, startWorker, Undo, whileStopped } from "./workers.ts";

jest.setTimeout(60_000);

const undo = new Undo();
afterEach(() => undo.all());
beforeAll(() => buildPrograms([echoes.go, echoes.node, echoes.threads, echoes.c]), 120_000);

/** The states of all threads. */
function statesOf(pid: number): string[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.map((tid) => / ([A-Z]) /i.exec(readFileSync(`/proc/${pid}/task/${tid}/stat`, "latin1"))?.[1] ?? "");
}

test.each([echoes.go, echoes.node, echoes.threads].map((program) => [program.name, program] as const))(
  "%s is stopped when all its threads are, and not before, nor after it goes on",
  async (_name, program) => {
    const site = await openSite(undo, "unix");
    const pid = await startWorker(undo, site, program);
    expect(statesOf(pid).length).toBeGreaterThan(1);
    for (let turn = 0; turn < 50; turn += 1) {
      expect(isStopped(pid)).toBe(false);
      await whileStopped(pid, () => expect(new Set(statesOf(pid))).toEqual(new Set(["T"])));
      await until(() => !isStopped(pid), { what: "it to go on" });
    }
  },
);

test("who is gone is as good as stopped", () => {
  expect(isStopped(0x7ffffff0)).toBe(true);
});

test("a worker that holds one connection is busy, one that holds several is crowded", async () => {
  const site = await openSite(undo, "unix");
  const pid = await startWorker(undo, site, echoes.go);
  const look = () => whileStopped(pid, () => lookForConnections(pid, site.listener));
  expect(await look()).toBe("elsewhere");
  const client = new KeptClient(site.connect(), echoes.go);
  await client.ask();
  expect(await look()).toBe("busy");
  await new KeptClient(site.connect(), echoes.go).ask();
  expect(await look()).toBe("crowded");
  client.socket.destroy();
  await until(async () => (await look()) === "busy", { what: "one to be gone" });
});

test("a connection that a child holds which was forked just now is the worker's", async () => {
  const site = await openSite(undo, "unix");
  const program =
    "import os, socket, time\nlistener = socket.socket(fileno=0)\nwhile True:\n  connection, _ = listener.accept()\n" +
    "  if os.fork() == 0: time.sleep(60)\n  connection.close()\n";
  const stdio = [site.listener.fd, "ignore", "inherit"] as const;
  const worker = spawn("/usr/bin/python3", ["-c", program], { stdio: [...stdio], detached: true });
  const pid = worker.pid ?? 0;
  undo.add(() => process.kill(-pid, "SIGKILL"));
  await until(() => lookAt(pid, site.listener) === "waiting", { what: "it to wait" });
  for (let turn = 0; turn < 5; turn += 1) {
    lookForConnections(pid, site.listener); // reads who belongs to the session
    site.connect();
    await until(() => site.listener.connections()?.size === 1, { what: "the child to have it", everyMs: 1 });
    await until(() => lookAt(pid, site.listener) === "waiting", { what: "the parent to let go", everyMs: 1 });
    expect(["busy", "crowded"]).toContain(lookForConnections(pid, site.listener));
    for (const child of childrenOf(pid)) process.kill(child, "SIGKILL");
    await until(() => site.listener.connections()?.size === 0, { what: "the child to be gone" });
  }
});

describe("where it is stopped", () => {
  /** A Python program on a listener, in the middle of what it is to do. */
  async function workerAt(site: Site, step: string, isThere: (pid: number) => boolean): Promise<number> {
    const program = `import select, socket\nlistener = socket.socket(fileno=0)\n${step}`;
    const worker = spawn("/usr/bin/python3", ["-c", program], {
      stdio: [site.listener.fd, "ignore", "inherit"],
      detached: true,
    });
    const pid = worker.pid ?? 0;
    undo.add(() => process.kill(-pid, "SIGKILL"));
    await until(() => isThere(pid), { what: "it to be there" });
    return pid;
  }

  test("a worker that waits for a connection heeds its signal first, whatever waits in the queue", async () => {
    const site = await openSite(undo, "unix");
    const waits = (pid: number) => lookAt(pid, site.listener) === "waiting";
    const pid = await workerAt(site, "listener.accept()", waits);
    for (const length of [0, 1]) {
      await until(() => waits(pid), { what: "it to wait again" });
      expect(await whileStopped(pid, () => heedsSignalFirst(pid, length))).toBe(true);
    }
  });

  test("one that polls may have been told of a connection already, if one waits", async () => {
    const site = await openSite(undo, "unix");
    const step = "select.select([listener], [], [])";
    const pid = await workerAt(site, step, (pid) => lookAt(pid, site.listener) === "waiting");
    expect(await whileStopped(pid, () => heedsSignalFirst(pid, 0))).toBe(true);
    expect(await whileStopped(pid, () => heedsSignalFirst(pid, 1))).toBe(false);
  });

  test("one between two calls may accept next", async () => {
    const site = await openSite(undo, "unix");
    const computes = (pid: number) => /^running/.test(readFileSync(`/proc/${pid}/syscall`, "latin1"));
    const pid = await workerAt(site, "while True: pass", computes);
    // It makes no calls any more once it computes.
    await until(() => whileStopped(pid, () => !heedsSignalFirst(pid, 0)), { what: "it to compute" });
    expect(await whileStopped(pid, () => heedsSignalFirst(pid, 1))).toBe(false);
  });

  test("who is gone takes nothing", () => {
    expect(heedsSignalFirst(0x7ffffff0, 1)).toBe(true);
  });
});
