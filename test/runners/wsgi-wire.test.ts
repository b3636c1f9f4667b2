/** The runner on the wire: FastCGI 1.0 as far as a responder goes that serves one request of a connection at a time. */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { recordType } from "../../src/fastcgi/wire/constants.ts";
import { decodePairs, encodePairs } from "../../src/fastcgi/wire/params.ts";
import {
  abortRequest,
  beginRequest,
  encodeRecord,
  endOfStream,
  getValues,
  params,
  stdin,
} from "../../src/fastcgi/wire/record.ts";
import { ending, opening, type RawPeer, type Received, Undo } from "../fastcgi/peers.ts";
import fc from "../helpers/chance.ts";
import { until } from "../helpers/wait.ts";
import { startWorkers, type Workers } from "./wsgi-runner.ts";

jest.setTimeout(60_000);
const undo = new Undo();
/** A kept connection occupies the worker: each test closes its own. */
const forTest = new Undo();
afterEach(() => forTest.all());
let workers: Workers;
/** With a short patience for web servers that are silent. */
let hasty: Workers;
beforeAll(async () => {
  workers = await startWorkers(undo);
  hasty = await startWorkers(undo, { args: ["--stall-timeout", "0.3", "--threads", "2"] });
});
afterAll(() => undo.all());

const { stdout: STDOUT, stderr: STDERR, endRequest: END } = recordType;
const body = ({ stdout }: Received) => stdout.slice(stdout.indexOf("\r\n\r\n") + 4);
const page = (path: string, more: Record<string, string> = {}) => {
  const [name = "", query = ""] = path.split("?");
  return { PATH_INFO: name, QUERY_STRING: query, ...more };
};

/** Bytes that a runner with a peer like this one must be able to answer afterwards. */
async function answersStill(web: RawPeer, id = 9): Promise<void> {
  web.send(opening(id, { params: page("/blocks?count=3") }), ending(id));
  expect(body(await web.answer(id))).toBe("xxx");
}

describe("one request", () => {
  test("ends with one empty STDOUT, and END_REQUEST last; STDERR is ended only if it was used", async () => {
    const web = workers.peer(forTest);
    web.send(opening(1, { params: page("/blocks") }), ending(1));
    const answer = await web.answer();
    expect(answer.types).toEqual([STDOUT, STDOUT, STDOUT, END]);
    expect(answer.end).toEqual({ appStatus: 0, protocolStatus: 0 });
    web.send(opening(2, { params: page("/errors") }), ending(2));
    const { types } = await web.answer(2);
    expect(types.slice(0, 2)).toEqual([STDERR, STDOUT]);
    expect(types.slice(-3)).toEqual([STDERR, STDOUT, END]);
  });

  test("with a small answer gets all of it in one piece", async () => {
    const web = workers.peer(forTest);
    web.send(opening(1, { params: page("/blocks") }), ending(1));
    await web.answer();
    expect(web.bytes.length).toBe(1);
  });

  test("may come a byte at a time, and with 255 bytes of padding on every record", async () => {
    const padded = (type: number, content: Uint8Array) =>
      Buffer.concat([Buffer.from([1, type, 0, 1, 0, content.length, 255, 9]), content, Buffer.alloc(255, 0xff)]);
    const none = new Uint8Array(0);
    const pairs = encodePairs(Object.entries(page("/body", { REQUEST_METHOD: "POST", CONTENT_LENGTH: "5" })));
    const wire = Buffer.concat([
      padded(1, Uint8Array.of(0, 1, 1, 0, 0, 0, 0, 0)),
      ...Array.from(pairs, (byte) => padded(4, Uint8Array.of(byte))),
      padded(4, none),
      padded(5, Buffer.from("hello")),
      padded(5, none),
    ]);
    const web = workers.peer(forTest);
    for (const byte of wire) web.socket.write(Uint8Array.of(byte));
    expect(body(await web.answer())).toBe("hello");
    web.send(wire);
    await until(() => web.records.filter(({ type }) => type === END).length === 2, { what: "the second answer" });
  });

  test("may write short lengths in four bytes", async () => {
    const long = Buffer.from([0x80, 0, 0, 9, 0x80, 0, 0, 7, ...Buffer.from("PATH_INFO/blocks")]);
    const web = workers.peer(forTest);
    web.send(
      beginRequest(1, { role: 1, keepConnection: true }),
      encodeRecord(4, 1, long),
      endOfStream(4, 1),
      ending(1),
    );
    expect(body(await web.answer())).toBe("x");
  });

  test("gets large answers in aligned records whose padding and reserved byte are zero", async () => {
    const web = workers.peer(forTest);
    web.send(opening(1, { params: page("/blocks?size=200003") }), ending(1));
    await web.answer();
    const wire = Buffer.concat(web.bytes);
    for (let at = 0; at < wire.length; ) {
      const [length, padding] = [wire.readUInt16BE(at + 4), wire[at + 6] ?? 0];
      expect([(length + padding) % 8, wire[at + 7]]).toEqual([0, 0]);
      expect(wire.subarray(at + 8 + length, at + 8 + length + padding).every((byte) => byte === 0)).toBe(true);
      at += 8 + length + padding;
    }
  });

  test("gets each block of an answer before the next is asked for", async () => {
    const web = workers.peer(forTest);
    const gate = `${workers.directory}/gate-stream`;
    web.send(opening(1, { params: page(`/stream?gate=${gate}`) }), ending(1));
    await until(() => web.received().stdout.endsWith("one\n"), { what: "the first block" });
    expect(web.received().end).toBeUndefined();
    writeFileSync(gate, "");
    expect(body(await web.answer())).toBe("one\ntwo\n");
  });
});

