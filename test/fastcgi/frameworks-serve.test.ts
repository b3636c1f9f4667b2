/** What `serve` adds to Node's own `(req, res)`, and what stays of FastCGI under it. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { serve } from "../../src/index.ts";
import { pause, until } from "../helpers/wait.ts";
import { pieces } from "./frameworks/application.ts";
import { buildMain, startBoth } from "./frameworks/both.ts";
import { makeDirectory, Undo, untilStill } from "./peers.ts";
import * as raw from "./raw-peer.ts";
import { begin, RawPeer, record, stream } from "./raw-peer.ts";

jest.setTimeout(60_000);
const undo = new Undo();
const peers: RawPeer[] = [];
afterEach(async () => {
  await undo.all();
  expect(peers.splice(0).flatMap(({ violations }) => violations)).toEqual([]);
});

type Handler = Parameters<typeof serve>[0];
type Options = NonNullable<Parameters<typeof serve>[1]>;

async function start(handler: Handler, options: Options = {}) {
  const path = join(makeDirectory(undo), "app.sock");
  const server = await serve(handler, { path, lingerMs: 200, ...options });
  undo.add(() => server.stop());
  const peer = () => {
    const one = new RawPeer({ kind: "unix", path }, undo);
    peers.push(one);
    return one;
  };
  return { peer };
}

const soon = (what: string, condition: () => boolean) => until(condition, { what, timeoutMs: 20_000, everyMs: 2 });

/** The parameters of a small request, and more. */
const get = (more: Record<string, string> = {}) => ({
  REQUEST_METHOD: "GET",
  REQUEST_URI: "/",
  SERVER_PROTOCOL: "HTTP/1.1",
  ...more,
});

/** Asks the handler one thing, and gives what it tells of its request. */
async function seen<T>(
  params: Record<string, string>,
  look: (req: IncomingMessage) => T,
  options: Options = {},
): Promise<T> {
  const looks: T[] = [];
  const { peer } = await start((req, res) => {
    looks.push(look(req));
    res.end();
  }, options);
  const web = peer();
  web.send(raw.whole(1, params));
  await web.answer();
  return looks[0] as T;
}

describe("req.fcgi", () => {
  test("has the parameters, the role, and a way to the web server's log", async () => {
    const told: unknown[] = [];
    const { peer } = await start((req, res) => {
      const { params, rawParams, role, signal } = req.fcgi;
      told.push(params.get("DOCUMENT_ROOT"), rawParams.at(-1), role, signal.aborted);
      req.fcgi.stderr("for the log\n");
      res.end("x");
    });
    const web = peer();
    web.send(raw.whole(1, get({ DOCUMENT_ROOT: "/srv", TWICE: "\u00fc" })));
    expect(await web.answer()).toMatchObject({ body: "x", stderr: "for the log\n" });
    expect(told).toEqual(["/srv", ["TWICE", "\u00c3\u00bc"], "responder", false]);
  });

  test("has a signal that is aborted with the request; what is written then goes nowhere", async () => {
    const reasons: unknown[] = [];
    const { peer } = await start((req, res) => {
      if (req.url === "/next") return void res.end("next");
      req.fcgi.signal.addEventListener("abort", () => {
        reasons.push(req.fcgi.signal.reason);
        res.write("too late");
        res.end("too late");
      });
    });
    const web = peer();
    web.send(begin(), stream(raw.PARAMS, 1, raw.pairs(get())), record(raw.STDIN, 1), record(raw.ABORT, 1));
    expect((await web.answer()).stdout).toBe("");
    await soon("the abort", () => reasons.length === 1);
    web.send(raw.whole(1, get({ REQUEST_URI: "/next" })));
    expect((await web.answer(1, 2)).body).toBe("next");
  });

  test("tells an authorizer's role, and no body is waited for", async () => {
    const { peer } = await start((req, res) => void req.resume().on("end", () => res.end(req.fcgi.role)), {
      roles: ["authorizer"],
    });
    const web = peer();
    web.send(begin(1, { role: 2 }), stream(raw.PARAMS, 1, raw.pairs(get())));
    expect((await web.answer()).body).toBe("authorizer");
  });
});

