/** Listeners that live: their queue, what was accepted from it, the closed door, rights and backlog that change. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  chownSync,
  existsSync,
  lstatSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type { Socket } from "node:net";
import { dirname, join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { bindUnix } from "../../src/os/listener.ts";
import { lockFileOf } from "../../src/os/lock.ts";
import { lookForConnections, queueCap } from "../../src/os/procfs.ts";
import { explainLock } from "../../src/os/refusal.ts";
import { discard, scratch } from "../helpers/manager.ts";
import { buildPrograms, echoes } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { KeptClient } from "./kept-client.ts";
import { openSite, type Site, startWorker, Undo, whileStopped } from "./workers.ts";

jest.setTimeout(60_000);

const undo = new Undo();
afterEach(() => undo.all());
beforeAll(() => buildPrograms([echoes.c]), 60_000);

const kinds = ["unix", "tcp", "tcp6"] as const;

async function connected(site: Site): Promise<Socket> {
  const socket = site.connect();
  await once(socket, "connect");
  return socket;
}

/** How the next connection fails. */
async function refusalOf(site: Site): Promise<string | undefined> {
  const [error] = await once(site.connect(), "error").catch((error) => [error]);
  return error.code;
}

/** The path of a Unix listener. */
const pathOf = ({ listener }: Site) => listener.address;

describe.each(kinds)("a listener (%s)", (kind) => {
  test("tells how many connections wait, and how many may", async () => {
    const site = await openSite(undo, kind, 5);
    expect(site.listener.queue()).toEqual({ length: 0, limit: 5 });
    await Promise.all([connected(site), connected(site), connected(site)]);
    await until(() => site.listener.queue()?.length === 3, { what: "three to wait" });
    expect(site.listener.connections()?.size).toBe(0);
    await startWorker(undo, site, echoes.c);
    await until(() => site.listener.connections()?.size === 1, { what: "one to be accepted" });
    expect(site.listener.queue()?.length).toBe(2);
  });

  test("lets no more wait than the kernel's cap allows", async () => {
    const site = await openSite(undo, kind, 1_000_000);
    expect(site.listener.queue()?.limit).toBe(queueCap());
  });

  test("takes another backlog, with what waits already", async () => {
    const site = await openSite(undo, kind, 5);
    await connected(site);
    site.listener.setBacklog(17);
    await until(() => site.listener.queue()?.length === 1, { what: "one to wait" });
    expect(site.listener.queue()).toEqual({ length: 1, limit: 17 });
  });

  test("tells how many bytes of an accepted connection nobody has read", async () => {
    const site = await openSite(undo, kind);
    const pid = await startWorker(undo, site, echoes.c);
    const socket = await connected(site);
    await until(() => lookForConnections(pid, site.listener) === "busy", { what: "it to be accepted" });
    const unread = () => [...(site.listener.connections()?.values() ?? [])].map(({ unreadBytes }) => unreadBytes);
    expect(unread()).toEqual([0]);
    await whileStopped(pid, async () => {
      socket.write(Buffer.alloc(100));
      await until(() => unread()[0] !== 0, { what: "bytes to arrive" });
      expect(unread()).toEqual([100]);
      socket.end("end");
      await until(() => unread()[0] !== 100, { what: "more bytes to arrive" });
      expect(unread()).toEqual([103]); // the end is no byte
    });
  });
});

describe.each(kinds)("a listener whose door is closed (%s)", (kind) => {
  test("lets those be served that were accepted, and those that waited", async () => {
    const site = await openSite(undo, kind);
    await startWorker(undo, site, echoes.c);
    const accepted = new KeptClient(site.connect(), echoes.c);
    expect(await accepted.ask()).toBe("answered");
    const waiting = new KeptClient(await connected(site), echoes.c);
    const answer = waiting.ask();
    await until(() => site.listener.queue()?.length === 1, { what: "one to wait" });
    expect(site.listener.refuseNew()).toBe(true);
    expect(await accepted.ask()).toBe("answered");
    accepted.socket.destroy();
    expect(await answer).toBe("answered");
    expect(await waiting.ask()).toBe("answered");
    expect(site.listener.queue()?.length).toBe(0);
  });

  test("refuses who comes newly, at the latest when it is released", async () => {
    const site = await openSite(undo, kind);
    site.listener.refuseNew();
    const refusal = refusalOf(site);
    await Promise.race([refusal, new Promise((resolve) => setTimeout(resolve, 200))]);
    expect(site.listener.queue()?.length).toBe(0);
    site.listener.release();
    expect(await refusal).toBe(kind === "unix" ? "ENOENT" : "ECONNREFUSED");
  });
});

test("a TCP handshake that is under way when the door closes comes to its end", async () => {
  const site = await openSite(undo, "tcp");
  deferAccept(site.listener.fd);
  // The client believes that it is connected; for the kernel the last packet of the handshake is that with the request.
  const late = new KeptClient(await connected(site), echoes.c);
  expect(site.listener.queue()?.length).toBe(0);
  site.listener.refuseNew();
  const answer = late.ask();
  await until(() => site.listener.queue()?.length === 1, { what: "the connection to be there" });
  await startWorker(undo, site, echoes.c);
  expect(await answer).toBe("answered");
});

/** TCP_DEFER_ACCEPT: the kernel ignores the last packet of a handshake until one with data comes. */
function deferAccept(fd: number): void {
  const program = "import socket; socket.socket(fileno=3).setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60)";
  execFileSync("/usr/bin/python3", ["-c", program], { stdio: ["ignore", "inherit", "inherit", fd] });
}

