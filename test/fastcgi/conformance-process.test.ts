/** FastCGI 1.0, sections 2, 3.2 and 7: the process around the protocol. Every worker here is a program of its own. */
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { pause, until } from "../helpers/wait.ts";
import { bundle, collect, makeDirectory, run, Undo } from "./peers.ts";
import * as raw from "./raw-peer.ts";
import { begin, RawPeer, record, stream } from "./raw-peer.ts";

jest.setTimeout(60_000);
const forAll = new Undo();
const undo = new Undo();
let app = "";
beforeAll(() => {
  app = bundle("conformance-app", makeDirectory(forAll));
});
afterEach(() => undo.all());
afterAll(() => forAll.all());

/** A blocking listener, and workers on it: started by a shell that does `before` to itself first. */
function listener() {
  const directory = makeDirectory(undo);
  const path = join(directory, "app.sock");
  const script = fileURLToPath(new URL("./programs/launcher.py", import.meta.url));
  const launcher = run(undo, "/usr/bin/python3", [script, path]);
  const [out, stderr] = [collect(launcher.stdout), collect(launcher.stderr)];
  undo.add(async () => {
    launcher.stdin?.end();
    if (launcher.exitCode === null) await once(launcher, "close");
  });
  let started = 0;
  async function spawn(before = ""): Promise<number> {
    started += 1;
    const [sign, mine] = [join(directory, `listens-${started}`), started];
    launcher.stdin?.write(`sh -c '${before} exec "$@"' sh '${process.execPath}' '${app}' '${sign}'\n`);
    await until(() => existsSync(sign) && out.text.split("\n").length > mine, { what: "a worker that listens" });
    return Number(out.text.split("\n")[mine - 1]);
  }
  const listen = { kind: "unix", path } as const;
  return { listen, spawn, stderr, peer: () => new RawPeer(listen, undo) };
}

/** The fields of /proc/PID/stat after the name: state first. */
const stat = (pid: number): string[] =>
  readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /s, "")
    .trim()
    .split(" ");

/** The launcher reaps nobody before its end: what is over is a zombie that keeps its status. */
async function exitOf(pid: number): Promise<number> {
  await until(() => stat(pid)[0] === "Z", { what: `the end of process ${pid}`, timeoutMs: 20_000 });
  return Number(stat(pid)[49]) >> 8;
}

/** Clock ticks of user and system time. */
const ticks = (pid: number): number => Number(stat(pid)[11]) + Number(stat(pid)[12]);

/** Waits until a process has used no processor time for a while. One that spins never gets there. */
async function rests(pid: number): Promise<void> {
  const isStill = async () => {
    const before = ticks(pid);
    await pause(250);
    return ticks(pid) === before;
  };
  await until(isStill, { what: `process ${pid} to rest`, timeoutMs: 20_000 });
}

const peakKilobytes = (pid: number): number =>
  Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]);
const ask = (path: string): Buffer => raw.whole(1, { SCRIPT_NAME: path });

describe("descriptors 1 and 2 that are closed (2.2: they are closed when the application begins execution)", () => {
  test.each([">&-", "2>&-", ">&- 2>&-"])(
    "%s: it serves, writes to STDERR, and no connection gets what was for them",
    async (how) => {
      const { spawn, peer } = listener();
      const pid = await spawn(`exec ${how};`);
      const [bad, web] = [peer(), peer()];
      bad.send(begin(1, {}, { version: 7 }));
      await bad.left();
      web.send(ask("/"));
      expect((await web.answer()).body).toBe(String(pid));
      web.send(ask("/stderr"));
      expect((await web.answer(1, 2)).stderr).toBe("a word\n");
      for (let n = 3; n <= 6; n += 1) {
        web.send(ask("/console"));
        expect(await web.answer(1, n)).toMatchObject({ body: String(pid), stderr: "" });
      }
      expect([bad.records, web.violations]).toEqual([[], []]);
      for (const { socket } of [bad, web]) socket.destroy();
      process.kill(pid, "SIGTERM");
      expect(await exitOf(pid)).toBe(0);
    },
  );
});

describe.each(["SIGTERM", "SIGINT", "SIGUSR1"] as const)(
  "%s (7: a web server can request that an application exit)",
  (signal) => {
    test("ends an idle worker with 0 (7: exits with zero status to indicate that it terminated on purpose)", async () => {
      const { spawn } = listener();
      const pid = await spawn();
      process.kill(pid, signal);
      expect(await exitOf(pid)).toBe(0);
    });

    test("lets what runs finish, ends idle connections, and loses no answer", async () => {
      const { spawn, peer } = listener();
      const pid = await spawn();
      const [idle, busy, half] = [peer(), peer(), peer()];
      idle.send(ask("/"));
      await idle.answer();
      busy.send(begin(), stream(raw.PARAMS, 1, ""), record(raw.STDIN, 1, "x"));
      half.send(begin(), record(raw.PARAMS, 1, raw.pair("SCRIPT_NAME", "/")));
      await Promise.all([busy.values(), half.values()]);
      process.kill(pid, signal);
      await idle.left();
      expect(idle.isCut).toBe(false);
      process.kill(pid, signal);
      busy.send(record(raw.STDIN, 1));
      half.send(record(raw.PARAMS, 1), record(raw.STDIN, 1));
      expect((await busy.answer()).body).toBe(String(pid));
      expect((await half.answer()).body).toBe(String(pid));
      for (const web of [idle, busy, half]) {
        await web.left();
        web.socket.end();
      }
      expect(await exitOf(pid)).toBe(0);
    });
  },
);

