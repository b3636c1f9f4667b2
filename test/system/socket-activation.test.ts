/** A manager whose listeners are sockets that systemd-socket-activate passes to it, as a socket unit would. */
import { once } from "node:events";
import { existsSync, readFileSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { beforeAll, expect, jest, test } from "@jest/globals";
import { controlOf } from "../helpers/app.ts";
import { ask } from "../helpers/ask.ts";
import { type RunningManager, runManager, usePlace } from "../helpers/manager.ts";
import { buildPrograms, echoes } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { freePort } from "../helpers/webservers.ts";

jest.setTimeout(240_000);

const place = usePlace();
beforeAll(() => buildPrograms([echoes.c]));

const program = echoes.c;
const command = JSON.stringify(program.command);
const config = () => join(place.directory, "fcgi-pm.toml");

/** The apps of the config, each with its lines, after a reload's worth of quiet. */
function write(apps: Readonly<Record<string, string>>): void {
  const texts = Object.entries(apps).map(([name, lines]) => `[apps.${name}]\ncommand = ${command}\n${lines}\n`);
  writeFileSync(config(), texts.join("\n"));
}

/** systemd-socket-activate waits for a first connection before it becomes the manager. */
function runActivated(...words: string[]): RunningManager {
  const environment = ["PATH", "HOME"].flatMap((name) => ["-E", `${name}=${process.env[name] ?? ""}`]);
  const runtime = ["-E", `RUNTIME_DIRECTORY=${place.directory}`];
  const under = ["systemd-socket-activate", ...environment, ...runtime, ...words];
  return runManager(["start", "--config", config()], { env: { RUNTIME_DIRECTORY: place.directory }, under });
}

/** The path is there a moment before anybody listens. */
function listening(path: string): Promise<unknown> {
  const isListed = (line: string) => line.endsWith(` ${path}`) && line.split(" ")[3] === "00010000";
  return until(() => readFileSync("/proc/net/unix", "utf8").split("\n").some(isListed), { what: "the socket" });
}

const socket = () => ({ listen: { kind: "unix" as const, path: place.path }, program });
const port = (number: number) => ({ listen: { kind: "tcp" as const, host: "127.0.0.1", port: number }, program });

test("the first connection starts the manager and is served; the path is the socket unit's, and stays", async () => {
  write({ blog: `socket = "${place.directory}/unused.sock"\nprocesses = 2\nlisten-queue-depth = 9` });
  const manager = runActivated("-l", place.path, "--fdname=blog");
  await listening(place.path);
  const before = statSync(place.path);
  expect((await ask(socket(), "/first")).pathInfo).toBe("/first");
  await manager.notice("manager.ready");
  expect(manager.records.find(({ notice }) => notice === "listener.inherited")).toMatchObject({
    app: "blog",
    address: place.path,
    name: "blog",
  });
  // What the config says of the address is not what holds.
  expect((await manager.notice("listener.elsewhere"))["configured"]).toBe(`${place.directory}/unused.sock`);
  expect(existsSync(`${place.directory}/unused.sock`)).toBe(false);
  for (const pid of manager.workers()) {
    expect(readFileSync(`/proc/${pid}/environ`, "utf8")).not.toMatch(/LISTEN_(PID|FDS|FDNAMES)=/);
  }
  expect(await manager.stop()).toMatchObject({ code: 0 });
  const after = statSync(place.path);
  expect([after.ino, after.mode, after.uid]).toEqual([before.ino, before.mode, before.uid]);
});

test("a socket without a name is for the app that is configured for its address", async () => {
  const number = await freePort();
  write({ blog: `port = ${number}`, shop: "" });
  const manager = runActivated("-l", `127.0.0.1:${number}`);
  await until(() => ask(port(number), "/works").then(() => true), { what: "the first answer" });
  await manager.notice("manager.ready");
  const inherited = manager.records.filter(({ notice }) => notice === "listener.inherited");
  expect(inherited).toMatchObject([{ app: "blog", address: `127.0.0.1:${number}` }]);
  const bound = manager.records.filter(({ notice }) => notice === "listener.bound");
  expect(bound).toMatchObject([{ app: "shop", address: `${place.directory}/shop.sock` }]);
});

test("an app that is removed gives its socket back, and one that comes gets it again", async () => {
  write({ blog: "processes = 1", shop: "" });
  const manager = runActivated("-l", place.path, "--fdname=blog");
  await listening(place.path);
  await ask(socket(), "/first");
  await manager.notice("manager.ready");
  const control = await controlOf(manager);
  write({ shop: "" });
  await control.command("/v1/reload", {});
  expect(await manager.notice("listener.unclaimed")).toMatchObject({ address: place.path, name: "blog" });
  const waiting = ask(socket(), "/patient");
  write({ shop: "", blog: "processes = 1" });
  await control.command("/v1/reload", {});
  expect((await waiting).pathInfo).toBe("/patient");
  await until(() => manager.records.filter(({ notice }) => notice === "listener.inherited").length === 2, {
    what: "the socket to be inherited anew",
  });
});

test("what a reload would change about a socket of systemd's stays as it is, and that is said", async () => {
  write({ blog: "processes = 1" });
  const manager = runActivated("-l", place.path, "--fdname=blog");
  await listening(place.path);
  await ask(socket(), "/first");
  await manager.notice("manager.ready");
  const { mode } = statSync(place.path);
  const control = await controlOf(manager);
  const depth = async () => (await control.status("blog")).apps[0]?.listenQueueDepth;
  const before = await depth();
  write({ blog: 'processes = 1\nsocket-mode = "0600"\nlisten-queue-depth = 3' });
  await control.command("/v1/reload", {});
  expect((await manager.notice("listener.unchanged")).msg).toMatch(/its unit says how it is/);
  expect([statSync(place.path).mode, await depth()]).toEqual([mode, before]);
  // Another address in the config changes nothing about the socket either, and no request is lost.
  write({ blog: `processes = 1\nsocket = "${place.directory}/other.sock"` });
  await control.command("/v1/reload", {});
  expect((await ask(socket(), "/moved")).pathInfo).toBe("/moved");
  expect(existsSync(`${place.directory}/other.sock`)).toBe(false);
});

/** A manager with these apps and the socket at `place.path`, under the name that a socket unit has given it; it has served. */
async function activate(name: string, apps: Readonly<Record<string, string>>) {
  write(apps);
  const manager = runActivated("-l", place.path, `--fdname=${name}`);
  await listening(place.path);
  await ask(socket(), "/first");
  await manager.notice("manager.ready");
  const control = await controlOf(manager);
  const places = async () =>
    Object.fromEntries((await control.status()).apps.map(({ app, address }) => [app, address]));
  return { manager, control, places };
}

const other = () => join(place.directory, "other.sock");

test("an app that had a socket by its address leaves it when it moves", async () => {
  const { manager, control, places } = await activate("web", { blog: `socket = "${place.path}"` });
  write({ blog: `socket = "${other()}"` });
  await control.command("/v1/reload", {});
  expect(await places()).toEqual({ blog: other() });
  expect((await ask({ ...socket(), listen: { kind: "unix", path: other() } }, "/moved")).pathInfo).toBe("/moved");
  expect(await manager.notice("listener.unclaimed")).toMatchObject({ address: place.path, name: "web" });
});

test("a reload never gives two apps one socket", async () => {
  const { control, places } = await activate("blog", { blog: `socket = "${place.path}"` });
  write({ news: `socket = "${place.path}"` });
  await control.command("/v1/reload", {});
  expect(await places()).toEqual({ news: place.path });
  write({ news: `socket = "${place.path}"`, blog: `socket = "${other()}"` });
  await expect(control.command("/v1/reload", {})).rejects.toThrow(/is for blog by its name, and news listens on it/);
  expect(await places()).toEqual({ news: place.path });
});

test("an app that comes where another one was configured, which listened elsewhere, binds its own", async () => {
  const { manager, control, places } = await activate("blog", { blog: `socket = "${other()}"` });
  write({ news: `socket = "${other()}"` });
  await control.command("/v1/reload", {});
  expect(await places()).toEqual({ news: other() });
  expect(await manager.notice("listener.unclaimed")).toMatchObject({ address: place.path, name: "blog" });
});

test("listen = false for an app that systemd has a socket for is refused by a reload, as by a start", async () => {
  const { control, places } = await activate("blog", { blog: "" });
  write({ blog: "listen = false" });
  await expect(control.command("/v1/reload", {})).rejects.toThrow(/has listen = false/);
  expect(await places()).toEqual({ blog: place.path });
});

test("at the end of the manager nobody is told that a socket is in vain: whoever connects starts the next one", async () => {
  const { manager } = await activate("blog", { blog: "" });
  expect(await manager.stop()).toMatchObject({ code: 0 });
  const notices = manager.records.map(({ notice }) => notice);
  expect(notices).toContain("manager.stopped");
  expect(notices).not.toContain("listener.unclaimed");
});

test("a socket that no app serves is told of, and the others are served", async () => {
  write({ blog: "processes = 1" });
  const stray = join(place.directory, "stray.sock");
  const manager = runActivated("-l", place.path, "-l", stray, "--fdname=blog:stray");
  await listening(stray);
  await ask(socket(), "/first");
  expect(await manager.notice("listener.unclaimed")).toMatchObject({ level: "warn", address: stray, name: "stray" });
});

test("a socket that was kept for an app that is no more goes with its path, and nobody finds a dead one there", async () => {
  write({ blog: "processes = 1" });
  const [left, foreign] = [join(place.directory, "left.sock"), join(place.directory, "foreign.sock")];
  const stored = ["fcgi-pm-stored-unix-1", "fcgi-pm-stored-unix-2"];
  const manager = runActivated("-l", place.path, "-l", left, "-l", foreign, `--fdname=blog:${stored.join(":")}`);
  await listening(foreign);
  // By now somebody else listens where the last one did.
  unlinkSync(foreign);
  const stranger = createServer().listen(foreign);
  await once(stranger, "listening");
  await ask(socket(), "/first");
  await manager.notice("manager.ready");
  const gone = manager.records.filter(({ notice }) => notice === "listener.let-go");
  expect(gone.map(({ address }) => address)).toEqual([left, foreign]);
  expect([existsSync(left), existsSync(foreign)]).toEqual([false, true]);
  stranger.close();
});

test.each([
  ["a datagram socket", ["--datagram"], /"blog": it is a datagram socket/],
  ["two sockets for one app", ["-l", "0", "--fdname=blog:blog"], /two sockets for it, both named "blog"/],
])("%s ends the start with words that help", async (_, words, complaint) => {
  write({ blog: "processes = 1" });
  const number = await freePort();
  const more = words.map((word) => (word === "0" ? `${place.directory}/second.sock` : word));
  const names = more.some((word) => word.startsWith("--fdname")) ? [] : ["--fdname=blog"];
  const where = words.includes("--datagram") ? `127.0.0.1:${number}` : place.path;
  const manager = runActivated("-l", where, ...more, ...names);
  if (where === place.path) {
    await listening(place.path);
    connect(place.path).on("error", () => {});
  } else {
    const { createSocket } = await import("node:dgram");
    const client = createSocket("udp4");
    const poke = setInterval(() => client.send("x", number, "127.0.0.1"), 50);
    await manager.ended;
    clearInterval(poke);
    client.close();
  }
  const { code, stderr } = await manager.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(complaint);
  expect(stderr).toMatch(/try: /);
});
