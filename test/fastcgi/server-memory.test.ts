/** What a worker holds in memory does not depend on how much passes through it. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { request } from "../../src/fastcgi/client.ts";
import { webServerParams } from "../../src/fastcgi/web-server-params.ts";
import { bundle, collect, ending, makeDirectory, opening, run, Undo, until } from "./peers.ts";

jest.setTimeout(120_000);
const undo = new Undo();
let path = "";
beforeAll(async () => {
  const directory = makeDirectory(undo);
  path = join(directory, "app.sock");
  const out = collect(run(undo, process.execPath, [bundle("moves-much", directory), path]).stdout);
  await until(() => out.text !== "");
});
afterAll(() => undo.all());

const megabyte = 1_048_576;
const ask = (uri: string, stdin?: AsyncIterable<Uint8Array>) =>
  request({
    listen: { kind: "unix", path },
    params: webServerParams({ uri, method: "POST" }),
    stdin,
    timeoutMs: 100_000,
  });
const mostMemory = async () => Number((await ask("/most")).body.toString()) / megabyte;

/** A peer that rests now and then; gives how many bytes came. */
async function takeSlowly(socket: Socket): Promise<number> {
  let [bytes, pieces] = [0, 0];
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    pieces += 1;
    if (pieces % 256 === 0) await pause(1);
  }
  return bytes;
}

test("a gigabyte goes to a slow web server", async () => {
  await mostMemory();
  const socket = connect(path);
  undo.add(() => socket.destroy());
  await once(socket, "connect");
  socket.write(Buffer.concat([opening(1, { keep: false, params: { REQUEST_URI: "/down" } }), ending(1)]));
  expect(await takeSlowly(socket)).toBeGreaterThan(1024 * megabyte);
  expect(await mostMemory()).toBeLessThan(250);
});

test("64 MiB come to a slow handler", async () => {
  async function* body() {
    for (let left = 1024; left > 0; left -= 1) yield Buffer.alloc(65_536);
  }
  expect((await ask("/up", body())).body.toString()).toBe(String(64 * megabyte));
  expect(await mostMemory()).toBeLessThan(250);
});
