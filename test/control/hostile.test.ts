/** Clients that send too much, too little, too slowly, too often, or something else than was asked for. */
import { describe, expect, jest, test } from "@jest/globals";
import { until } from "../helpers/wait.ts";
import { gate } from "./operations.ts";
import { answerTo, heldMemory, type RawClient, raw, send, useRoom } from "./room.ts";

jest.setTimeout(60_000);

const room = useRoom();

const post = (target: string, body: string | Buffer, headers: Record<string, string> = {}) =>
  send(room.path, "POST", target, { body, headers });
const isAnswered = async () => (await send(room.path, "GET", "/v1/status")).status === 200;
const head = (...lines: string[]) => `${lines.join("\r\n")}\r\n\r\n`;
/** As answerTo; asks again where the time was over before the first byte was read, as on a machine that stood still. */
const answerInTimeTo = (bytes: string) =>
  until(async () => (await answerTo(room.path, bytes)) || undefined, { what: "an answer" });

describe("a body", () => {
  test.each([
    ["is no JSON", "{now:true}", /no JSON/],
    ["is cut off", '{"now":', /no JSON/],
    ["is two", '{"now":true}{}', /no JSON/],
    ["is no object", "[]", /expected a JSON object/],
    ["is null", "null", /expected a JSON object/],
    ["is a text", '"now"', /expected a JSON object/],
    ["has an unknown key", '{"never":1}', /nobody knows "never"/],
    ["has a wrong value", '{"now":1}', /now: expected true or false/],
    ["has null for a value", '{"now":null}', /now: expected true or false/],
    ["sets __proto__", '{"__proto__":{"now":true}}', /nobody knows "__proto__"/],
    ["sets constructor", '{"constructor":{"prototype":{"now":true}}}', /nobody knows "constructor"/],
    ["sets toString", '{"toString":1}', /nobody knows "toString"/],
    ["has a key of many characters", `{"${"k".repeat(60_000)}":1}`, /nobody knows "k{64}…"/],
    ["is nested 30,000 times", `${"[".repeat(30_000)}${"]".repeat(30_000)}`, /expected a JSON object/],
    ["hides 10,000 levels in a value", `{"now":${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}}`, /now: expected/],
    ["is UTF-16", Buffer.from('{"now":true}', "utf16le"), /no JSON/],
    ["is no UTF-8", Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), /no UTF-8/],
    ["is a NUL", Buffer.alloc(1), /no JSON/],
  ])("that %s is wrong, and nobody is stopped", async (_what, body, message) => {
    await room.open();
    const answer = await post("/v1/stop", body, { "content-type": "application/json" });
    const error = { code: "FCGI_PM_REQUEST_WRONG", message: expect.stringMatching(message) };
    expect(answer).toMatchObject({ status: 400, value: { error } });
    expect(answer.text.length).toBeLessThan(1000);
    expect(room.operations.asked).toEqual([]);
    expect(Object.hasOwn(Object.prototype, "now")).toBe(false);
  });

  test.each([
    ["/v1/apps/blog/scale", "{}", /either processes or by/],
    ["/v1/apps/blog/scale", '{"processes":2,"by":1}', /either processes or by/],
    ["/v1/apps/blog/scale", '{"processes":0}', /processes: expected a whole number from 1 to 10000/],
    ["/v1/apps/blog/scale", '{"processes":1e9}', /processes: expected a whole number/],
    ["/v1/apps/blog/scale", '{"processes":1.5}', /processes: expected a whole number/],
    ["/v1/apps/blog/scale", '{"processes":"8"}', /processes: expected a whole number/],
    ["/v1/apps/blog/reload", '{"batch":-1}', /batch: expected a whole number/],
    ["/v1/apps/blog/signal", "{}", /signal: expected the name of a signal/],
    ["/v1/apps/blog/signal", '{"signal":"kill -9"}', /signal: expected the name of a signal/],
    ["/v1/apps/blog/signal", `{"signal":"${"A".repeat(17)}"}`, /signal: expected the name of a signal/],
  ])("for %s that says %s is wrong, in words", async (target, body, message) => {
    await room.open();
    const error = { code: "FCGI_PM_REQUEST_WRONG", message: expect.stringMatching(message) };
    expect(await post(target, body)).toMatchObject({ status: 400, value: { error } });
    expect(room.operations.asked).toEqual([]);
  });

  test("that names a key twice means the last one, as JSON has it", async () => {
    await room.open();
    expect((await post("/v1/stop", '{"now":true,"now":false}')).status).toBe(200);
    expect(room.operations.asked).toEqual([["stopManager", { now: false }]]);
  });

  test("that is no JSON and says so, or is packed, is of a type that is not taken", async () => {
    await room.open();
    const error = { code: "FCGI_PM_REQUEST_NOT_JSON" };
    expect(await post("/v1/stop", "now=true", { "content-type": "text/plain" })).toMatchObject({
      status: 415,
      value: { error },
    });
    expect(await post("/v1/stop", "{}", { "content-encoding": "gzip" })).toMatchObject({
      status: 415,
      value: { error },
    });
    expect(room.operations.asked).toEqual([]);
  });

  test.each([
    ["that says how long it is", { "content-length": String(1024 * 1024) }],
    ["that does not", { "transfer-encoding": "chunked" }],
  ])("of 1 MiB %s is refused", async (_how, headers) => {
    await room.open();
    const answer = await post("/v1/stop", Buffer.alloc(1024 * 1024, " "), headers);
    expect(answer).toMatchObject({ status: 413, value: { error: { code: "FCGI_PM_REQUEST_TOO_LARGE" } } });
    expect(room.operations.asked).toEqual([]);
    expect(await isAnswered()).toBe(true);
  });

  test("of exactly 64 KiB is taken, one byte more is not", async () => {
    await room.open();
    expect((await post("/v1/stop", Buffer.from("{}".padEnd(65_536)))).status).toBe(200);
    expect((await post("/v1/stop", Buffer.from("{}".padEnd(65_537)))).status).toBe(413);
  });

  test("that is announced as too long is refused before it comes, and what comes of it wins no time", async () => {
    await room.open({ askMs: 600_000 });
    const client = raw(room.path, head("POST /v1/stop HTTP/1.1", "Content-Length: 100000"));
    await until(() => client.received().startsWith("HTTP/1.1 413 "), { what: "the answer" });
    client.socket.write(Buffer.alloc(100_000));
    await client.closed;
    expect(client.received().split("HTTP/1.1")).toHaveLength(2);
  });

  test.each([
    ["/v1/stop", 413],
    ["/v1/status", 405],
    ["/v1/../stop", 404],
  ])("for %s without an end is refused, thrown away, and its connection closed", async (target, status) => {
    await room.open({ askMs: 600_000 });
    const client = raw(room.path, head(`POST ${target} HTTP/1.1`, "Transfer-Encoding: chunked"));
    const chunk = `10000\r\n${" ".repeat(65_536)}\r\n`;
    const before = heldMemory();
    let written = 0;
    const pour = () => {
      while (!client.socket.destroyed && client.socket.write(chunk)) written += 1;
    };
    client.socket.on("drain", pour);
    pour();
    await client.closed;
    expect(client.received()).toMatch(`HTTP/1.1 ${status} `);
    expect(written).toBeGreaterThan(1);
    await until(() => heldMemory() - before < 32 * 1024 * 1024, { what: "what was poured to be thrown away" });
    expect(await isAnswered()).toBe(true);
  });

  test("whose length is given twice, or beside chunks, or as nonsense, is no request", async () => {
    await room.open();
    for (const lines of [
      ["Content-Length: 2", "Content-Length: 3"],
      ["Content-Length: 2", "Transfer-Encoding: chunked"],
      ["Content-Length: -1"],
      ["Content-Length: 99999999999999999999"],
      ["Transfer-Encoding: chunked, x"],
    ]) {
      const answer = await answerTo(room.path, `${head("POST /v1/stop HTTP/1.1", ...lines)}{}`);
      expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n.*"FCGI_PM_REQUEST_WRONG"/s);
    }
    expect(room.operations.asked).toEqual([]);
  });

  test("with a broken chunk is answered, too", async () => {
    await room.open();
    const bytes = `${head("POST /v1/stop HTTP/1.1", "Transfer-Encoding: chunked")}2\r\n{}\r\nzz\r\n`;
    expect(await answerTo(room.path, bytes)).toMatch(/^HTTP\/1\.1 400 .*"FCGI_PM_REQUEST_WRONG"/s);
    expect(room.operations.asked).toEqual([]);
  });
});