test("workers that share a listener answer every client, none stands still in accept, and all rest afterwards (3.2)", async () => {
  const { spawn, peer } = listener();
  const pids = [await spawn(), await spawn(), await spawn(), await spawn()];
  const served = new Map<string, number>();
  for (let round = 0; round < 20; round += 1) {
    const crowd = Array.from({ length: 30 }, peer);
    for (const web of crowd) web.send(ask("/"));
    for (const web of crowd) {
      const { body } = await web.answer();
      served.set(body, (served.get(body) ?? 0) + 1);
      web.socket.destroy();
    }
  }
  expect([...served.values()].reduce((sum, count) => sum + count, 0)).toBe(600);
  expect([...served.keys()].every((pid) => pids.includes(Number(pid)))).toBe(true);
  // Each of them, also one that found nothing left to accept, still hears.
  for (const pid of pids) await rests(pid);
  for (const pid of pids) process.kill(pid, "SIGTERM");
  expect(await Promise.all(pids.map(exitOf))).toEqual([0, 0, 0, 0]);
});

describe("a worker with descriptors for few connections (EMFILE)", () => {
  test("answers or ends each of a hundred connections, lets none hang, and serves on", async () => {
    const { spawn, peer } = listener();
    const pid = await spawn("ulimit -n 30;");
    const open = () => readdirSync(`/proc/${pid}/fd`).length;
    await rests(pid);
    const atRest = open();
    const one = async () => {
      const web = peer();
      web.send(ask("/"));
      const isAnswered = await web.answer().then(
        () => true,
        () => false,
      );
      web.socket.destroy();
      return isAnswered;
    };
    const answers = await Promise.all(Array.from({ length: 100 }, one));
    expect(answers.filter(Boolean).length).toBeGreaterThan(0);
    await until(() => open() <= atRest, { what: "descriptors that are free again" });
    for (let n = 0; n < 40; n += 1) {
      const web = peer();
      web.send(ask("/"));
      expect((await web.answer()).body).toBe(String(pid));
      web.socket.destroy();
    }
    await rests(pid);
  });

  test("does not spin while all its descriptors are in use", async () => {
    const { spawn, peer } = listener();
    const pid = await spawn("ulimit -n 30;");
    const crowd = Array.from({ length: 50 }, peer);
    for (const web of crowd) web.send(begin(), stream(raw.PARAMS, 1, ""));
    await rests(pid);
    // Those that were accepted are served, and leave room for the next.
    const held = crowd.filter(({ isLeft }) => !isLeft);
    expect(held.length).toBeGreaterThan(0);
    for (const web of held) web.send(record(raw.STDIN, 1));
    const answers = await Promise.all(
      held.map((web) =>
        web.answer().then(
          () => web.socket.destroy(),
          () => undefined,
        ),
      ),
    );
    expect(answers).toHaveLength(held.length);
    const later = peer();
    later.send(ask("/"));
    expect((await later.answer()).body).toBe(String(pid));
  });
});

describe("memory", () => {
  test("of a worker that reads 64 MiB slowly stays bounded (5.3)", async () => {
    const { spawn, peer } = listener();
    const pid = await spawn();
    const web = peer();
    web.send(raw.whole(1, { SCRIPT_NAME: "/up" }, Buffer.alloc(1_000_000)));
    await web.answer();
    const before = peakKilobytes(pid);
    web.send(begin(), stream(raw.PARAMS, 1, raw.pairs({ SCRIPT_NAME: "/up" })));
    const piece = stream(raw.STDIN, 1, Buffer.alloc(1_048_576)).subarray(0, -8);
    for (let sent = 0; sent < 64; sent += 1) if (!web.socket.write(piece)) await once(web.socket, "drain");
    web.send(record(raw.STDIN, 1));
    expect((await web.answer(1, 2)).body).toBe(String(64 * 1_048_576));
    expect(peakKilobytes(pid) - before).toBeLessThan(48_000);
  });

  test("of a worker that sends 256 MiB to a slow reader stays bounded (5.3)", async () => {
    const { listen, spawn, peer } = listener();
    const pid = await spawn();
    const web = peer();
    web.send(ask("/"));
    await web.answer();
    const before = peakKilobytes(pid);
    const reader = connect(listen.path);
    undo.add(() => reader.destroy());
    reader.write(ask("/down"));
    let [got, rests] = [0, 0];
    for await (const chunk of reader) {
      got += (chunk as Buffer).length;
      // A pause of the reader, in which the worker could fill its memory.
      if (got > rests * 8_000_000 && rests < 30) await pause(10).then(() => rests++);
      if (got >= 4096 * 65_536) break;
    }
    expect(got).toBeGreaterThanOrEqual(4096 * 65_536);
    expect(peakKilobytes(pid) - before).toBeLessThan(64_000);
  });
});