describe("the path of a closed door", () => {
  test("is gone, and its lock stays until the release", async () => {
    const site = await openSite(undo, "unix");
    const directory = dirname(pathOf(site));
    site.listener.refuseNew();
    expect(readdirSync(directory)).toEqual([".app.sock.lock"]);
    expect(() => bindUnix(pathOf(site), { backlog: 1, mode: 0o600 })).toThrow("has it");
    site.listener.release();
    expect(readdirSync(directory)).toEqual([]);
  });

  test("stays where it is another's by then", async () => {
    const site = await openSite(undo, "unix");
    writeFileSync(`${pathOf(site)}.new`, "precious");
    renameSync(`${pathOf(site)}.new`, pathOf(site));
    expect(site.listener.refuseNew()).toBe(true);
    site.listener.release();
    expect(existsSync(pathOf(site))).toBe(true);
  });
});

describe("the rights of a Unix path", () => {
  const rightsOf = (path: string) => {
    const { mode, uid, gid } = lstatSync(path);
    return { mode: mode & 0o7777, uid, gid };
  };

  test("change in place, owner and mode", async () => {
    const site = await openSite(undo, "unix");
    const { ino } = lstatSync(pathOf(site));
    site.listener.setRights({ mode: 0o660 });
    expect(rightsOf(pathOf(site))).toEqual({ mode: 0o660, uid: 0, gid: 0 });
    site.listener.setRights({ mode: 0o606, uid: 33, gid: 34 });
    expect(rightsOf(pathOf(site))).toEqual({ mode: 0o606, uid: 33, gid: 34 });
    site.listener.setRights({ mode: 0o606, gid: 35 });
    expect(rightsOf(pathOf(site))).toEqual({ mode: 0o606, uid: 33, gid: 35 });
    expect(lstatSync(pathOf(site)).ino).toBe(ino);
    await connected(site);
  });

  test("are not given to what somebody else has put there, nor to what his link points to", async () => {
    const site = await openSite(undo, "unix");
    const target = `${pathOf(site)}.target`;
    writeFileSync(target, "precious", { mode: 0o600 });
    symlinkSync(target, `${pathOf(site)}.link`);
    renameSync(`${pathOf(site)}.link`, pathOf(site));
    site.listener.setRights({ mode: 0o666, uid: 33 });
    expect(rightsOf(target)).toEqual({ mode: 0o600, uid: 0, gid: 0 });
    renameSync(target, pathOf(site));
    site.listener.setRights({ mode: 0o666, uid: 33 });
    expect(rightsOf(pathOf(site))).toEqual({ mode: 0o600, uid: 0, gid: 0 });
  });

  test("of a path that is gone change nothing", async () => {
    const site = await openSite(undo, "unix");
    site.listener.refuseNew();
    site.listener.setRights({ mode: 0o666 });
    expect(existsSync(pathOf(site))).toBe(false);
  });

  test("are never wider on the way than before or afterwards", async () => {
    const site = await openSite(undo, "unix");
    const one = { mode: 0o660, uid: 33, gid: 33 };
    const other = { mode: 0o606, uid: 34, gid: 34 };
    site.listener.setRights(one);
    const states = new Set<string>();
    const watch = new Worker(watcher, { eval: true, workerData: pathOf(site) });
    watch.on("message", (state: string) => states.add(state));
    // A thousand times, and until both have been seen: the watcher may have slept.
    for (let turn = 0; turn < 1000 || !states.has("660 33 33") || !states.has("606 34 34"); turn += 1) {
      site.listener.setRights(turn % 2 === 0 ? other : one);
      if (turn % 100 === 0) await nextTurn();
    }
    watch.postMessage("enough");
    await once(watch, "exit");
    const narrow = (0o600).toString(8);
    const allowed = ["660 33 33", `${narrow} 33 33`, `${narrow} 34 34`, "606 34 34"];
    expect([...states].filter((state) => !allowed.includes(state))).toEqual([]);
  });
});

/** Looks at the rights of a path without a rest, and tells each state that is new, until it is told that it is enough. */
const watcher = `
  const { lstatSync } = require("node:fs");
  const { parentPort, receiveMessageOnPort, workerData } = require("node:worker_threads");
  const states = new Set();
  while (receiveMessageOnPort(parentPort) === undefined) {
    const { mode, uid, gid } = lstatSync(workerData);
    const state = [(mode & 0o7777).toString(8), uid, gid].join(" ");
    if (!states.has(state)) parentPort.postMessage(state);
    states.add(state);
  }
  parentPort.close();
`;

test("a connection is told of its own listener only", async () => {
  const [one, other] = [await openSite(undo, "unix"), await openSite(undo, "unix")];
  const pid = await startWorker(undo, one, echoes.c);
  await connected(one);
  await until(() => lookForConnections(pid, one.listener) === "busy", { what: "it to be accepted" });
  expect(other.listener.connections()?.size).toBe(0);
  expect(statSync(pathOf(one)).dev).toBe(statSync(pathOf(other)).dev);
});

test("a lock that a killed manager of another user has left is named in the refusal", () => {
  const directory = scratch();
  undo.add(() => discard(directory));
  const path = join(directory, "app.sock");
  const lock = lockFileOf(path);
  writeFileSync(lock, "4242");
  chownSync(lock, 65534, 65534);
  // What open(2) says to whoever is not root.
  const error = Object.assign(new Error("open"), { code: "EACCES" });
  expect(explainLock(error, path, lock)).toMatchObject({
    code: "FCGI_PM_SOCKET_FORBIDDEN",
    message: `Cannot listen on "${path}": ${lock} is nobody's`,
    remedy: `if no fcgi-pm of nobody's listens there any more: rm ${lock}`,
  });
  expect(explainLock(error, join(directory, "other.sock"), lockFileOf(join(directory, "other.sock")))).toMatchObject({
    message: expect.stringContaining("no right to write to"),
  });
});
