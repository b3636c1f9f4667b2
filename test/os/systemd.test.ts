import { closeSync, fstatSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { FdStore, isStoredName } from "../../src/os/fd-store.ts";
import { openSocket } from "../../src/os/posix.ts";
import { Notifier, takeGrants } from "../../src/os/systemd.ts";
import { jobIn, unitIn } from "../../src/os/systemd-unit.ts";
import { discard, scratch } from "../helpers/manager.ts";
import { until } from "../helpers/wait.ts";
import { startNotifyPeer } from "./notified.ts";

describe("what systemd leaves in the environment", () => {
  const full = {
    NOTIFY_SOCKET: "/run/systemd/notify",
    WATCHDOG_USEC: "30000000",
    WATCHDOG_PID: "42",
    LISTEN_PID: "42",
    LISTEN_FDS: "2",
    LISTEN_FDNAMES: "blog:shop.socket",
    FDSTORE: "16",
  };

  test("is read, and taken out of it, so that no worker has it", () => {
    const env: NodeJS.ProcessEnv = { ...full, HOME: "/root" };
    expect(takeGrants(env, 42)).toEqual({
      notifySocket: "/run/systemd/notify",
      watchdogMs: 30_000,
      storeMax: 16,
      descriptors: [
        { fd: 3, name: "blog" },
        { fd: 4, name: "shop.socket" },
      ],
    });
    expect(env).toEqual({ HOME: "/root" });
  });

  test("is nothing where nothing is there", () => {
    expect(takeGrants({}, 42)).toEqual({ descriptors: [] });
  });

  test("is not ours where it names another process, and is taken out all the same", () => {
    const env: NodeJS.ProcessEnv = { ...full };
    expect(takeGrants(env, 43)).toEqual({ notifySocket: "/run/systemd/notify", storeMax: 16, descriptors: [] });
    expect(env).toEqual({});
  });

  test("has a watchdog without WATCHDOG_PID for whoever finds it, and none where nobody is to be told", () => {
    const { WATCHDOG_PID: _, ...anybody } = full;
    expect(takeGrants({ ...anybody }, 7).watchdogMs).toBe(30_000);
    const { NOTIFY_SOCKET: __, ...deaf } = full;
    expect(takeGrants({ ...deaf }, 42)).toEqual({ descriptors: takeGrants({ ...full }, 42).descriptors });
  });

  test.each(["relative/path", "vsock:2:1234", "", "@", `/${"long".repeat(30)}`])("does not tell %j", (socket) => {
    expect(takeGrants({ NOTIFY_SOCKET: socket }, 42).notifySocket).toBeUndefined();
  });

  test.each([
    [undefined, ["unknown", "unknown"]],
    ["blog", ["blog", "unknown"]],
    ["blog:", ["blog", "unknown"]],
  ])("has no names for all descriptors with LISTEN_FDNAMES=%s", (names, expected) => {
    const env = { LISTEN_PID: "42", LISTEN_FDS: "2", ...(names === undefined ? {} : { LISTEN_FDNAMES: names }) };
    expect(takeGrants(env, 42).descriptors.map(({ name }) => name)).toEqual(expected);
  });

  test.each(["", "-1", "three", "0", "0x3"])("passes no descriptor with LISTEN_FDS=%j", (count) => {
    expect(takeGrants({ LISTEN_PID: "42", LISTEN_FDS: count }, 42).descriptors).toEqual([]);
  });
});

describe("the unit that we run as", () => {
  test.each([
    ["0::/system.slice/fcgi-pm.service\n", { name: "fcgi-pm.service", isUser: false }],
    [
      "0::/system.slice/system-fcgi\\x2dpm.slice/fcgi-pm@blog.service\n",
      { name: "fcgi-pm@blog.service", isUser: false },
    ],
    [
      "12:pids:/x\n1:name=systemd:/system.slice/web.service\n0::/system.slice/web.service\n",
      { name: "web.service", isUser: false },
    ],
    ["0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service\n", { name: "web.service", isUser: true }],
    ["0::/system.slice/web.service/workers\n", { name: "web.service", isUser: false }],
    ["0::/user.slice/user-1000.slice/session-2.scope\n", undefined],
    ["0::/\n", undefined],
    ["", undefined],
  ])("is found in %j", (cgroups, unit) => {
    expect(unitIn(cgroups)).toEqual(unit);
  });

  test("has the job that systemctl lists, and no other unit's", () => {
    const table = "  91 other.service   stop    waiting\n 104 fcgi-pm.service restart running\n";
    expect(jobIn(table, "fcgi-pm.service")).toBe("restart");
    expect(jobIn(table, "pm.service")).toBeUndefined();
    expect(jobIn("No jobs listed.\n", "fcgi-pm.service")).toBeUndefined();
  });
});

describe("telling systemd", () => {
  let directory = "";
  const undo: (() => void)[] = [];

  beforeEach(() => {
    directory = scratch();
  });

  afterEach(() => {
    for (const step of undo.splice(0).toReversed()) step();
    discard(directory);
  });

  function notifierAt(address: string): Notifier {
    const notifier = new Notifier(address);
    undo.push(() => notifier.close());
    return notifier;
  }

  /** The pipes that this process has open. */
  const pipes = () =>
    readdirSync("/proc/self/fd").flatMap((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).match(/^pipe:.*/)?.[0] ?? [];
      } catch {
        return []; // closed meanwhile
      }
    });

  test.each(["path", "abstract name"])("reaches it by its %s", async (kind) => {
    const address = kind === "path" ? join(directory, "notify") : `@fcgi-pm-test-${process.pid}`;
    const peer = await startNotifyPeer(undo, address);
    notifierAt(address).tell(["READY=1", "STATUS=blog 4/4 ready"]);
    expect(await peer.see("READY=1")).toEqual({ lines: ["READY=1", "STATUS=blog 4/4 ready"], inodes: [] });
  });

  test("does nothing where nobody listens", async () => {
    const notifier = notifierAt(join(directory, "nobody"));
    notifier.tell(["READY=1"]);
    expect(await notifier.barrier(10_000)).toBe(true);
  });

  test("loses nothing and waits for nobody while the other side does not read", async () => {
    const address = join(directory, "notify");
    const peer = await startNotifyPeer(undo, address, { isDeaf: true });
    const notifier = notifierAt(address);
    // More than the queue of a datagram socket holds (net.unix.max_dgram_qlen, 10 or 512).
    for (let number = 0; number < 600; number += 1) notifier.tell([`STATUS=${number}`]);
    expect(peer.news).toEqual([]);
    peer.read();
    await peer.see("STATUS=599");
    expect(peer.news.map(({ lines }) => lines[0])).toEqual(Array.from({ length: 600 }, (_, n) => `STATUS=${n}`));
  });

  test("a barrier is reached when all before it was read, and not before", async () => {
    const address = join(directory, "notify");
    const peer = await startNotifyPeer(undo, address, { isDeaf: true });
    const notifier = notifierAt(address);
    notifier.tell(["READY=1"]);
    expect(await notifier.barrier(50)).toBe(false);
    const reached = notifier.barrier(20_000);
    peer.read();
    expect(await reached).toBe(true);
  });

  test("a barrier leaves no descriptor behind", async () => {
    const address = join(directory, "notify");
    await startNotifyPeer(undo, address);
    const notifier = notifierAt(address);
    await notifier.barrier(20_000);
    // Not their number: others, of processes that have gone, are closed meanwhile.
    const before = pipes();
    for (let number = 0; number < 5; number += 1) await notifier.barrier(20_000);
    await until(() => pipes().every((pipe) => before.includes(pipe)), { what: "the descriptors to be closed" });
  });

  test("a socket is stored under a name of its own, and let go of by it", async () => {
    const address = join(directory, "notify");
    const peer = await startNotifyPeer(undo, address);
    const store = new FdStore(notifierAt(address));
    const fd = openSocket("ipv4");
    undo.push(() => closeSync(fd));
    const inode = fstatSync(fd).ino;
    const listener = { fd, inode, address: "127.0.0.1:9000" };
    expect(store.keep(listener)).toBe(false);
    store.open(1);
    expect(store.keep(listener)).toBe(true);
    expect(store.keep(listener)).toBe(true);
    expect(store.keep({ ...listener, inode: inode + 1 })).toBe(false);
    store.drop(inode);
    store.drop(inode);
    await peer.see("FDSTOREREMOVE=1");
    const name = `FDNAME=fcgi-pm-stored-tcp-${inode}`;
    expect(peer.news).toEqual([
      { lines: ["FDSTORE=1", name, "FDPOLL=0"], inodes: [inode] },
      { lines: ["FDSTOREREMOVE=1", name], inodes: [] },
    ]);
    expect([`fcgi-pm-stored-tcp-${inode}`, "blog", "fcgi-pm-blog", "stored"].map(isStoredName)).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});
