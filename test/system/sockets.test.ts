/** Listeners, by real managers: what stands at a place.path, what may be done with it, and who gets it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, jest, test } from "@jest/globals";
import { buildSync } from "esbuild";
import { request } from "../../src/fastcgi/client.ts";
import { webServerParams } from "../../src/fastcgi/web-server-params.ts";
import { ask, root, runManager, runToEnd, startReady, tryKill, usePlace } from "../helpers/manager.ts";
import { behaviours, echoes } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { freePort } from "../helpers/webservers.ts";

jest.setTimeout(240_000);

const place = usePlace();
const [echo = ""] = echoes.c.command;

/** A socket file on which nobody listens any more. */
async function leaveStaleSocket(at: string): Promise<void> {
  const child = spawn(process.execPath, [
    "-e",
    `require("net").createServer().listen(${JSON.stringify(at)}, () => console.log("up"))`,
  ]);
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "close");
}

describe("a Unix socket", () => {
  test("is there with its mode, listening, and gone with its lock after the stop", async () => {
    const manager = await startReady([echo, "--socket", place.path, "--socket-mode", "0640"]);
    const file = lstatSync(place.path);
    expect(file.isSocket()).toBe(true);
    expect(file.mode & 0o777).toBe(0o640);
    expect((await ask(place.path)).status).toBe(200);
    expect(await manager.stop()).toMatchObject({ code: 0 });
    expect(readdirSync(place.directory)).toEqual([]);
  });

  test("belongs to the owner that is asked for", async () => {
    const manager = await startReady([echo, "--socket", place.path, "--socket-owner", "www-data:www-data"]);
    expect(statSync(place.path)).toMatchObject({ uid: 33, gid: 33 });
    await manager.stop();
  });

  test("that is stale is replaced, which is said in one line", async () => {
    await leaveStaleSocket(place.path);
    const before = lstatSync(place.path).ino;
    const manager = await startReady([echo, "--socket", place.path]);
    expect(lstatSync(place.path).ino).not.toBe(before);
    expect((await ask(place.path)).status).toBe(200);
    expect(manager.records.filter((record) => record.notice === "listener.replaced-stale")).toHaveLength(1);
    await manager.stop();
  });

  test("that is live is refused with the process that listens, and goes on serving", async () => {
    const server = createServer((connection) => connection.end()).listen(place.path);
    await once(server, "listening");
    const ended = await runToEnd(["start", echo, "--socket", place.path]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(`process ${process.pid} (`);
    expect(ended.stderr).toContain("try: stop that process");
    expect(existsSync(place.path)).toBe(true);
    server.close();
  });

  test("of another manager is refused, and that manager keeps it", async () => {
    const first = await startReady([echo, "--socket", place.path]);
    const ended = await runToEnd(["start", echo, "--socket", place.path]);
    expect(ended).toMatchObject({ code: 1 });
    expect(ended.stderr).toContain(`process ${first.pid}`);
    expect((await ask(place.path)).status).toBe(200);
    await first.stop();
  });

  test("held by workers whose manager was killed is refused, naming a worker", async () => {
    const first = await startReady([echo, "--processes", "2", "--socket", place.path]);
    const workers = first.workers();
    first.signal("SIGKILL");
    await first.ended;
    const ended = await runToEnd(["start", echo, "--socket", place.path]);
    for (const worker of workers) tryKill(worker);
    expect(ended.code).toBe(1);
    expect(workers.some((worker) => ended.stderr.includes(`process ${worker} (echo)`))).toBe(true);
    expect(ended.stderr).toContain("and 1 more listen on it, left by a manager that was killed");
    expect(ended.stderr).toMatch(/try: kill \d+ \d+, or give/);
  });

  test.each([
    ["a regular file", (at: string) => writeFileSync(at, "precious")],
    ["a directory", (at: string) => mkdirSync(at)],
    [
      "a symbolic link",
      (at: string) => {
        writeFileSync(join(place.directory, "target"), "precious");
        symlinkSync(join(place.directory, "target"), at);
      },
    ],
  ])("is not made where %s stands, which stays untouched", async (what, make) => {
    make(place.path);
    const before = lstatSync(place.path);
    const ended = await runToEnd(["start", echo, "--socket", place.path]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(`it is ${what}`);
    expect(lstatSync(place.path)).toEqual(before);
    if (!before.isDirectory()) expect(readFileSync(place.path, "utf8")).toBe("precious");
    expect(existsSync(join(place.directory, ".app.sock.lock"))).toBe(false);
  });

  test("with a path of more than 107 bytes is refused with the limit", async () => {
    const ended = await runToEnd(["start", echo, "--socket", join(place.directory, "x".repeat(107))]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain("the system allows 107");
  });

  test("with a path of exactly 107 bytes works", async () => {
    const longest = join(place.directory, "x".repeat(107 - place.directory.length - 1));
    expect(Buffer.byteLength(longest)).toBe(107);
    const manager = await startReady([echo, "--socket", longest]);
    expect((await ask(longest)).status).toBe(200);
    await manager.stop();
    expect(readdirSync(place.directory)).toEqual([]);
  });

  test("in a place.directory that is missing is refused with the command that makes it", async () => {
    const ended = await runToEnd(["start", echo, "--socket", join(place.directory, "no", "app.sock")]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(`mkdir -p ${join(place.directory, "no")}`);
  });

  test("stays where it is at the stop, if it is another's by then", async () => {
    const manager = await startReady([echo, "--socket", place.path]);
    await leaveStaleSocket(`${place.path}.new`);
    const { renameSync } = await import("node:fs");
    renameSync(`${place.path}.new`, place.path);
    const { ino } = lstatSync(place.path);
    expect(await manager.stop()).toMatchObject({ code: 0 });
    expect(lstatSync(place.path).ino).toBe(ino);
  });

  test("that the program binds for itself is named as what it is, with the remedy", async () => {
    const [program = "", ...args] = behaviours.bindsItsOwnPath.command;
    const manager = runManager([
      "start",
      program,
      "--socket",
      place.path,
      "--env",
      `BIND_PATH=${place.path}`,
      "--",
      ...args,
    ]);
    const record = await manager.notice("listener.taken");
    expect(record.msg).toContain(place.path);
    expect(record.msg).toContain("without bindAddress");
    await manager.stop();
  });

  test("goes to exactly one of two that start at the same moment, 200 times out of 200", async () => {
    const bundle = join(root, "dist/contestant.mjs"); // beside the others, where koffi is found
    buildSync({
      entryPoints: [join(root, "test/helpers/contestant.ts")],
      outfile: bundle,
      bundle: true,
      platform: "node",
      format: "esm",
      external: ["koffi"],
    });
    const contestants = [1, 2].map(() => {
      const child = spawn(process.execPath, [bundle, place.path], { stdio: ["pipe", "pipe", "inherit"] });
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      return {
        child,
        say: (word: string) => child.stdin.write(`${word}\n`),
        hear: async () => (await lines.next()).value,
      };
    });
    const both = async (word: string) => {
      for (const contestant of contestants) contestant.say(word);
      return Promise.all(contestants.map((contestant) => contestant.hear()));
    };
    const results: string[] = [];
    for (let round = 0; round < 200; round += 1) {
      if (round % 2 === 1) await leaveStaleSocketQuickly(place.path);
      results.push((await both("bind")).toSorted().join(" "));
      await both("release");
    }
    for (const { child } of contestants) child.stdin.end();
    expect(new Set(results)).toEqual(new Set(["FCGI_PM_SOCKET_IN_USE won"]));
    expect(results).toHaveLength(200);
  });

  test("goes to exactly one of two managers, which serves", async () => {
    for (let round = 0; round < 5; round += 1) {
      const managers = [1, 2].map(() => runManager(["start", echo, "--socket", place.path]));
      const loser = await Promise.race(managers.map(async (manager) => ({ manager, ended: await manager.ended })));
      const winner = managers.find((manager) => manager !== loser.manager);
      expect(loser.ended.code).toBe(1);
      expect(loser.ended.stderr).toContain(place.path);
      await winner?.notice("manager.ready");
      expect((await ask(place.path)).status).toBe(200);
      expect(await winner?.stop()).toMatchObject({ code: 0 });
    }
  });
});

/** A stale socket without a process for each: bound and closed by Python in one go would do, Node unlinks its own. */
async function leaveStaleSocketQuickly(at: string): Promise<void> {
  const child = spawn("/usr/bin/python3", [
    "-c",
    `import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])`,
    at,
  ]);
  const [code] = await once(child, "close");
  expect(code).toBe(0);
}

describe("a TCP port", () => {
  const tcp = (host: string, port: number) =>
    request({ listen: { kind: "tcp", host, port }, params: webServerParams({ uri: "/" }), timeoutMs: 60_000 });

  test("alone means 127.0.0.1", async () => {
    const port = await freePort();
    const manager = await startReady([echo, "--port", String(port)]);
    expect((await tcp("127.0.0.1", port)).status).toBe(200);
    expect((await manager.notice("listener.bound")).msg).toBe(`listening on 127.0.0.1:${port}`);
    expect(manager.records.some((record) => record.notice === "listener.public")).toBe(false);
    await manager.stop();
  });

  test("of IPv6 works", async () => {
    const port = await freePort();
    const manager = await startReady([echo, "--port", `[::1]:${port}`]);
    expect((await tcp("::1", port)).status).toBe(200);
    await manager.stop();
  });

  test("on a public address works with a warning", async () => {
    const port = await freePort();
    const manager = await startReady([echo, "--port", `0.0.0.0:${port}`]);
    expect((await manager.notice("listener.public")).level).toBe("warn");
    await manager.stop();
  });

  test("in use is refused with its owner", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const ended = await runToEnd(["start", echo, "--port", String(port)]);
    server.close();
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(`process ${process.pid} (`);
  });

  test("can be had again at once after the stop", async () => {
    const port = await freePort();
    for (let round = 0; round < 3; round += 1) {
      const manager = await startReady([echo, "--port", String(port)]);
      expect((await tcp("127.0.0.1", port)).status).toBe(200);
      expect(await manager.stop()).toMatchObject({ code: 0 });
    }
  });

  test("that is missing on this machine's addresses is refused", async () => {
    const ended = await runToEnd(["start", echo, "--port", "192.0.2.1:9000"]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain("this machine does not have that address");
  });
});

test("a failure to bind one listener undoes the others", async () => {
  const taken = createServer().listen(join(place.directory, "taken.sock"));
  await once(taken, "listening");
  const config = join(place.directory, "fcgi-pm.toml");
  writeFileSync(
    config,
    `[apps.a]\ncommand = ["${echo}"]\nsocket = "a.sock"\n[apps.b]\ncommand = ["${echo}"]\nsocket = "taken.sock"\n`,
  );
  const ended = await runToEnd(["start", "--config", config]);
  expect(ended.code).toBe(1);
  expect(readdirSync(place.directory).toSorted()).toEqual(["fcgi-pm.toml", "taken.sock"]);
  taken.close();
});

test("a full queue of a live listener is no sign of death", async () => {
  const server = spawn("/usr/bin/python3", [
    "-c",
    "import socket,sys,time; s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(0); c=socket.socket(socket.AF_UNIX); c.connect(sys.argv[1]); print('full',flush=True); time.sleep(100)",
    place.path,
  ]);
  await once(server.stdout, "data");
  const ended = await runToEnd(["start", echo, "--socket", place.path]);
  server.kill("SIGKILL");
  expect(ended.code).toBe(1);
  expect(ended.stderr).toContain(`process ${server.pid} (python3)`);
  await until(() => existsSync(place.path), { what: "the socket to be untouched" });
});
