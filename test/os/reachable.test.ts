/** Whether somebody takes connections at an address, as the kernel or a connection tells. */
import { createHook } from "node:async_hooks";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type ListenOptions, type Server } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { reach } from "../../src/os/reachable.ts";
import { usePlace } from "../helpers/manager.ts";
import { until } from "../helpers/wait.ts";
import { freePort } from "../helpers/webservers.ts";

const place = usePlace();
const servers = new Set<Server>();
const children = new Set<ChildProcess>();

afterEach(async () => {
  for (const server of servers) await new Promise((closed) => server.close(closed));
  for (const child of children) child.kill("SIGKILL");
  servers.clear();
  children.clear();
});

/** Listens, and counts who comes. */
async function listen(options: ListenOptions): Promise<{ port: number; came: () => number }> {
  let came = 0;
  const server = createServer((socket) => {
    came += 1;
    socket.destroy();
  });
  servers.add(server);
  server.listen(options);
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, came: () => came };
}

/** Names but localhost may be those of other machines; to whoever looks it up, this is the same. */
const reachByName = (port: number) => reach({ kind: "tcp", host: "LOCALHOST", port }, { timeoutMs: 20_000 });

const unreachable = (reason: string) => ({ isReachable: false, reason });

test("on this machine nobody is connected to: some programs do not bear a connection without a request", async () => {
  const unix = await listen({ path: place.path });
  const tcp = await listen({ host: "127.0.0.1", port: 0 });
  const known = { isReachable: true, connectMs: null };
  expect(await reach({ kind: "unix", path: place.path })).toEqual(known);
  expect(await reach({ kind: "tcp", host: "127.0.0.1", port: tcp.port })).toEqual(known);
  expect([unix.came(), tcp.came()]).toEqual([0, 0]);
});

test("where the kernel does not tell, a connection does", async () => {
  const { port, came } = await listen({ host: "0.0.0.0", port: 0 });
  expect(await reachByName(port)).toEqual({ isReachable: true, connectMs: expect.any(Number) });
  await until(() => came() === 1, { what: "the connection" });
});

test("a name is looked up once, however many ask for it meanwhile: a dead name server would keep all threads busy", async () => {
  const { port } = await listen({ host: "0.0.0.0", port: 0 });
  let lookups = 0;
  const hook = createHook({
    init: (_, type) => {
      if (type === "GETADDRINFOREQWRAP") lookups += 1;
    },
  }).enable();
  const asked = [1, 2, 3].map(() => reachByName(port));
  expect((await Promise.all(asked)).map(({ isReachable }) => isReachable)).toEqual([true, true, true]);
  expect(lookups).toBe(1);
  // It is not remembered: names move.
  await reachByName(port);
  expect(lookups).toBe(2);
  hook.disable();
});

describe("says why nobody can be reached:", () => {
  test("there is no socket", async () => {
    expect(await reach({ kind: "unix", path: place.path })).toEqual(unreachable("there is no socket"));
  });

  test("a socket that was left behind, a file that is none, a port", async () => {
    const file = join(place.directory, "file");
    writeFileSync(file, "");
    const left = spawn("/usr/bin/python3", [
      "-c",
      "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1])",
      place.path,
    ]);
    children.add(left);
    await once(left, "close");
    expect(existsSync(place.path)).toBe(true);
    const port = await freePort();
    const places = [
      { kind: "unix", path: place.path },
      { kind: "unix", path: file },
      { kind: "tcp", host: "127.0.0.1", port },
    ] as const;
    for (const each of places) expect(await reach(each)).toEqual(unreachable("nobody listens there"));
  });

  test("a name that nobody knows", async () => {
    const answer = await reach({ kind: "tcp", host: "no-such-host.invalid", port: 9000 }, { timeoutMs: 5000 });
    expect(answer).toEqual(unreachable(expect.stringMatching(/name of the host|no connection within/) as never));
  });

  test("a queue that is full", async () => {
    const script =
      "import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1); c = [socket.socket(socket.AF_UNIX) for _ in range(2)]; [x.connect(sys.argv[1]) for x in c]; print('full', flush=True); time.sleep(600)";
    const child = spawn("/usr/bin/python3", ["-c", script, place.path], { stdio: ["ignore", "pipe", "inherit"] });
    children.add(child);
    await once(child.stdout, "data");
    expect(await reach({ kind: "unix", path: place.path })).toEqual(
      unreachable("its queue is full: 2 connections wait"),
    );
  });

  test("a host that does not answer", async () => {
    // TEST-NET-1 (RFC 5737) is nobody's: packets to it are lost, or refused on the way.
    const answer = await reach({ kind: "tcp", host: "192.0.2.1", port: 9000 }, { timeoutMs: 200 });
    expect(answer.isReachable).toBe(false);
  });
});