describe("a body", () => {
  test("is held back while nobody reads it, and 64 MiB arrive whole in bounded memory", async () => {
    const gate = `${workers.directory}/gate-body`;
    const piece = Buffer.alloc(1 << 20, "0123456789abcdef");
    let sent = 0;
    async function* pieces() {
      for (let n = 0; n < 64; n += 1) {
        yield piece;
        sent += piece.length;
      }
    }
    const before = Number((await workers.ask("/memory")).body);
    const asked = workers.ask(
      `/digest?gate=${gate}`,
      { method: "POST", contentLength: 64 << 20 },
      { stdin: pieces(), timeoutMs: 60_000 },
    );
    await until(() => workers.stderr.text.includes("waits"), { what: "the application to wait" });
    await new Promise((done) => setTimeout(done, 100));
    expect(sent).toBeLessThan(8 << 20);
    writeFileSync(gate, "");
    const sha = createHash("sha1");
    for (let n = 0; n < 64; n += 1) sha.update(piece);
    expect((await asked).body.toString()).toBe(`${64 << 20} ${sha.digest("hex")}`);
    expect(Number((await workers.ask("/memory")).body) - before).toBeLessThan(4096);
  });

  test("that nobody read is skipped, and the kept connection stays in step", async () => {
    const web = workers.peer(forTest);
    const long = stdin(1, Buffer.alloc(300_000));
    web.send(opening(1, { params: page("/ignores-body", { CONTENT_LENGTH: "300000" }) }), long, ending(1));
    expect(body(await web.answer())).toBe("not read");
    await answersStill(web);
  });

  test("that is shorter than CONTENT_LENGTH is an error for its reader: 400, with a word to the log", async () => {
    const web = workers.peer(forTest);
    web.send(
      opening(1, { params: page("/body?how=all", { CONTENT_LENGTH: "10" }) }),
      stdin(1, Buffer.from("four")),
      ending(1),
    );
    const answer = await web.answer();
    expect(answer.stdout).toMatch(/^Status: 400 Bad Request\r\n/);
    expect(answer.stderr).toContain("the body ended after 4 of 10 bytes");
    await answersStill(web);
  });

  test("whose sender ends its side too early is the same error", async () => {
    const web = workers.peer(forTest);
    web.send(opening(1, { params: page("/body?how=all", { CONTENT_LENGTH: "10" }) }), stdin(1, Buffer.from("four")));
    web.socket.end();
    expect((await web.answer()).stdout).toMatch(/^Status: 400 /);
  });

  test("and an answer that are both longer than what the kernel keeps do not wait for each other", async () => {
    const size = 4 << 20;
    const web = workers.peer(forTest);
    web.socket.pause(); // nothing of the answer is read before all of the body is written, or waits to be
    web.send(opening(1, { params: page(`/blocks?size=${size}`, { CONTENT_LENGTH: String(size) }) }));
    web.send(stdin(1, Buffer.alloc(60_000)), ending(1));
    web.socket.resume();
    expect(body(await web.answer()).length).toBe(size);
  });
});

