/** `serve`: what is not the same as under node:http, because FastCGI knows more of a request, or less. */
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import type { HttpHandler } from "../../src/fastcgi/http-handler.ts";
import { createServer, type HttpServeOptions, serve } from "../../src/fastcgi/server.ts";
import { stdin } from "../../src/fastcgi/wire/record.ts";
import { ending, makeDirectory, opening, RawPeer, Undo, until, untilStill } from "./peers.ts";

jest.setTimeout(60_000);
const undo = new Undo();
afterEach(() => undo.all());

async function start(handler: HttpHandler, options: HttpServeOptions = {}) {
  const path = join(makeDirectory(undo), "app.sock");
  const server = await serve(handler, { path, lingerMs: 200, ...options });
  undo.add(() => server.stop());
  return { server, peer: () => new RawPeer({ kind: "unix", path }, undo) };
}

/** The answer to one whole request. */
async function ask(handler: HttpHandler, params: Record<string, string>, options: HttpServeOptions = {}, body = "") {
  const { peer } = await start(handler, options);
  const web = peer();
  web.send(opening(1, { params }), stdin(1, Buffer.from(body)), ending(1));
  const answer = await web.answer();
  return { ...answer, body: answer.stdout.slice(answer.stdout.indexOf("\r\n\r\n") + 4) };
}

test("a small answer is one write: head, body, the ends of the streams and FCGI_END_REQUEST come in one piece", async () => {
  const { peer } = await start((_req, res) => {
    res.writeHead(200, { "Content-Type": "text/plain" });
    res.write("one ");
    res.end("two");
  });
  const web = peer();
  web.send(opening(1), ending(1));
  await web.answer();
  expect(web.received().stdout).toBe("Status: 200 OK\r\nContent-Type: text/plain\r\n\r\none two");
  expect(web.bytes).toHaveLength(1);
});

describe("a handler that fails", () => {
  test.each<[string, HttpHandler]>([
    [
      "throws",
      (_req, res) => {
        res.setHeader("X-Secret", "1");
        throw new Error("on purpose");
      },
    ],
    ["rejects", async () => Promise.reject(new Error("on purpose"))],
    [
      "throws after writes that have not been sent",
      (_req, res) => {
        res.write("never seen");
        throw new Error("on purpose");
      },
    ],
  ])("and %s before anything was sent gives a 500, and the stack to the web server's log", async (_name, handler) => {
    const answer = await ask(handler, {});
    expect(answer.stdout).toMatch(/^Status: 500 Internal Server Error\r\n/);
    expect(answer.body).toBe("Internal Server Error\n");
    expect(answer.stderr).toMatch(/^Error: on purpose\n +at /);
    expect(answer.end).toEqual({ appStatus: 0, protocolStatus: 0 });
    expect(answer.stdout).not.toMatch(/Secret|never/);
  });

  test("after something was sent ends the connection without FCGI_END_REQUEST, and both sides are told", async () => {
    const events: string[] = [];
    const answer = await ask(async (req, res) => {
      req.on("aborted", () => events.push("aborted"));
      res.on("close", () => events.push("close")).on("finish", () => events.push("finish"));
      res.write("begun");
      await new Promise(setImmediate);
      throw new Error("on purpose");
    }, {});
    expect(answer.body).toBe("begun");
    expect(answer.stderr).toContain("on purpose");
    expect(answer.end).toBeUndefined();
    await until(() => events.includes("close"));
    expect(events).toEqual(["aborted", "close"]);
  });
});

describe("req", () => {
  test("has in fcgi what HTTP does not know", async () => {
    const answer = await ask(
      ({ fcgi }, res) => {
        fcgi.stderr("a word for the log\n");
        const own = [fcgi.role, fcgi.params.get("APP_NAME"), fcgi.rawParams.length, fcgi.signal.aborted, fcgi.data];
        res.end(JSON.stringify(own));
      },
      { APP_NAME: "shop" },
    );
    expect(JSON.parse(answer.body)).toEqual(["responder", "shop", 2, false, null]);
    expect(answer.stderr).toBe("a word for the log\n");
  });

  test.each([
    ["on", true],
    ["On", true],
    ["1", true],
    ["off", false],
    ["", false],
  ])("is secure or not: HTTPS=%s", async (HTTPS, isSecure) => {
    const answer = await ask((req, res) => res.end(String("encrypted" in req.socket && req.socket.encrypted)), {
      HTTPS,
    });
    expect(answer.body).toBe(String(isSecure));
  });

  test.each([
    [false, "/shop/cart?id=1"],
    [true, "/cart?id=1"],
  ])(
    "has its whole URL, or with stripScriptName (%p) the part behind the application's own",
    async (stripScriptName, url) => {
      const params = { SCRIPT_NAME: "/shop", PATH_INFO: "/cart", REQUEST_URI: "/shop/cart?id=1" };
      const answer = await ask((req, res) => res.end(req.url), params, { stripScriptName });
      expect(answer.body).toBe(url);
    },
  );

  test("whose body is shorter than CONTENT_LENGTH is aborted, and so is its answer", async () => {
    const errors: string[] = [];
    const answer = await ask(
      (req, res) => {
        req.on("error", (error: NodeJS.ErrnoException) => errors.push(String(error.code)));
        req.on("data", () => {}).on("end", () => res.end("all of it"));
      },
      { REQUEST_METHOD: "POST", CONTENT_LENGTH: "10" },
      {},
      "short",
    );
    expect(answer.stdout).toBe("");
    expect(answer.end?.appStatus).toBe(1);
    expect(errors).toEqual(["ECONNRESET"]);
  });

  test("gets no more of its body than it takes", async () => {
    let read = () => {};
    const { peer } = await start((req, res) => {
      req.once("readable", () => res.write("begun"));
      read = () => req.on("end", () => res.end()).resume();
    });
    const web = peer();
    web.send(opening(1, { params: { REQUEST_METHOD: "POST" } }), stdin(1, Buffer.alloc(8_000_000)), ending(1));
    await until(() => web.received().stdout.endsWith("begun"));
    expect(await untilStill(() => web.socket.writableLength)).toBeGreaterThan(0);
    read();
    expect((await web.answer()).end?.appStatus).toBe(0);
    expect(web.socket.writableLength).toBe(0);
  });
});