describe("parameters", () => {
  test.each([
    ["worker=0", /worker: expected a whole number from 1/],
    ["worker=-1", /worker: expected a whole number/],
    ["worker=1e3", /worker: expected a whole number/],
    ["worker=99999999999", /worker: expected a whole number/],
    ["worker=", /worker: expected a whole number/],
    ["lines=many", /lines: expected a whole number from 0 to 1000000/],
    ["follow=yes", /follow: expected 1 or 0/],
    ["lines=1&lines=2", /"lines" is given twice/],
    ["__proto__=1&__proto__=2", /"__proto__" is given twice/],
    ["toString=1", /nobody knows "toString"/],
    ["%00=1", /nobody knows/],
    [`${"a".repeat(100)}=1`, /nobody knows "a{64}…"/],
  ])("of logs are wrong that say %s", async (parameters, message) => {
    await room.open();
    const error = { code: "FCGI_PM_REQUEST_WRONG", message: expect.stringMatching(message) };
    expect(await send(room.path, "GET", `/v1/logs?${parameters}`)).toMatchObject({ status: 400, value: { error } });
    expect(room.operations.asked).toEqual([]);
  });
});

describe("what is no HTTP", () => {
  test.each([
    ["TLS", Buffer.from("160301020001000001fc0303", "hex")],
    ["FastCGI", Buffer.from("0101000100080000", "hex")],
    ["zeros", Buffer.alloc(4096)],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["a line", "status\r\n"],
    ["a head with a NUL", "GET /v1/\0status HTTP/1.1\r\n\r\n"],
    ["a name with a blank", "GET /v1/status HTTP/1.1\r\nA b: c\r\n\r\n"],
    ["bare line feeds in a value", "GET /v1/status HTTP/1.1\r\nA: b\nX\r\n\r\n"],
  ])("(%s) is told so as JSON, and its connection ends", async (_what, bytes) => {
    await room.open();
    const answer = await answerTo(room.path, bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(JSON.parse(answer.split("\r\n\r\n")[1] ?? "")).toMatchObject({ error: { code: "FCGI_PM_REQUEST_WRONG" } });
    expect(await isAnswered()).toBe(true);
  });

  test("a head of more than 16 KiB is too large, however it is made up", async () => {
    await room.open();
    const many = Array.from({ length: 3000 }, (_, at) => `X-${at}: ${at}`);
    for (const bytes of [
      head(`GET /${"a".repeat(20_000)} HTTP/1.1`),
      head("GET /v1/status HTTP/1.1", `A: ${"b".repeat(20_000)}`),
      head("GET /v1/status HTTP/1.1", ...many),
    ]) {
      expect(await answerTo(room.path, bytes)).toMatch(/^HTTP\/1\.1 413 .*"FCGI_PM_REQUEST_TOO_LARGE"/s);
    }
  });

  test("an upgrade is not made, a tunnel is not dug", async () => {
    await room.open();
    const upgrade = head("GET /v1/status HTTP/1.1", "Connection: Upgrade, close", "Upgrade: websocket");
    expect(await answerTo(room.path, upgrade)).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(await answerTo(room.path, head("CONNECT localhost:22 HTTP/1.1"))).toBe("");
    expect(await isAnswered()).toBe(true);
  });
});

describe("a client that is slow", () => {
  test("to begin is let go without a word", async () => {
    await room.open({ askMs: 20 });
    expect(await answerTo(room.path, "")).toBe("");
  });

  test.each([
    ["in its head", "GET /v1/status HT"],
    ["before its body", head("POST /v1/stop HTTP/1.1", "Content-Length: 2")],
    ["in its body", `${head("POST /v1/stop HTTP/1.1", "Content-Length: 2")}{`],
  ])("%s is told so and let go", async (_where, bytes) => {
    await room.open({ askMs: 100 });
    expect(await answerInTimeTo(bytes)).toMatch(/^HTTP\/1\.1 408 .*"FCGI_PM_REQUEST_TIMED_OUT"/s);
    expect(room.operations.asked).toEqual([]);
    expect(room.bugs).toEqual([]);
  });

  test("cannot win time by sending a byte now and then", async () => {
    await room.open({ askMs: 1500 });
    const client = raw(room.path, head("POST /v1/stop HTTP/1.1", "Content-Length: 60000"));
    let sent = 0;
    const drip = setInterval(() => {
      client.socket.write(" ");
      sent += 1;
    }, 5);
    room.after(() => clearInterval(drip));
    await client.closed;
    expect(sent).toBeGreaterThan(0);
    expect(client.received()).toMatch(/^HTTP\/1\.1 408 /);
  });

  test("with its next question is let go without a word, for it may have none", async () => {
    await room.open({ askMs: 100 });
    const answer = await answerInTimeTo(head("GET /v1/status HTTP/1.1"));
    expect(answer.split("HTTP/1.1")).toHaveLength(2);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("to take its answer is let go", async () => {
    const { apps, ...rest } = room.operations.status();
    const big = { ...rest, apps: Array.from({ length: 3000 }, () => apps).flat() };
    let questions = 0;
    room.operations.status = () => {
      questions += 1;
      return questions === 1 ? big : { ...big, apps: [] };
    };
    await room.open({ takeMs: 50, mostConnections: 1 });
    const client = raw(room.path);
    client.socket.pause();
    client.socket.write(head("GET /v1/status HTTP/1.1"));
    await until(() => questions === 1, { what: "the question" });
    // Only who reads sees the end. But there is room for others then.
    await until(isAnswered, { what: "an answer to another" });
    client.socket.resume();
    await client.closed;
    expect(client.received().length).toBeLessThan(JSON.stringify(big).length);
  });

  test("to take it is waited for as long as a command lasts", async () => {
    await room.open({ askMs: 1500, takeMs: 20 });
    const held = gate();
    room.operations.hold(held.passed);
    const answer = post("/v1/restart", "");
    // Clients that came later have been let go, one after the other.
    for (let at = 0; at < 2; at += 1) expect(await answerTo(room.path, "")).toBe("");
    held.open();
    expect((await answer).status).toBe(200);
  });
});

describe("a client that wants too much at once", () => {
  test("by asking 2,000 things in one breath gets at most one answer, and is let go", async () => {
    await room.open();
    const answer = await answerTo(room.path, head("GET /v1/status HTTP/1.1").repeat(2000));
    expect(answer.split("HTTP/1.1").length).toBeLessThanOrEqual(2);
    expect(room.operations.asked.length).toBeLessThanOrEqual(1);
    expect(room.bugs).toEqual([]);
    expect(await isAnswered()).toBe(true);
  });

  test("with 1,000 connections and a body that drips does not keep others from their answers", async () => {
    await room.open({ askMs: 60_000 });
    const clients: RawClient[] = [];
    room.after(() => clients.map(({ socket }) => socket.destroy()));
    const isGone = ({ socket }: RawClient) => socket.destroyed;
    for (let at = 0; at < 1000; at += 1) {
      const client = raw(room.path, at % 2 === 0 ? "" : "GET /v1/status HT");
      clients.push(client);
      await client.connected;
    }
    const dripping = raw(room.path, head("POST /v1/stop HTTP/1.1", "Content-Length: 60000"));
    clients.push(dripping);
    const drip = setInterval(() => dripping.socket.write(" "), 1);
    room.after(() => clearInterval(drip));
    await until(() => clients.filter(isGone).length === 1001 - 128, { what: "the end of those over the limit" });
    for (let at = 0; at < 20; at += 1) expect(await isAnswered()).toBe(true);
    expect(clients.filter((client) => !isGone(client)).length).toBeGreaterThan(100);
    expect(isGone(dripping)).toBe(false);
  });

  test("with more connections than there may be loses the idle ones, never those that have asked", async () => {
    await room.open({ mostConnections: 3 });
    const follower = raw(room.path, head("GET /v1/events HTTP/1.1"));
    await until(() => follower.received().includes("\r\n\r\n"), { what: "the head of the answer" });
    const idle = [raw(room.path), raw(room.path)];
    await until(async () => await isAnswered(), { what: "an answer" });
    await idle[0]?.closed;
    expect(follower.socket.destroyed).toBe(false);
    for (const { socket } of [...idle, follower]) socket.destroy();
  });

  test("and is not the first to ask is let go where all others have asked", async () => {
    await room.open({ mostConnections: 2 });
    const followers = [1, 2].map(() => raw(room.path, head("GET /v1/events HTTP/1.1")));
    room.after(() => followers.map(({ socket }) => socket.destroy()));
    await until(() => room.operations.followers() === 2, { what: "the followers" });
    await expect(isAnswered()).rejects.toMatchObject({ code: expect.stringMatching(/^(ECONNRESET|EPIPE)$/) });
    followers[0]?.socket.destroy();
    await until(isAnswered, { what: "an answer" });
  });

  test("by following more than 32 times is told so, until one leaves", async () => {
    await room.open();
    const followers = Array.from({ length: 32 }, () => raw(room.path, head("GET /v1/events HTTP/1.1")));
    room.after(() => followers.map(({ socket }) => socket.destroy()));
    await until(() => room.operations.followers() === 32, { what: "the followers" });
    for (const target of ["/v1/events", "/v1/logs?follow=1"]) {
      const answer = await send(room.path, "GET", target);
      expect(answer).toMatchObject({ status: 503, value: { error: { code: "FCGI_PM_CONTROL_BUSY" } } });
    }
    expect(room.operations.followers()).toBe(32);
    followers[0]?.socket.destroy();
    await until(async () => (await send(room.path, "GET", "/v1/logs")).status === 200, { what: "a free place" });
  });
});
