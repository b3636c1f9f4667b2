/** What a server keeps, tells twice or loses where handlers and web servers do not do the usual. */
import { createReadStream, type ReadStream } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import type { Handler } from "../../src/fastcgi/fastcgi-request.ts";
import type { HttpHandler } from "../../src/fastcgi/http-handler.ts";
import { createResponder, createServer, type Server } from "../../src/fastcgi/server.ts";
import { stdin } from "../../src/fastcgi/wire/record.ts";
import { ending, makeDirectory, opening, RawPeer, Undo, until } from "./peers.ts";

jest.setTimeout(120_000);
const undo = new Undo();
afterEach(() => undo.all());

type Make = (options: { path: string; lingerMs: number }) => Server;

async function connectTo(make: Make): Promise<RawPeer> {
  const path = join(makeDirectory(undo), "app.sock");
  const server = make({ path, lingerMs: 200 });
  await server.listen();
  undo.add(() => server.stop());
  return new RawPeer({ kind: "unix", path }, undo);
}

const serving = (handler: HttpHandler) => connectTo((options) => createServer(handler, options));
const responding = (handler: Handler) => connectTo((options) => createResponder(handler, options));

/** One request after the other on a kept connection. */
async function askOften(web: RawPeer, count: number): Promise<void> {
  for (let id = 1; id <= count; id += 1) {
    web.send(opening(id), ending(id));
    expect((await web.answer(id)).end).toEqual({ appStatus: 0, protocolStatus: 0 });
  }
}

describe("a kept connection", () => {
  test("does not keep the requests that it has had, whatever the size of their answers", async () => {
    setFlagsFromString("--expose-gc");
    const collectGarbage = runInNewContext("gc") as () => void;
    const requests: WeakRef<object>[] = [];
    const web = await serving((req, res) => {
      requests.push(new WeakRef(req));
      res.end(Buffer.alloc(65_536));
    });
    await askOften(web, 20);
    const areGone = () => {
      collectGarbage();
      return requests.filter((request) => request.deref() !== undefined).length <= 2;
    };
    await until(areGone);
  });

  test("serves on although handlers never come to their end after their answers", async () => {
    const web = await serving(async (_req, res) => {
      res.end("done");
      await new Promise(() => {});
    });
    await askOften(web, 120);
  });
});

describe("a web server that takes nothing", () => {
  test("is one drain to the handler, however often it has written meanwhile", async () => {
    let drains = 0;
    let response: ServerResponse | undefined;
    const web = await serving((_req, res) => {
      response = res;
      res.on("drain", () => {
        drains += 1;
        if (drains === 1) setImmediate(() => res.end());
      });
      for (let n = 0; n < 100; n += 1) res.write(Buffer.alloc(65_536));
    });
    web.socket.pause();
    web.send(opening(1), ending(1));
    await until(() => response !== undefined);
    web.socket.resume();
    await web.answer();
    expect(drains).toBe(1);
  });

  test("does not make us keep all that a handler says on stderr", async () => {
    const line = `${"x".repeat(65_535)}\n`;
    const web = await serving(({ fcgi }, res) => {
      for (let n = 0; n < 320; n += 1) fcgi.stderr(line);
      res.end("said");
    });
    web.socket.pause();
    web.send(opening(1), ending(1));
    web.socket.resume();
    const { stdout, stderr } = await web.answer();
    expect(stdout).toMatch(/\r\n\r\nsaid$/);
    expect(stderr.length).toBeGreaterThan(1_000_000);
    expect(stderr.length).toBeLessThan(4_000_000);
  });
});

describe("the lower interface", () => {
  test("lets go of a body whose head cannot be sent", async () => {
    let body: ReadStream | undefined;
    const web = await responding(() => {
      body = createReadStream(import.meta.filename);
      return { headers: { "X-Name": "\u2603" }, body };
    });
    web.send(opening(1), ending(1));
    expect((await web.answer()).stdout).toMatch(/^Status: 500 /);
    await until(() => body?.destroyed === true);
  });

  test("tells a reader that outlives its request that it has not got the whole body", async () => {
    let read: Promise<number> | undefined;
    const count = async (body: AsyncIterable<Buffer>) => {
      let bytes = 0;
      for await (const piece of body) bytes += piece.length;
      return bytes;
    };
    const web = await responding(({ body }) => {
      read = count(body);
      read.catch(() => {});
      return { status: 202 };
    });
    web.send(opening(1, { params: { CONTENT_LENGTH: "8" } }), stdin(1, Buffer.from("four")));
    await web.answer();
    await expect(read).rejects.toThrow("the request has ended");
  });

  test.each([204, 304])("sends no body with a status of %i, which has none", async (status) => {
    const web = await responding(() => ({ status, body: "body" }));
    web.send(opening(1), ending(1));
    expect((await web.answer()).stdout).toMatch(/^Status: [^\n]*\r\n\r\n$/);
  });
});

describe("stop", () => {
  const make = () => {
    const path = join(makeDirectory(undo), "app.sock");
    return { path, server: createServer((_req, res) => res.end(), { path, lingerMs: 200 }) };
  };

  test("while the server is about to listen leaves nothing that listens", async () => {
    const { path, server } = make();
    const listening = server.listen();
    await server.stop();
    await listening;
    const web = new RawPeer({ kind: "unix", path }, undo);
    await until(() => web.error !== undefined || web.isLeft);
  });

  test("twice is the same as once", async () => {
    const { server } = make();
    await server.listen();
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
  });
});