describe("res", () => {
  test("says by write and drain how fast the web server takes the answer", async () => {
    let [written, drains] = [0, 0];
    const { peer } = await start(async (_req, res) => {
      for (let n = 0; n < 200; n += 1) {
        written += 1;
        if (res.write(Buffer.alloc(50_000, "x"))) continue;
        expect(res.writableNeedDrain).toBe(true);
        await once(res, "drain");
        drains += 1;
        expect(res.writableNeedDrain).toBe(false);
      }
      res.end();
    });
    const web = peer();
    web.socket.pause();
    web.send(opening(1), ending(1));
    await until(() => written > 0);
    expect(await untilStill(() => written)).toBeLessThan(200);
    web.socket.resume();
    expect((await web.answer()).stdout.length).toBeGreaterThan(10_000_000);
    expect(drains).toBeGreaterThan(0);
  });

  test("is told when its time is over, and ends where nobody listens to that", async () => {
    const events: string[] = [];
    const handler: HttpHandler = (req, res) => {
      if (req.url === "/heard") res.setTimeout(5, () => res.end("late"));
      else req.setTimeout(5);
      res.on("close", () => events.push(`${req.url} closed`));
    };
    expect((await ask(handler, { REQUEST_URI: "/heard" })).body).toBe("late");
    const answer = await ask(handler, { REQUEST_URI: "/unheard" });
    expect([answer.stdout, answer.end?.appStatus]).toEqual(["", 1]);
    await until(() => events.length === 2);
  });

  test("does not finish when the connection closes while its answer waits to be taken", async () => {
    const events: string[] = [];
    const { peer } = await start((_req, res) => {
      res.on("close", () => events.push("close")).on("finish", () => events.push("finish"));
      res.end(Buffer.alloc(20_000_000));
    });
    const web = peer();
    web.socket.pause();
    web.send(opening(1), ending(1));
    await until(() => web.socket.bytesWritten > 0);
    await untilStill(() => events.length);
    web.socket.destroy();
    await until(() => events.length > 0);
    await untilStill(() => events.length);
    expect(events).toEqual(["close"]);
  });
});

describe("the option roles", () => {
  test("lets a handler be an authorizer: no body, and its Variable- headers are the answer (6.3)", async () => {
    const { peer } = await start(
      async (req, res) => {
        for await (const _ of req) throw new Error("an authorizer has no body");
        res.writeHead(req.headers.authorization === "Basic eA==" ? 200 : 401, { "Variable-USER": "anna" });
        res.end(req.fcgi.role);
      },
      { roles: ["authorizer"] },
    );
    const web = peer();
    web.send(opening(1, { role: 2, params: { HTTP_AUTHORIZATION: "Basic eA==" } }));
    expect((await web.answer(1)).stdout).toMatch(/^Status: 200 OK\r\nVariable-USER: anna\r\n.*authorizer$/s);
    web.send(opening(2, { role: 2 }), ending(2));
    expect((await web.answer(2)).stdout).toMatch(/^Status: 401 Unauthorized\r\n/);
    web.send(opening(3, { role: 1 }), ending(3));
    expect((await web.answer(3)).end?.protocolStatus).toBe(3);
  });
});

test("createServer does nothing before listen", async () => {
  const path = join(makeDirectory(undo), "app.sock");
  const server = createServer((_req, res) => res.end("here"), { path });
  const early = new RawPeer({ kind: "unix", path }, undo);
  await until(() => early.isClosed);
  expect([server.address, early.error?.code]).toEqual([undefined, "ENOENT"]);
  await server.listen();
  undo.add(() => server.stop());
  expect(server.address).toEqual({ kind: "unix", path });
  const web = new RawPeer({ kind: "unix", path }, undo);
  web.send(opening(1), ending(1));
  expect((await web.answer()).stdout).toMatch(/here$/);
});
