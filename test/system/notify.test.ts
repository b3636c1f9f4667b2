/** What a manager tells systemd, as a peer hears it that listens as systemd does. */
import { readdirSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { controlOf } from "../helpers/app.ts";
import { type RunningManager, runManager, usePlace } from "../helpers/manager.ts";
import { behaviours, buildPrograms, echoes } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { freePort } from "../helpers/webservers.ts";
import { type NotifyPeer, startNotifyPeer } from "../os/notified.ts";

jest.setTimeout(240_000);

const place = usePlace();
const undo: (() => void)[] = [];
beforeAll(() => buildPrograms([echoes.c, behaviours.diesAtBootThenHeals]));
afterEach(() => {
  for (const step of undo.splice(0)) step();
});

const path = (name: string) => join(place.directory, name);
const pipesOf = (pid: number) =>
  readdirSync(`/proc/${pid}/fd`).flatMap((fd) => readlink(`/proc/${pid}/fd/${fd}`).match(/^pipe:.*/)?.[0] ?? []);
const good = (...lines: string[]) => app(echoes.c.command, ...lines);
/** It starts when there is this file. */
const startsWith = (file: string) =>
  app(["/bin/sh", "-c", `until [ -e ${file} ]; do sleep 0.1; done; exec ${echoes.c.command[0]}`]);
/** It cannot start while there is a file `broken`. */
const sick = () => app(behaviours.diesAtBootThenHeals.command, `env = { BROKEN = "${path("broken")}" }`);

function readlink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ""; // closed meanwhile
  }
}

function app(command: readonly string[], ...lines: string[]): string {
  return [`command = ${JSON.stringify(command)}`, ...lines].join("\n");
}

function write(apps: Readonly<Record<string, string>>): void {
  const texts = Object.entries(apps).map(
    ([name, lines]) => `[apps.${name}]\nsocket = "${path(`${name}.sock`)}"\n${lines}\n`,
  );
  writeFileSync(path("fcgi-pm.toml"), texts.join("\n"));
}

async function start(
  apps: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv = {},
): Promise<{ manager: RunningManager; peer: NotifyPeer }> {
  write(apps);
  const address = path("notify");
  const peer = await startNotifyPeer(undo, address);
  const manager = runManager(["start", "--config", path("fcgi-pm.toml")], {
    env: { NOTIFY_SOCKET: address, FDSTORE: "0", ...env },
  });
  return { manager, peer };
}

/** Of all messages, in the order in which they came. */
const linesOf = ({ news }: NotifyPeer, fits: RegExp) =>
  news.flatMap(({ lines }) => lines).filter((line) => fits.test(line));
const phases = (peer: NotifyPeer) => linesOf(peer, /^(READY|RELOADING|STOPPING)=/);

