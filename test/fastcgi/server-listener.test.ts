/** Where the listening socket comes from, and what becomes of connections for which there is no room. */
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { bundle, collect, ending, makeDirectory, opening, RawPeer, run, Undo, until, untilStill } from "./peers.ts";

jest.setTimeout(60_000);
const forAll = new Undo();
const undo = new Undo();
let program = "";
beforeAll(() => {
  program = bundle("serves-anywhere", makeDirectory(forAll));
});
afterEach(() => undo.all());
afterAll(() => forAll.all());

const passer = fileURLToPath(new URL("./programs/passes-listener.py", import.meta.url));

/** Whether it has ended, and all that it said has come. */
function endOf(child: ChildProcess): () => boolean {
  let isOver = false;
  child.once("close", () => {
    isOver = true;
  });
  return () => isOver;
}

/** A program that names a socket of its own, on a listener that was passed to it. */
async function start(how: { fd: 0 | 3; pid?: string; ownPath?: string; env?: NodeJS.ProcessEnv }) {
  const directory = makeDirectory(undo);
  const [passed, own] = [join(directory, "passed.sock"), how.ownPath ?? join(directory, "own.sock")];
  const args = [passer, passed, String(how.fd), how.pid ?? "", process.execPath, program, own];
  const child = run(undo, "/usr/bin/python3", args, how.env);
  const [out, errors] = [collect(child.stdout), collect(child.stderr)];
  const isOver = endOf(child);
  await until(() => out.text.endsWith("\n") || isOver());
  const peer = (path = passed) => new RawPeer({ kind: "unix", path }, undo);
  return { child, out, errors, own, peer };
}

describe("the listening socket", () => {
  test("is the one of LISTEN_FDS, if LISTEN_PID names this process", async () => {
    const { child, out, own, peer } = await start({ fd: 3 });
    expect([JSON.parse(out.text), existsSync(own)]).toEqual(["inherited", false]);
    const web = peer();
    web.send(opening(1), ending(1));
    expect((await web.answer()).stdout).toMatch(new RegExp(`${child.pid}$`));
    web.socket.destroy();
    child.kill("SIGTERM");
    await until(() => child.exitCode !== null);
    expect(child.exitCode).toBe(0);
  });

  test("is not the one of LISTEN_FDS if LISTEN_PID names another", async () => {
    const { out, own } = await start({ fd: 3, pid: "1" });
    expect(JSON.parse(out.text)).toEqual({ kind: "unix", path: own });
  });

  test("is fd 0 if that listens, whatever the code names", async () => {
    const { out, own, peer } = await start({ fd: 0 });
    expect([JSON.parse(out.text), existsSync(own)]).toEqual(["inherited", false]);
    const web = peer();
    web.send(opening(1), ending(1));
    expect((await web.answer()).end?.appStatus).toBe(0);
  });

  test("is the one that the code names, if fd 0 is a pipe", async () => {
    const own = join(makeDirectory(undo), "own.sock");
    const child = run(undo, process.execPath, [program, own]);
    const out = collect(child.stdout);
    await until(() => out.text !== "");
    expect(JSON.parse(out.text)).toEqual({ kind: "unix", path: own });
  });

  test("takes the place of one that a killed program left, and of nothing else", async () => {
    const own = join(makeDirectory(undo), "own.sock");
    const begin = async () => {
      const child = run(undo, process.execPath, [program, own]);
      const [out, errors] = [collect(child.stdout), collect(child.stderr)];
      const isOver = endOf(child);
      await until(() => out.text !== "" || isOver());
      return { child, out, errors };
    };
    const first = await begin();
    first.child.kill("SIGKILL");
    await until(() => first.child.signalCode !== null);
    const second = await begin();
    expect(JSON.parse(second.out.text)).toEqual({ kind: "unix", path: own });
    const third = await begin();
    expect(third.errors.text).toContain("EADDRINUSE");
    const web = new RawPeer({ kind: "unix", path: own }, undo);
    web.send(opening(1), ending(1));
    expect((await web.answer()).stdout).toMatch(new RegExp(`${second.child.pid}$`));
  });

  test("is missed with all that was looked for, and how to run the program", async () => {
    const child = run(undo, process.execPath, [program]);
    const errors = collect(child.stderr);
    await until(endOf(child));
    expect(errors.text).toContain(
      "Cannot serve: standard input (fd 0) is not a listening socket (EINVAL), LISTEN_FDS hands none over, and the code names " +
        "no path or port. A FastCGI program is started by its process manager: fcgi-pm start serves-anywhere.mjs. " +
        "By hand it needs a socket of its own: { port: 9000 } among the options",
    );
  });

  test("that LISTEN_FDS promises and does not hand over is missed too", async () => {
    const script = `LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&-`;
    const child = run(undo, "sh", ["-c", script, "sh", process.execPath, program]);
    const errors = collect(child.stderr);
    await until(endOf(child));
    expect(errors.text).toContain("Cannot serve: fd 3, which LISTEN_FDS hands over, is not a listening socket");
  });
});

test("a connection for which there is no room waits in the queue of an inherited listener, and is served later", async () => {
  const { peer } = await start({ fd: 0, env: { MAX_CONNECTIONS: "2" } });
  const [first, second] = [peer(), peer()];
  for (const web of [first, second]) web.send(opening(1));
  // FCGI_GET_VALUES is answered as soon as a connection has been taken.
  for (const web of [first, second]) {
    web.send(Buffer.from([1, 9, 0, 0, 0, 0, 0, 0]));
    await until(() => web.records.length === 1);
  }
  const third = peer();
  third.send(opening(1), ending(1));
  await untilStill(() => third.bytes.length);
  expect([third.isLeft, third.records]).toEqual([false, []]);
  first.send(ending(1));
  await first.answer();
  first.socket.end();
  expect((await third.answer()).end?.appStatus).toBe(0);
  second.send(ending(1));
  expect((await second.answer()).end?.appStatus).toBe(0);
});
