/** Many sockets, one buffer: what comes in is told while it is there, and nothing else about a socket changes. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { onChunk } from "../../src/fastcgi/read-buffer.ts";
import { makeDirectory, Undo, until, untilStill } from "./peers.ts";

const undo = new Undo();
afterEach(() => undo.all());

let pair: () => Promise<{ near: Socket; far: Socket }>;

beforeEach(async () => {
  const path = join(makeDirectory(undo), "s");
  const server = createServer({ allowHalfOpen: true });
  undo.add(() => server.close());
  await once(server.listen(path), "listening");
  pair = async () => {
    const far = connect({ path, allowHalfOpen: true });
    undo.add(() => far.destroy());
    const [near] = (await once(server, "connection")) as [Socket];
    undo.add(() => near.destroy());
    return { near, far };
  };
});

test("all sockets are read into the same memory, in this version of Node as well", async () => {
  const memory = new Set<ArrayBufferLike>();
  for (const text of ["one", "two"]) {
    const { near, far } = await pair();
    let got = "";
    onChunk(near, (chunk) => {
      memory.add(chunk.buffer);
      got += chunk.toString();
    });
    far.write(text);
    await until(() => got === text);
  }
  expect(memory.size).toBe(1);
});

test("every byte comes, then the end; and a paused socket is not read", async () => {
  const { near, far } = await pair();
  let sum = 0;
  let bytes = 0;
  let hasEnd = false;
  onChunk(near, (chunk) => {
    bytes += chunk.length;
    for (const byte of chunk) sum = (sum * 31 + byte) % 1_000_003;
  });
  near.on("end", () => {
    hasEnd = true;
  });
  near.pause();
  const sent = Buffer.alloc(3_000_000, "0123456789abcdef~");
  far.end(sent);
  await untilStill(() => bytes);
  expect({ bytes, hasEnd, isPaused: near.isPaused() }).toEqual({ bytes: 0, hasEnd: false, isPaused: true });
  near.resume();
  await until(() => hasEnd);
  let expected = 0;
  for (const byte of sent) expected = (expected * 31 + byte) % 1_000_003;
  expect({ bytes, sum }).toEqual({ bytes: sent.length, sum: expected });
});

test("what has no such insides is read as any stream", async () => {
  const stream = new PassThrough();
  const chunks: string[] = [];
  onChunk(stream as unknown as Socket, (chunk) => chunks.push(chunk.toString()));
  stream.end("whole");
  await once(stream, "end");
  expect(chunks).toEqual(["whole"]);
});