describe("a manager", () => {
  test("says that it is ready when all workers are, who it is, and how it goes; then that it stops", async () => {
    const { manager, peer } = await start({ blog: good("processes = 3"), shop: good() });
    expect((await peer.see("READY=1")).lines).toEqual([
      "READY=1",
      "STATUS=blog 3/3 ready, 0 busy, queue 0; shop 1/1 ready, 0 busy, queue 0",
    ]);
    expect(peer.news[0]?.lines).toEqual([`MAINPID=${manager.pid}`, "STATUS=starting"]);
    await manager.stop();
    await peer.see("STOPPING=1");
    expect(phases(peer)).toEqual(["READY=1", "STOPPING=1"]);
  });

  test("keeps what is meant for itself from its workers", async () => {
    const { manager, peer } = await start({ blog: good('pass-env = ["NOTIFY_SOCKET", "KEPT"]') }, { KEPT: "yes" });
    await peer.see("READY=1");
    const { env } = await (await controlOf(manager)).env("blog");
    expect(env["KEPT"]).toBe("yes");
    expect(Object.keys(env).filter((name) => /NOTIFY|WATCHDOG|LISTEN_|FDSTORE/.test(name))).toEqual([
      "FCGI_PM_LISTEN_QUEUE_DEPTH",
    ]);
  });

  test("asks for more time while an app starts slowly, and is ready after it", async () => {
    const go = path("go");
    const { peer } = await start({ blog: good(), shop: startsWith(go) });
    await until(() => linesOf(peer, /^EXTEND_TIMEOUT_USEC=10000000$/).length >= 2, {
      what: "a second EXTEND_TIMEOUT_USEC",
    });
    expect(phases(peer)).toEqual([]);
    writeFileSync(go, "");
    await peer.see("READY=1");
    await peer.see(/blog 1\/1 ready.*; shop 1\/1 ready/);
  });

  test("is ready in spite of an app that cannot start, if another one serves, and says so", async () => {
    writeFileSync(path("broken"), "");
    const { peer } = await start({ blog: good(), shop: sick() });
    await peer.see("READY=1");
    await peer.see(/^STATUS=blog 1\/1 ready, .*; shop 0\/1 ready, .*next try in /);
    rmSync(path("broken"));
    await peer.see(/^STATUS=blog 1\/1 ready, .*; shop 1\/1 ready/);
  });

  test("is not ready as long as nobody serves, and asks for no more time", async () => {
    writeFileSync(path("broken"), "");
    const { manager, peer } = await start({ shop: sick() });
    await until(() => manager.records.filter(({ notice }) => notice === "pool.crash-loop").length >= 3, {
      what: "a crash loop that lasts",
    });
    // Said after all that was said before the crash loop.
    await peer.see(/next try in /);
    expect(phases(peer)).toEqual([]);
    rmSync(path("broken"));
    await peer.see("READY=1");
    expect(linesOf(peer, /^EXTEND/)).toHaveLength(1);
  });

  test.each(["a signal", "a command"])("says when a reload by %s begins and when it is over", async (way) => {
    const { manager, peer } = await start({ blog: good() });
    await peer.see("READY=1");
    const before = manager.workers();
    const beforeUs = process.hrtime.bigint() / 1000n;
    if (way === "a signal") manager.signal("SIGHUP");
    else await (await controlOf(manager)).command("/v1/reload", {});
    await until(() => phases(peer).length === 3, { what: "the end of the reload" });
    expect(phases(peer)).toEqual(["READY=1", "RELOADING=1", "READY=1"]);
    const [, microseconds = "0"] = /^MONOTONIC_USEC=(\d+)$/.exec(linesOf(peer, /^MONOTONIC_USEC=/)[0] ?? "") ?? [];
    expect(BigInt(microseconds)).toBeGreaterThanOrEqual(beforeUs);
    expect(BigInt(microseconds)).toBeLessThanOrEqual(process.hrtime.bigint() / 1000n);
    // It is over when the workers are replaced, not when it has begun.
    expect(manager.workers().filter((pid) => before.includes(pid))).toEqual([]);
  });

  test("comes out of a reload that is refused as out of any other", async () => {
    const { manager, peer } = await start({ blog: good() });
    await peer.see("READY=1");
    writeFileSync(path("fcgi-pm.toml"), "this is no config");
    manager.signal("SIGHUP");
    await manager.notice("manager.refuses-reload");
    await until(() => phases(peer).length === 3, { what: "the end of the reload" });
    expect(phases(peer)).toEqual(["READY=1", "RELOADING=1", "READY=1"]);
  });

  test("says no word of reloading for one that is only planned", async () => {
    const { manager, peer } = await start({ blog: good() });
    await peer.see("READY=1");
    await (await controlOf(manager)).command("/v1/reload", { dryRun: true });
    await manager.stop();
    await peer.see("STOPPING=1");
    expect(phases(peer)).toEqual(["READY=1", "STOPPING=1"]);
  });

  test("tells of its life as often as it is asked to", async () => {
    const { peer } = await start({ blog: good() }, { WATCHDOG_USEC: "400000" });
    await until(() => linesOf(peer, /^WATCHDOG=1$/).length >= 3, { what: "three signs of life" });
  });

  test("tells nothing of its life where another process is to", async () => {
    const { manager, peer } = await start({ blog: good() }, { WATCHDOG_USEC: "20000", WATCHDOG_PID: "1" });
    await peer.see("READY=1");
    manager.signal("SIGHUP");
    await until(() => phases(peer).length === 3, { what: "the end of a reload" });
    expect(linesOf(peer, /^WATCHDOG/)).toEqual([]);
  });

  test("shows what somebody has seen who asked", async () => {
    const { manager, peer } = await start({ blog: good("processes = 1") });
    await peer.see("READY=1");
    const control = await controlOf(manager);
    const { connect } = await import("node:net");
    const client = connect(path("blog.sock"));
    undo.push(() => client.destroy());
    await until(async () => (await control.status("blog")).apps[0]?.busy === 1, { what: "the worker to be busy" });
    await control.status();
    await peer.see("STATUS=blog 1/1 ready, 1 busy, queue 0");
  });
});