describe("a connection", () => {
  test.each(["unix", "tcp"] as const)(
    "without KEEP_CONN over %s is ended after the answer, with no reset although nobody reads what is sent",
    async (kind) => {
      const web = (kind === "unix" ? workers : await startWorkers(undo, { kind })).peer(forTest);
      const opened = opening(1, { keep: false, params: page("/ignores-body", { CONTENT_LENGTH: "1000000" }) });
      web.send(opened, stdin(1, Buffer.alloc(100_000)));
      expect(body(await web.answer())).toBe("not read");
      web.send(stdin(1, Buffer.alloc(100_000)), ending(1));
      await until(() => web.hasEnd, { what: "the end of the connection" });
      expect(web.error).toBeUndefined();
    },
  );

  test("with KEEP_CONN serves one request after the other, those that were sent ahead as well", async () => {
    const web = workers.peer(forTest);
    for (const id of [1, 2, 3]) web.send(opening(id, { params: page("/blocks") }), ending(id));
    for (const id of [1, 2, 3]) expect(body(await web.answer(id))).toBe("x");
    expect(web.isLeft).toBe(false);
  });

  test("whose sending side is closed after a complete request gets its answer", async () => {
    const web = workers.peer(forTest);
    web.send(opening(1, { params: page("/stream") }), ending(1));
    web.socket.end();
    expect(body(await web.answer())).toBe("one\ntwo\n");
  });

  test("that is kept and idle is asked to close, and given up when another one waits all the same", async () => {
    const kept = workers.peer(forTest);
    await answersStill(kept);
    const before = kept.records.length;
    expect((await workers.ask("/blocks")).status).toBe(200);
    await until(() => kept.hasEnd, { what: "the end of the kept connection" });
    expect(kept.records.slice(before)).toMatchObject([{ type: STDERR, id: 9 }]);
    expect(kept.records.at(-1)?.content.length).toBe(0);
  });

  test("that is silent in the middle of a record, or takes no answer, is left", async () => {
    const silent = hasty.peer(forTest);
    silent.send(Buffer.from([1, 1, 0, 1, 0, 8]));
    const deaf = hasty.peer(forTest);
    deaf.socket.pause();
    deaf.send(opening(1, { params: page("/endless") }), ending(1));
    await until(() => silent.isLeft, { what: "the end of the silent one" });
    await until(() => hasty.stderr.text.includes("closed"), { what: "the answer to be closed" });
    expect((await hasty.ask("/blocks")).status).toBe(200);
  });

  test("whose client goes away in the middle of the answer ends it, and the worker serves on", async () => {
    const before = workers.stderr.text.length;
    const web = workers.peer(forTest);
    web.send(opening(1, { params: page("/endless") }), ending(1));
    await until(() => web.received().stdout.length > 0, { what: "a part of the answer" });
    web.socket.destroy();
    await until(() => workers.stderr.text.slice(before).includes("closed"), { what: "the answer to be closed" });
    await answersStill(workers.peer(forTest));
    expect(workers.stderr.text.slice(before)).toBe("closed\n");
  });
});

describe("FCGI_ABORT_REQUEST", () => {
  const ended = { appStatus: 0, protocolStatus: 0 };

  test("in the middle of PARAMS ends the request, and its id may be used again", async () => {
    const web = workers.peer(forTest);
    const [first = new Uint8Array(0)] = params(1, [["REQUEST_METHOD", "GET"]]);
    web.send(beginRequest(1, { role: 1, keepConnection: true }), first, abortRequest(1));
    expect(await web.answer()).toMatchObject({ types: [END], end: ended });
    await answersStill(web);
  });

  test("in the middle of the body is an error for its reader; nothing but the end is sent", async () => {
    const web = workers.peer(forTest);
    web.send(
      opening(1, { params: page("/body?how=all", { CONTENT_LENGTH: "10" }) }),
      stdin(1, Buffer.from("four")),
      abortRequest(1),
    );
    expect(await web.answer()).toMatchObject({ types: [END], end: ended });
    await answersStill(web);
  });

  test("while the output is blocked ends the answer after the record that was begun", async () => {
    const before = workers.stderr.text.length;
    const web = workers.peer(forTest);
    web.socket.pause();
    web.send(opening(1, { params: page("/endless") }), ending(1), abortRequest(1));
    await until(() => workers.stderr.text.slice(before).includes("closed"), { what: "the answer to be closed" });
    web.socket.resume();
    expect((await web.answer()).types.at(-1)).toBe(END);
    await answersStill(web);
  });

  test("of a request that has ended is ignored", async () => {
    const web = workers.peer(forTest);
    await answersStill(web, 1);
    web.send(abortRequest(1), ending(1));
    await answersStill(web, 2);
  });
});

