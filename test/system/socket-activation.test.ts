/** A manager whose listeners are sockets that systemd-socket-activate passes to it, as a socket unit would. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { beforeAll, expect, jest, test } from "@jest/globals";
import { controlOf } from "../helpers/app.ts";
import { ask } from "../helpers/ask.ts";
import { type RunningManager, runManager, usePlace } from "../helpers/manager.ts";
import { buildPrograms, echoes } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { freePort } from "../helpers/webservers.ts";

jest.setTimeout(60_000);

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

const socket = () => ({ listen: { kind: "unix" as const, path: place.path }, program });
const port = (number: number) => ({ listen: { kind: "tcp" as const, host: "127.0.0.1", port: number }, program });

test("the first connection starts the manager and is served; the path is the socket unit's, and stays", async () => {
  write({ blog: `socket = "${place.directory}/unused.sock"\nprocesses = 2\nlisten-queue-depth = 9` });
  const manager = runActivated("-l", place.path, "--fdname=blog");
  await until(() => existsSync(place.path), { what: "the socket" });
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
  await until(() => existsSync(place.path), { what: "the socket" });
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
  await until(() => existsSync(place.path), { what: "the socket" });
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

test("a socket that no app serves is told of, and the others are served", async () => {
  write({ blog: "processes = 1" });
  const stray = join(place.directory, "stray.sock");
  const manager = runActivated("-l", place.path, "-l", stray, "--fdname=blog:stray");
  await until(() => existsSync(stray), { what: "the sockets" });
  await ask(socket(), "/first");
  expect(await manager.notice("listener.unclaimed")).toMatchObject({ level: "warn", address: stray, name: "stray" });
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
    await until(() => existsSync(place.path), { what: "the socket" });
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