describe("the request", () => {
  test.each([
    ["on", true],
    ["ON", true],
    ["1", true],
    ["off", false],
    ["", false],
  ])("came by HTTPS=%s: req.socket.encrypted is %p", async (https, expected) => {
    const look = (req: IncomingMessage) => (req.socket as { encrypted?: boolean }).encrypted === true;
    expect(await seen(get({ HTTPS: https }), look)).toBe(expected);
  });

  test.each<[string, Record<string, string>, string]>([
    [
      "REQUEST_URI as the browser sent it",
      { REQUEST_URI: "/a%20b?c=d", SCRIPT_NAME: "/a b", PATH_INFO: "" },
      "/a%20b?c=d",
    ],
    [
      "SCRIPT_NAME, PATH_INFO and QUERY_STRING without it",
      { SCRIPT_NAME: "/app", PATH_INFO: "/x y", QUERY_STRING: "q=1" },
      "/app/x%20y?q=1",
    ],
    ["PATH_INFO alone without a query", { SCRIPT_NAME: "", PATH_INFO: "/x", QUERY_STRING: "" }, "/x"],
  ])("has a URL from %s", async (_name, params, url) => {
    expect(await seen({ REQUEST_METHOD: "GET", ...params }, (req) => req.url)).toBe(url);
  });

  test("has a URL below the mount with stripScriptName", async () => {
    const params = get({ REQUEST_URI: "/app/x?q=1", SCRIPT_NAME: "/app", PATH_INFO: "/x", QUERY_STRING: "q=1" });
    expect(await seen(params, (req) => req.url, { stripScriptName: true })).toBe("/x?q=1");
  });

  test("has headers of hostile names and values, and is none the worse for them", async () => {
    const params = get({
      HTTP___PROTO__: "x",
      HTTP_CONSTRUCTOR: "y",
      HTTP_X: "a\r\nSet-Cookie: b",
      "HTTP_A B": "z",
      HTTP_: "n",
    });
    const headers = await seen(params, (req) => ({ ...req.headers }));
    expect(headers["constructor"]).toBe("y");
    expect(JSON.stringify(Object.values(headers))).not.toMatch(/\\r|\\n/);
    expect(Object.keys({}.constructor.prototype as object)).toEqual([]);
  });

  test("has a CONTENT_LENGTH and CONTENT_TYPE that no HTTP_ variable overrules", async () => {
    const params = get({
      HTTP_CONTENT_LENGTH: "999",
      CONTENT_LENGTH: "0",
      HTTP_CONTENT_TYPE: "a/b",
      CONTENT_TYPE: "text/plain",
    });
    const headers = await seen(params, (req) => req.headers);
    expect([headers["content-length"], headers["content-type"]]).toEqual(["0", "text/plain"]);
  });
});

describe("a handler that fails", () => {
  const fails: readonly (readonly [string, Handler])[] = [
    [
      "throws",
      () => {
        throw new Error("on purpose");
      },
    ],
    ["rejects", () => Promise.reject(new Error("on purpose"))],
  ];

  test.each(fails)("%s before its head: 500, and the reason on STDERR alone", async (_name, handler) => {
    const { peer } = await start(handler);
    const web = peer();
    for (let n = 1; n <= 2; n += 1) {
      web.send(raw.whole(1, get()));
      const answer = await web.answer(1, n);
      expect(answer.stdout).toMatch(/^Status: 500 /);
      expect(answer.stdout).not.toContain("on purpose");
      expect(answer.stderr).toContain("on purpose");
    }
  });

  test("after its head: an end that does not look clean", async () => {
    const { peer } = await start(async (_req, res) => {
      await new Promise((resolve) => res.write("begun", resolve));
      throw new Error("on purpose");
    });
    const web = peer();
    web.send(raw.whole(1, get()));
    const answer = await web.answer().catch(() => undefined);
    if (answer === undefined) expect(web.isLeft).toBe(true);
    else
      expect([answer.body, answer.appStatus > 0, answer.stderr]).toEqual([
        "begun",
        true,
        expect.stringContaining("on purpose"),
      ]);
  });
});