describe("what is not served", () => {
  test("a second request on a connection is refused as CANT_MPX_CONN, and the first goes on", async () => {
    const web = workers.peer(forTest);
    web.send(opening(1, { params: page("/body?how=all", { CONTENT_LENGTH: "4" }) }));
    web.send(opening(2, { params: page("/blocks") }), stdin(1, Buffer.from("four")), ending(1), ending(2));
    expect(body(await web.answer(1))).toBe("four");
    expect((await web.answer(2)).end).toEqual({ appStatus: 0, protocolStatus: 1 });
    await answersStill(web);
  });

  test.each([[true], [false]])("another role is refused as UNKNOWN_ROLE, with KEEP_CONN %p", async (keep) => {
    const web = workers.peer(forTest);
    web.send(opening(1, { role: 2, keep, params: { A: "1" } }), ending(1));
    expect((await web.answer()).end).toEqual({ appStatus: 0, protocolStatus: 3 });
    if (keep) await answersStill(web);
    else await until(() => web.hasEnd, { what: "the end of the connection" });
  });

  test("parameters over the limits are refused as OVERLOADED, and the connection stays in step", async () => {
    const web = workers.peer(forTest);
    web.send(opening(1, { params: { LONG: "x".repeat(1 << 20) } }), ending(1));
    expect((await web.answer(1)).end).toEqual({ appStatus: 0, protocolStatus: 2 });
    const many = Array.from({ length: 10_001 }, () => ["A", ""] as const);
    web.send(beginRequest(2, { role: 1, keepConnection: true }), params(2, many), ending(2));
    expect((await web.answer(2)).end).toEqual({ appStatus: 0, protocolStatus: 2 });
    await answersStill(web);
  });

  test.each<[string, Uint8Array[]]>([
    ["another version", [Buffer.from([2, 1, 0, 1, 0, 0, 0, 0])]],
    ["a beginning that is too short", [encodeRecord(1, 1, Buffer.alloc(4))]],
    ["a beginning that comes twice", [opening(1), opening(1)].map((one) => one.subarray(0, 16))],
    [
      "a pair that is cut",
      [opening(1).subarray(0, 16), encodeRecord(4, 1, Buffer.from([9, 9, 65])), endOfStream(4, 1)],
    ],
    [
      "a length that is cut",
      [opening(1).subarray(0, 16), encodeRecord(4, 1, Buffer.from([0x80, 0])), endOfStream(4, 1)],
    ],
    [
      "a length that points past the end",
      [opening(1).subarray(0, 16), encodeRecord(4, 1, Buffer.from([0xff, 255, 255, 255, 1, 65])), endOfStream(4, 1)],
    ],
    ["a body that comes first", [opening(1).subarray(0, 16), ...stdin(1, Buffer.alloc(140_000))]],
  ])("%s closes this connection and no other", async (_what, records) => {
    const before = workers.stderr.text.length;
    const web = workers.peer(forTest);
    web.send(...records);
    await until(() => web.isLeft, { what: "the end of the connection" });
    expect(web.records).toEqual([]);
    await until(() => workers.stderr.text.slice(before).includes("broke the protocol"), { what: "a word of it" });
    await answersStill(workers.peer(forTest));
  });
});

describe("management records", () => {
  test("GET_VALUES is answered in one record, with what was asked for and is known, in the middle of a request too", async () => {
    const web = workers.peer(forTest);
    const begun = opening(1, { params: page("/body?how=all", { CONTENT_LENGTH: "4" }) });
    web.send(begun, getValues(["FCGI_MPXS_CONNS", "FCGI_MAX_CONNS", "UNKNOWN"]));
    await until(() => web.records.length > 0, { what: "the values" });
    const [{ type, content } = { type: 0, content: new Uint8Array(0) }] = web.records;
    expect([type, decodePairs(content)]).toEqual([
      recordType.getValuesResult,
      {
        ok: true,
        pairs: [
          ["FCGI_MAX_CONNS", "1"],
          ["FCGI_MPXS_CONNS", "0"],
        ],
      },
    ]);
    web.send(stdin(1, Buffer.from("four")), ending(1));
    expect(body(await web.answer())).toBe("four");
  });

  test("an unknown type is answered with UNKNOWN_TYPE, and its content skipped", async () => {
    const web = workers.peer(forTest);
    web.send(encodeRecord(77, 0, Buffer.alloc(100)));
    await until(() => web.records.length > 0, { what: "an answer" });
    expect(web.records[0]).toMatchObject({ type: recordType.unknownType, id: 0 });
    expect(web.records[0]?.content[0]).toBe(77);
    await answersStill(web);
  });
});

test("no sequence of records, sensible or not, disturbs the worker", async () => {
  const record = fc
    .tuple(fc.integer({ min: 0, max: 12 }), fc.constantFrom(0, 1, 2), fc.uint8Array({ maxLength: 40 }))
    .map(([type, id, content]) => encodeRecord(type, id, content));
  const sensible = fc.constantFrom(opening(1), ending(1), abortRequest(1), opening(2, { keep: false }));
  const wire = fc.array(fc.oneof(record, sensible, fc.uint8Array({ maxLength: 9 })), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(wire, async (records) => {
      const web = createConnection((workers.listen as { path: string }).path);
      web.on("error", () => {});
      web.resume();
      web.end(Buffer.concat(records));
      await until(() => web.destroyed, { what: "the end of the connection", everyMs: 1 });
    }),
    { numRuns: 200 },
  );
  expect((await workers.ask("/blocks")).status).toBe(200);
  expect(workers.stderr.text).not.toMatch(/wsgi\.py.*\n.*(?:TypeError|AttributeError)/);
});