describe("a manager whose sockets may be stored", () => {
  test("stores each of them, and takes back what it has no use for any more", async () => {
    const { manager, peer } = await start({ blog: good(), shop: good() }, { FDSTORE: "8" });
    await peer.see("READY=1");
    const stored = peer.news.filter(({ lines }) => lines.includes("FDSTORE=1"));
    expect(stored).toHaveLength(2);
    for (const { lines, inodes } of stored)
      expect(lines).toEqual(["FDSTORE=1", `FDNAME=fcgi-pm-stored-unix-${inodes[0]}`, "FDPOLL=0"]);
    // What is said to be ready is safe already.
    const order = peer.news.flatMap(({ lines }) => lines).filter((line) => /^(FDSTORE|READY)=1$/.test(line));
    expect(order).toEqual(["FDSTORE=1", "FDSTORE=1", "READY=1"]);
    write({ blog: good() });
    await (await controlOf(manager)).command("/v1/reload", {});
    const gone = await peer.see("FDSTOREREMOVE=1");
    expect(stored.map(({ lines }) => lines[1])).toContain(gone.lines[1]);
    // Nobody of systemd's has asked for the end: whoever is started next finds the path.
    await manager.stop();
    expect(statSync(path("blog.sock")).isSocket()).toBe(true);
    expect(linesOf(peer, /^FDSTOREREMOVE/)).toHaveLength(1);
  });

  test("closes all when an operator stops it", async () => {
    const { manager, peer } = await start({ blog: good() }, { FDSTORE: "8" });
    await peer.see("READY=1");
    await (await controlOf(manager)).command("/v1/stop", {});
    await manager.ended;
    await peer.see("FDSTOREREMOVE=1");
    expect(() => statSync(path("blog.sock"))).toThrow("ENOENT");
  });

  test("opens a port anew when systemd, behind with its reading, has let go of it", async () => {
    const { manager, peer } = await start({ blog: good() }, { FDSTORE: "8" });
    await peer.see("BARRIER=1");
    const control = await controlOf(manager);
    const port = await freePort();
    const [without, also] = [`[apps.blog]\n${good()}\n`, `[apps.shop]\n${good()}\nport = ${port}\n`];
    const reload = (text: string) => {
      writeFileSync(path("fcgi-pm.toml"), text.replace("\n", `\nsocket = "${path("blog.sock")}"\n`));
      return control.command("/v1/reload", {});
    };
    peer.pause();
    await reload(without + also);
    await reload(without);
    // Their number says nothing: those of the worker that has gone are closed a little later.
    const before = pipesOf(manager.pid);
    const again = reload(without + also);
    // It waits for systemd by a pipe, unless it has failed.
    const isWaiting = () => pipesOf(manager.pid).some((pipe) => !before.includes(pipe));
    await Promise.race([until(isWaiting, { what: "a barrier" }), again]);
    peer.resume();
    expect(await again).toMatchObject({ apps: [{ app: "blog" }, { app: "shop", action: "added", result: "done" }] });
  });

  test("says what there is no room for", async () => {
    const { manager, peer } = await start({ blog: good(), shop: good() }, { FDSTORE: "1" });
    await peer.see("READY=1");
    expect((await manager.notice("listener.not-kept")).msg).toMatch(/shop\.sock.*FileDescriptorStoreMax=/);
    expect(linesOf(peer, /^FDSTORE=1$/)).toHaveLength(1);
  });
});

test("a manager without systemd has nobody to tell, and closes its doors at the end", async () => {
  write({ blog: good() });
  const manager = runManager(["start", "--config", path("fcgi-pm.toml")]);
  await manager.notice("manager.ready");
  expect(await manager.stop()).toMatchObject({ code: 0, stderr: "" });
  expect(() => statSync(path("blog.sock"))).toThrow("ENOENT");
});