describe("FastCGI under it", () => {
  test("keeps a connection for one request after the other, and serves several at once", async () => {
    const { peer } = await start(async (req, res) => {
      const body: Buffer[] = [];
      for await (const piece of req) body.push(piece as Buffer);
      res.end(`${req.url} ${Buffer.concat(body)}`);
    });
    const web = peer();
    for (let n = 1; n <= 30; n += 1) {
      web.send(raw.whole(1, get({ REQUEST_URI: `/${n}` }), "x"));
      expect((await web.answer(1, n)).body).toBe(`/${n} x`);
    }
    const ids = [2, 3, 4];
    for (const id of ids) web.send(begin(id), stream(raw.PARAMS, id, raw.pairs(get({ REQUEST_URI: `/${id}` }))));
    for (const id of ids.toReversed()) {
      web.send(stream(raw.STDIN, id, String(id), 1));
      expect((await web.answer(id)).body).toBe(`/${id} ${id}`);
    }
  });

  test("holds a body back that nobody reads, and lets it go with the answer", async () => {
    const { peer } = await start((req, res) => void req.once("readable", () => setImmediate(() => res.end("enough"))));
    const web = peer();
    web.send(raw.whole(1, get({ REQUEST_METHOD: "POST" }), Buffer.alloc(3_000_000)), raw.whole(2, get(), ""));
    expect((await web.answer(1)).body).toBe("enough");
  });

  test("stops a response that nobody takes, and says drain when it goes on", async () => {
    const writes = { more: 0, drains: 0 };
    const { peer } = await start(async (_req, res) => {
      for (let n = 0; n < 100; n += 1) {
        writes.more += 1;
        if (!res.write(Buffer.alloc(100_000, "x"))) await once(res, "drain").then(() => writes.drains++);
      }
      res.end();
    });
    const web = peer();
    web.socket.pause();
    web.send(raw.whole(1, get()));
    await soon("a write", () => writes.more > 0);
    expect(await untilStill(() => writes.more)).toBeLessThan(100);
    web.socket.resume();
    expect((await web.answer()).body).toHaveLength(10_000_000);
    expect(writes.drains).toBeGreaterThan(0);
  });

  test("ends a pipeline whose peer went away, with an error that names why", async () => {
    const ends: unknown[] = [];
    async function* endless() {
      for (;;) yield* pieces(100_000);
    }
    const { peer } = await start((_req, res) =>
      pipeline(Readable.from(endless()), res).catch((error: NodeJS.ErrnoException) => ends.push(error.code)),
    );
    const web = peer();
    web.send(raw.whole(1, get()));
    await soon("output", () => web.records.length > 0);
    web.socket.destroy();
    await soon("the pipeline's end", () => ends.length === 1);
    expect(ends).toEqual(["ERR_STREAM_PREMATURE_CLOSE"]);
  });
});

test("256 MiB to a slow reader do not stay in memory", async () => {
  const { path, pid } = await startBoth(buildMain(undo), "plain", "", undo);
  const peak = () => Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]);
  const before = peak();
  const reader = connect(path);
  undo.add(() => reader.destroy());
  reader.write(raw.whole(1, get({ REQUEST_URI: "/down" })));
  let [got, rests] = [0, 0];
  for await (const chunk of reader) {
    got += (chunk as Buffer).length;
    if (got > rests * 8_000_000 && rests < 30) await pause(10).then(() => rests++);
    if (got >= 4096 * 65_536) break;
  }
  expect(got).toBeGreaterThanOrEqual(4096 * 65_536);
  expect(peak() - before).toBeLessThan(64_000);
});
