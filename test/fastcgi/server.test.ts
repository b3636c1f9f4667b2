import { once } from "node:events";
import { join } from "node:path";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { request } from "../../src/fastcgi/client.ts";
import type { FastCgiError } from "../../src/fastcgi/errors.ts";
import type { Handler } from "../../src/fastcgi/fastcgi-request.ts";
import { respond, type ServeOptions } from "../../src/fastcgi/server.ts";
import { recordType } from "../../src/fastcgi/wire/constants.ts";
import { decodePairs, encodePairs } from "../../src/fastcgi/wire/params.ts";
import {
  abortRequest,
  beginRequest,
  encodeRecord,
  endOfStream,
  getValues,
  stdin,
} from "../../src/fastcgi/wire/record.ts";
import fc from "../helpers/chance.ts";
import {
  collect,
  ending,
  makeDirectory,
  needProgram,
  opening,
  RawPeer,
  run,
  Undo,
  until,
  untilStill,
} from "./peers.ts";

jest.setTimeout(60_000);
const undo = new Undo();
afterEach(() => undo.all());

const { stdout: STDOUT, stderr: STDERR, endRequest: END } = recordType;

async function start(handler: Handler, options: ServeOptions = {}) {
  const problems: FastCgiError[] = [];
  const path = join(makeDirectory(undo), "app.sock");
  const onProblem = (error: FastCgiError) => problems.push(error);
  const server = await respond(handler, { path, onProblem, lingerMs: 200, ...options });
  undo.add(() => server.stop());
  const address = { kind: "unix", path } as const;
  return { server, problems, address, peer: () => new RawPeer(address, undo) };
}

async function readAll(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

const echo: Handler = async ({ body }) => ({ body: await readAll(body) });
const body = (answer: { stdout: string }) => answer.stdout.slice(answer.stdout.indexOf("\r\n\r\n") + 4);

/** A promise and the key to it. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe("one request", () => {
  test("is answered with its head and body, one empty STDOUT, and END_REQUEST last", async () => {
    const { peer } = await start(() => ({ status: 404, headers: { "X-A": "1" }, body: "gone" }));
    const web = peer();
    web.send(opening(1), ending(1));
    const answer = await web.answer();
    expect(answer.stdout).toBe(
      "Status: 404 Not Found\r\nX-A: 1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\n\r\ngone",
    );
    expect(answer.types).toEqual([STDOUT, STDOUT, END]);
    expect(answer.end).toEqual({ appStatus: 0, protocolStatus: 0 });
  });

  test("terminates STDERR only if it was used, before STDOUT", async () => {
    const { peer } = await start((req) => {
      req.stderr("watch out\n");
      return {};
    });
    const web = peer();
    web.send(opening(1), ending(1));
    const answer = await web.answer();
    expect(answer.stderr).toBe("watch out\n");
    expect(answer.types).toEqual([STDERR, STDOUT, STDERR, STDOUT, END]);
  });

  test("may come a byte at a time, and with 255 bytes of padding on every record", async () => {
    const padded = (type: number, content: Uint8Array) =>
      Buffer.concat([Buffer.from([1, type, 0, 1, 0, content.length, 255, 9]), content, Buffer.alloc(255, 0xff)]);
    const pairs = encodePairs([["SCRIPT_NAME", "/x"]]);
    const none = new Uint8Array(0);
    const wire = Buffer.concat([
      padded(1, Uint8Array.of(0, 1, 1, 0, 0, 0, 0, 0)),
      ...Array.from(pairs, (byte) => padded(4, Uint8Array.of(byte))),
      padded(4, none),
      padded(5, Buffer.from("hello")),
      padded(5, none),
    ]);
    const { peer } = await start(async ({ params, body }) => ({
      body: `${params.get("SCRIPT_NAME")} ${await readAll(body)}`,
    }));
    const web = peer();
    web.socket.setNoDelay(true);
    for (const byte of wire) web.socket.write(Uint8Array.of(byte));
    expect(body(await web.answer())).toBe("/x hello");
    web.send(wire);
    await until(() => web.records.filter((record) => record.type === END).length === 2);
  });

  test("has its parameters as text and as they came, whatever their names", async () => {
    let seen: [Map<string, string>, readonly (readonly [string, string])[]] | undefined;
    const { address } = await start(({ params, rawParams }) => {
      seen = [params, rawParams];
      return {};
    });
    const params = [
      ["__proto__", "x"],
      ["PATH_INFO", "/gr\u00fc\u00df"],
      ["BYTES", Uint8Array.of(0xff, 0)],
      ["TWICE", "first"],
      ["TWICE", "last"],
    ] as const;
    await request({ listen: address, params, timeoutMs: 20_000 });
    expect(Object.fromEntries(seen?.[0] ?? [])).toEqual(
      Object.fromEntries([
        ["__proto__", "x"],
        ["PATH_INFO", "/gr\u00fc\u00df"],
        ["BYTES", "\u00ff\u0000"],
        ["TWICE", "last"],
      ]),
    );
    expect(seen?.[1][1]).toEqual(["PATH_INFO", "/gr\u00c3\u00bc\u00c3\u009f"]);
    expect(seen?.[1].slice(3)).toEqual([
      ["TWICE", "first"],
      ["TWICE", "last"],
    ]);
  });

  test("of method HEAD gets the head alone", async () => {
    const { peer } = await start(() => ({ body: "12345" }));
    const web = peer();
    web.send(opening(1, { params: { REQUEST_METHOD: "HEAD" } }), ending(1));
    expect((await web.answer()).stdout).toMatch(/Content-Length: 5\r\n\r\n$/);
  });

  test("gets each Set-Cookie on a line of its own and nothing of the hop-by-hop headers", async () => {
    const headers = { "Set-Cookie": ["a=1", "b=2"], "Transfer-Encoding": "chunked", Connection: "close" };
    const { address } = await start(() => ({ headers, body: "" }));
    const answer = await request({ listen: address, params: {}, timeoutMs: 20_000 });
    expect(answer.headers.map(([name]) => name)).toEqual([
      "Set-Cookie",
      "Set-Cookie",
      "Content-Type",
      "Content-Length",
    ]);
  });

  test("gets a large body in aligned records whose padding and reserved byte are zero", async () => {
    const large = Buffer.alloc(200_001, "abc");
    const { peer } = await start(() => ({ body: large }));
    const web = peer();
    web.send(opening(1, { keep: false }), ending(1));
    await until(() => web.hasEnd);
    const wire = Buffer.concat(web.bytes);
    for (let at = 0; at < wire.length; ) {
      const [contentLength, padding] = [wire.readUInt16BE(at + 4), wire.readUInt8(at + 6)];
      const end = at + 8 + contentLength;
      expect((contentLength + padding) % 8).toBe(0);
      expect([wire[at + 7], ...wire.subarray(end, end + padding)].every((byte) => byte === 0)).toBe(true);
      at = end + padding;
    }
    expect(body(web.received())).toBe(large.toString());
  });
});

describe("the request's body", () => {
  test("may be read before it is complete: the handler starts at the end of PARAMS", async () => {
    const { peer } = await start(({ body }) => ({ body }));
    const web = peer();
    web.send(opening(1), stdin(1, Buffer.from("one")));
    await until(() => web.received().stdout.endsWith("one"));
    web.send(stdin(1, Buffer.from("two")), ending(1));
    expect(body(await web.answer())).toBe("onetwo");
  });

  test("holds the socket back while nobody reads it, and arrives whole", async () => {
    const { open, opened } = gate();
    const { peer } = await start(async (req) => {
      await opened;
      return echo(req);
    });
    const web = peer();
    const large = Buffer.alloc(8_000_000, "0123456789");
    web.send(opening(1), stdin(1, large), ending(1));
    const unsent = await untilStill(() => web.socket.writableLength);
    expect(unsent).toBeGreaterThan(0);
    open();
    expect(body(await web.answer()) === large.toString()).toBe(true);
  });

  test("that nobody read is drained, and the kept connection stays in step", async () => {
    const { peer } = await start(({ params }) => ({ body: `${params.get("N")}` }));
    const web = peer();
    web.send(opening(1, { params: { N: "1" } }), stdin(1, Buffer.alloc(300_000)));
    expect(body(await web.answer(1))).toBe("1");
    web.send(stdin(1, Buffer.alloc(300_000)), ending(1), abortRequest(1));
    web.send(opening(2, { params: { N: "2" } }), ending(2));
    expect(body(await web.answer(2))).toBe("2");
    expect(web.received(1).types.filter((type) => type === END)).toHaveLength(1);
  });

  test("that is shorter than CONTENT_LENGTH is an error for its reader", async () => {
    const { peer } = await start(echo);
    const web = peer();
    web.send(opening(1, { params: { CONTENT_LENGTH: "10" } }), stdin(1, Buffer.from("1234567")), ending(1));
    const answer = await web.answer();
    expect(answer.stdout).toMatch(/^Status: 500 /);
    expect(answer.stderr).toContain("Cannot read the request's body: 7 of 10 bytes came");
  });
});

describe("a handler that throws", () => {
  const handlers: [string, Handler][] = [
    [
      "at once",
      () => {
        throw new Error("on purpose");
      },
    ],
    [
      "later",
      async () => {
        throw new Error("on purpose");
      },
    ],
    ["before the first piece of its body", () => ({ body: failing([]) })],
    ["a header that would forge another", () => ({ headers: { "X-on purpose": "a\r\nSet-Cookie: b" } })],
  ];

  test.each(handlers)("%s gives a 500, and the reason to the web server's log", async (_name, handler) => {
    const { peer } = await start(handler);
    const web = peer();
    web.send(opening(1), ending(1));
    const answer = await web.answer();
    expect(answer.stdout).toMatch(/^Status: 500 Internal Server Error\r\n/);
    expect(answer.stdout).not.toContain("on purpose");
    expect(answer.stderr).toContain("on purpose");
    expect(answer.end?.appStatus).toBe(0);
  });

  test("after output began ends the connection without FCGI_END_REQUEST: nobody shall take the answer for complete", async () => {
    const { peer } = await start(() => ({ body: failing(["begun"]) }));
    const web = peer();
    web.send(opening(1), ending(1));
    const answer = await web.answer();
    expect(body(answer)).toBe("begun");
    expect(answer.stderr).toContain("on purpose");
    expect([answer.end, web.isLeft]).toEqual([undefined, true]);
  });

  test("after output began gives an application status that is not 0 where others share the connection", async () => {
    let finish = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { peer } = await start(async ({ params }) => {
      if (params.get("OTHER") === undefined) return { body: failing(["begun"]) };
      await finished;
      return { body: "other" };
    });
    const web = peer();
    web.send(opening(2, { params: { OTHER: "1" } }), ending(2), opening(1), ending(1));
    const answer = await web.answer(1);
    expect([body(answer), answer.end]).toEqual(["begun", { appStatus: 1, protocolStatus: 0 }]);
    finish();
    expect(body(await web.answer(2))).toBe("other");
  });

  test.each([
    ["nothing", undefined],
    ["null", null],
    ["a status that is none", { status: 99 }],
  ])("or returns %s gives a 500", async (_name, response) => {
    const { peer } = await start((() => response) as unknown as Handler);
    const web = peer();
    web.send(opening(1), ending(1));
    expect((await web.answer()).stdout).toMatch(/^Status: 500 /);
  });

  async function* failing(pieces: string[]) {
    yield* pieces;
    throw new Error("on purpose");
  }
});

describe("ABORT_REQUEST", () => {
  test("in the middle of PARAMS ends the request, and its id may be used again", async () => {
    const { peer } = await start(echo);
    const web = peer();
    web.send(beginRequest(1, { role: 1, keepConnection: true }), encodeRecord(4, 1, Uint8Array.of(3)), abortRequest(1));
    expect((await web.answer()).types).toEqual([STDOUT, END]);
    web.send(encodeRecord(4, 1, Uint8Array.of(9)), opening(1), stdin(1, Buffer.from("again")), ending(1));
    await until(() => web.received().types.filter((type) => type === END).length === 2);
    expect(body(web.received())).toBe("again");
  });

  test("tells the handler and its reader; what the handler answers then is not sent, even if the id is in use again", async () => {
    const { open, opened } = gate();
    const told: unknown[] = [];
    const { peer } = await start(async ({ params, signal, body, stderr }) => {
      if (params.get("N") === "2") return { body: "second" };
      await readAll(body).catch((error: Error) => told.push(error.name, signal.aborted));
      await opened;
      stderr("late");
      return { body: "first" };
    });
    const web = peer();
    web.send(opening(1), stdin(1, Buffer.from("x")), abortRequest(1));
    await web.answer();
    await until(() => told.length > 0);
    expect(told).toEqual(["AbortError", true]);
    web.send(opening(1, { params: { N: "2" } }));
    open();
    web.send(ending(1));
    await until(() => web.received().types.filter((type) => type === END).length === 2);
    await untilStill(() => web.records.length);
    expect(web.received().types).toEqual([STDOUT, END, STDOUT, STDOUT, END]);
    expect(body(web.received())).toBe("second");
    expect(web.received().stderr).toBe("");
  });

  test("is heard while the output is blocked, and ends the generator that makes it", async () => {
    let made = 0;
    let ended = false;
    async function* endless() {
      try {
        for (;;) {
          made += 1;
          yield Buffer.alloc(10_000);
        }
      } finally {
        ended = true;
      }
    }
    const { peer } = await start(() => ({ body: endless() }));
    const web = peer();
    web.socket.pause();
    web.send(opening(1), ending(1));
    await until(() => made > 0);
    expect(await untilStill(() => made)).toBeLessThan(1000);
    web.send(abortRequest(1));
    web.socket.resume();
    await web.answer();
    await until(() => ended);
    expect(web.received().types.slice(-2)).toEqual([STDOUT, END]);
  });
});

describe("a connection", () => {
  test("that closes aborts its requests and disturbs no other", async () => {
    const signals: AbortSignal[] = [];
    const { peer, problems } = await start(async ({ params, signal }) => {
      if (params.get("N") === "2") return { body: "fine" };
      signals.push(signal);
      await once(signal, "abort");
      return { body: Buffer.alloc(1_000_000) };
    });
    const [gone, reset, stays] = [peer(), peer(), peer()];
    gone.send(opening(1), ending(1));
    reset.send(opening(1));
    await until(() => signals.length === 2);
    gone.socket.destroy();
    reset.socket.destroy();
    await until(() => signals.every((signal) => signal.aborted));
    stays.send(opening(1, { params: { N: "2" } }), ending(1));
    expect(body(await stays.answer())).toBe("fine");
    expect(problems).toEqual([]);
  });

  test("whose sending side is closed after a complete request gets its answer", async () => {
    const { peer } = await start(async ({ signal }) => {
      await once(signal, "abort");
      return { body: "still here" };
    });
    const web = peer();
    web.send(opening(1), ending(1));
    web.socket.end();
    expect(body(await web.answer())).toBe("still here");
    await until(() => web.isClosed);
  });

  test("without KEEP_CONN is ended after the answer, with no reset although nobody reads what is sent", async () => {
    const { peer } = await start(() => ({ body: Buffer.alloc(500_000, "x") }), { lingerMs: 20_000 });
    const web = peer();
    web.socket.pause();
    web.send(opening(1, { keep: false }), stdin(1, Buffer.alloc(400_000)));
    await untilStill(() => web.socket.writableLength);
    web.socket.resume();
    await until(() => web.hasEnd);
    expect(web.received().types.at(-1)).toBe(END);
    expect(body(web.received())).toHaveLength(500_000);
    expect(web.error).toBeUndefined();
    web.send(stdin(1, Buffer.alloc(100_000)), ending(1));
    web.socket.end();
    await until(() => web.isClosed);
    expect(web.error).toBeUndefined();
  });

  test("without KEEP_CONN whose peer does not close is closed after the linger time", async () => {
    const { peer } = await start(() => ({}), { lingerMs: 1 });
    const web = peer();
    web.send(opening(1, { keep: false }), ending(1));
    await until(() => web.hasEnd);
    await until(() => {
      web.send(ending(1));
      return web.error !== undefined;
    });
    expect(web.error?.code).toMatch(/EPIPE|ECONNRESET/);
  });

  test("with KEEP_CONN serves one request after the other", async () => {
    const { peer } = await start(echo);
    const web = peer();
    for (let n = 1; n <= 20; n += 1) {
      web.send(opening(1), stdin(1, Buffer.from(`<${n}>`)), ending(1));
      await until(() => web.received().types.filter((type) => type === END).length === n);
    }
    expect(web.received().stdout).toContain("<20>");
    expect(web.hasEnd).toBe(false);
  });

  test("serves several requests at once, and ends with the last if one of them came without KEEP_CONN", async () => {
    const gates = new Map([
      ["1", gate()],
      ["2", gate()],
    ]);
    const { peer } = await start(async ({ params }) => {
      const n = params.get("N") ?? "";
      await gates.get(n)?.opened;
      return { body: n };
    });
    const web = peer();
    const first = opening(1, { keep: false, params: { N: "1" } });
    web.send(first, opening(2, { params: { N: "2" } }), ending(2), ending(1), getValues(["FCGI_MPXS_CONNS"]));
    await until(() => web.records.length === 1);
    gates.get("2")?.open();
    expect(body(await web.answer(2))).toBe("2");
    expect(web.received(1).types).toEqual([]);
    expect(web.hasEnd).toBe(false);
    gates.get("1")?.open();
    expect(body(await web.answer(1))).toBe("1");
    await until(() => web.hasEnd);
  });
});

describe("what is not understood", () => {
  test("GET_VALUES is answered in one record, with what was asked for and is known", async () => {
    const { peer } = await start(echo, { maxConnections: 7, maxRequestsPerConnection: 3 });
    const web = peer();
    web.send(getValues(["FCGI_MPXS_CONNS", "FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_NONSENSE"]), getValues(["?"]));
    await until(() => web.records.length === 2);
    const [known, unknown] = web.records.map((record) => decodePairs(record.content));
    const pairs = [
      ["FCGI_MAX_CONNS", "7"],
      ["FCGI_MAX_REQS", "21"],
      ["FCGI_MPXS_CONNS", "1"],
    ];
    expect(known).toEqual({ ok: true, pairs });
    expect(unknown).toEqual({ ok: true, pairs: [] });
    expect(web.records.map(({ type, id }) => [type, id])).toEqual([
      [10, 0],
      [10, 0],
    ]);
  });

  test("a management record of an unknown type is answered with UNKNOWN_TYPE, and its content skipped", async () => {
    const { peer } = await start(echo);
    const web = peer();
    web.send(encodeRecord(77, 0, Buffer.alloc(1000, 1)), opening(1), ending(1));
    expect((await web.answer()).end).toBeDefined();
    expect(web.records[0]).toMatchObject({ type: 11, id: 0 });
    expect(web.records[0]?.content[0]).toBe(77);
  });

  test("records of unknown types or of requests that are not open are ignored", async () => {
    const { peer } = await start(echo);
    const web = peer();
    web.send(
      encodeRecord(77, 1),
      encodeRecord(5, 9, Buffer.from("x")),
      abortRequest(9),
      encodeRecord(8, 1),
      opening(1),
    );
    web.send(encodeRecord(99, 1, Buffer.from("x")), ending(1));
    await web.answer();
    expect(new Set(web.records.map((record) => record.id))).toEqual(new Set([1]));
  });

  test.each([[true], [false]])(
    "an unknown role is told so, and the connection is as KEEP_CONN (%p) says",
    async (keep) => {
      const { peer } = await start(echo);
      const web = peer();
      web.send(opening(1, { role: 3, keep }), stdin(1, Buffer.from("x")), ending(1));
      expect(await web.answer()).toMatchObject({ types: [END], end: { appStatus: 0, protocolStatus: 3 } });
      if (keep) {
        web.send(opening(1), ending(1));
        await until(() => web.received().types.length > 1);
      } else {
        await until(() => web.hasEnd);
      }
    },
  );
});

describe("input that is malformed closes its connection and no other:", () => {
  const begin = beginRequest(1, { role: 1, keepConnection: true });
  test.each<[string, Uint8Array[], RegExp]>([
    ["a version other than 1", [Buffer.from("GET / HTTP/1.0\r\n\r\n")], /version 71/],
    ["a BEGIN_REQUEST that is too short", [encodeRecord(1, 1, Uint8Array.of(0, 1))], /too short/],
    ["an id that is begun twice", [begin, begin], /open already/],
    [
      "parameters that end in a pair",
      [begin, encodeRecord(4, 1, Uint8Array.of(9)), endOfStream(4, 1)],
      /name-value pair/,
    ],
    ["a name that GET_VALUES cuts", [encodeRecord(9, 0, Uint8Array.of(9, 9, 9))], /name-value pair/],
    ["a body before its parameters", [begin, ...stdin(1, Buffer.alloc(200_000))], /before its parameters/],
  ])("%s", async (_name, records, message) => {
    const served: string[] = [];
    const { peer, problems } = await start(({ params }) => {
      served.push(params.get("N") ?? "");
      return {};
    });
    const [bad, good] = [peer(), peer()];
    good.send(opening(1, { params: { N: "good" } }));
    bad.send(...records);
    await until(() => bad.isLeft);
    good.send(ending(1));
    expect((await good.answer()).end?.appStatus).toBe(0);
    expect(served).toEqual(["good"]);
    expect(problems.map((problem) => [problem.code, problem.message])).toEqual([
      ["FCGI_PROTOCOL_VIOLATED", expect.stringMatching(message)],
    ]);
  });
});

test("no sequence of records, sensible or not, disturbs the server", async () => {
  const { peer } = await start(echo, { maxParamsBytes: 100, maxRequestsPerConnection: 2 });
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.constantFrom(Uint8Array.of(0, 1, 1, 0, 0, 0, 0, 0), Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0), new Uint8Array(0)),
    fc.constant(encodePairs([["CONTENT_LENGTH", "3"]])),
  );
  const type = fc.oneof(fc.constantFrom(1, 1, 2, 4, 4, 5, 5, 9), fc.nat({ max: 255 }));
  const record = fc.tuple(type, fc.nat({ max: 2 }), content).map((parts) => encodeRecord(...parts));
  for (const records of fc.sample(fc.array(record, { minLength: 1, maxLength: 20, size: "max" }), 200)) {
    const web = peer();
    web.socket.end(Buffer.concat(records));
    await until(() => web.isLeft);
  }
  const web = peer();
  web.send(opening(1), stdin(1, Buffer.from("alive")), ending(1));
  expect(body(await web.answer())).toBe("alive");
});

describe("limits", () => {
  test("parameters over the limit are refused as OVERLOADED, and the connection stays in step", async () => {
    const { peer } = await start(echo, { maxParamsBytes: 1000 });
    const web = peer();
    web.send(opening(1, { params: { A: "x".repeat(1000) } }), ending(1));
    expect(await web.answer(1)).toMatchObject({ end: { protocolStatus: 2 } });
    web.send(opening(2, { params: { A: "x" } }), ending(2));
    expect(await web.answer(2)).toMatchObject({ end: { protocolStatus: 0 } });
  });

  test("requests over the limit are refused, and those that were aborted count while their handlers work", async () => {
    const { open, opened } = gate();
    const { peer } = await start(
      async () => {
        await opened;
        return {};
      },
      { maxRequestsPerConnection: 2 },
    );
    const web = peer();
    web.send(opening(1), opening(2), abortRequest(2), opening(3));
    expect(await web.answer(3)).toMatchObject({ types: [END], end: { protocolStatus: 2 } });
    open();
    web.send(ending(1));
    await web.answer(1);
    await untilStill(() => web.records.length);
    web.send(opening(4), ending(4));
    expect(await web.answer(4)).toMatchObject({ end: { protocolStatus: 0 } });
  });

  test("a web server that is silent in the middle of its parameters is left", async () => {
    const { peer, problems } = await start(echo, { stallMs: 20 });
    const web = peer();
    web.send(beginRequest(1, { role: 1, keepConnection: true }));
    await until(() => web.isLeft);
    expect(problems[0]?.message).toContain("silent for 20 ms");
  });
});

describe("stop", () => {
  test("finishes what is in flight, closes what is idle, and takes nothing new", async () => {
    const { open, opened } = gate();
    const { peer, server, address } = await start(async ({ params }) => {
      if (params.get("N") === "busy") await opened;
      return { body: "done" };
    });
    const [busy, idle] = [peer(), peer()];
    idle.send(opening(1), ending(1));
    await idle.answer();
    busy.send(opening(1, { params: { N: "busy" } }), ending(1));
    await until(() => busy.socket.bytesWritten > 0 && busy.socket.writableLength === 0);
    await untilStill(() => 0);
    let stopped = false;
    const stopping = server.stop().then(() => {
      stopped = true;
    });
    await until(() => idle.hasEnd);
    expect(stopped).toBe(false);
    await expect(request({ listen: address, params: {}, timeoutMs: 20_000 })).rejects.toMatchObject({
      errno: "ENOENT",
    });
    open();
    expect(body(await busy.answer())).toBe("done");
    busy.socket.end();
    idle.socket.end();
    await stopping;
  });

  test("asks a web server to close what it keeps, and still answers the request that crosses the question", async () => {
    const { open, opened } = gate();
    const { peer, server } = await start(
      async ({ params }) => {
        if (params.get("N") === "1") await opened;
        return { body: `answer ${params.get("N")}` };
      },
      { lingerMs: 20_000 },
    );
    const web = peer();
    web.send(opening(1, { params: { N: "1" } }), ending(1));
    await until(() => web.socket.bytesWritten > 0 && web.socket.writableLength === 0);
    await untilStill(() => 0);
    const stopping = server.stop();
    open();
    expect(body(await web.answer())).toBe("answer 1");
    // Once in the moment of the answer, as nginx does that has another request in hand, and once after the question.
    for (const n of ["2", "3"]) {
      web.records.splice(0);
      web.send(opening(1, { params: { N: n } }), ending(1));
      expect(body(await web.answer())).toBe(`answer ${n}`);
      await until(() => web.records.at(-1)?.type === STDERR);
      expect(web.records.at(-1)).toMatchObject({ id: 1, content: Buffer.alloc(0) });
    }
    expect(web.isLeft).toBe(false);
    web.socket.end();
    await stopping;
  });

  test("closes by itself what a web server keeps that takes no notice of the question", async () => {
    const { peer, server } = await start(echo);
    const web = peer();
    web.send(opening(1), ending(1));
    await web.answer();
    const stopping = server.stop();
    await until(() => web.records.at(-1)?.type === STDERR);
    await until(() => web.hasEnd);
    web.socket.end();
    await stopping;
  });

  test("lets a connection whose first request has not come yet have it", async () => {
    const { peer, server } = await start(echo, { lingerMs: 20_000 });
    const web = peer();
    await once(web.socket, "connect");
    await untilStill(() => 0);
    const stopping = server.stop();
    await untilStill(() => 0);
    web.send(opening(1), stdin(1, Buffer.from("in time")), ending(1));
    expect(body(await web.answer())).toBe("in time");
    web.socket.end();
    await stopping;
  });
});

describe("over TCP", () => {
  test.each([
    ["serves everybody without FCGI_WEB_SERVER_ADDRS", undefined, true],
    ["serves an address that FCGI_WEB_SERVER_ADDRS names", "10.0.0.1, 127.0.0.1", true],
    ["closes connections from any other", "10.0.0.1", false],
  ])("%s", async (_name, addresses, isServed) => {
    process.env["FCGI_WEB_SERVER_ADDRS"] = addresses ?? "";
    undo.add(() => delete process.env["FCGI_WEB_SERVER_ADDRS"]);
    const problems: FastCgiError[] = [];
    const server = await respond(echo, { port: 0, onProblem: (error) => problems.push(error) });
    undo.add(() => server.stop());
    const listen = server.address ?? { kind: "unix", path: "" };
    const answer = request({ listen, params: {}, stdin: Buffer.from("hi"), timeoutMs: 20_000 });
    if (isServed) expect((await answer).body.toString()).toBe("hi");
    else await expect(answer).rejects.toMatchObject({ code: "FCGI_ANSWER_CUT_SHORT" });
    expect(problems.map((problem) => problem.code)).toEqual(isServed ? [] : ["FCGI_PEER_FORBIDDEN"]);
  });
});

test("cgi-fcgi of libfcgi gets an answer, with a body, over TCP", async () => {
  const server = await respond(
    async ({ params, body }) => ({ status: 201, body: `${params.get("REQUEST_URI")} ${await readAll(body)}` }),
    { port: 0 },
  );
  undo.add(() => server.stop());
  const port = server.address?.kind === "tcp" ? server.address.port : 0;
  const env = { REQUEST_METHOD: "POST", REQUEST_URI: "/a?b", CONTENT_LENGTH: "5" };
  const child = run(undo, needProgram("cgi-fcgi"), ["-bind", "-connect", `127.0.0.1:${port}`], env);
  const out = collect(child.stdout);
  child.stdin?.end("hello");
  await once(child, "close");
  expect(out.text).toMatch(/^Status: 201 Created\r\n.*\r\n\r\n\/a\?b hello$/s);
});
