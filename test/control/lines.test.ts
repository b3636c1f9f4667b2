/** Logs and events: one JSON object a line, for as long as somebody listens, however slowly. */
import { createServer } from "node:http";
import { connect } from "node:net";
import { describe, expect, jest, test } from "@jest/globals";
import { tell } from "../../src/control/answer.ts";
import type { LineStream } from "../../src/control/line-stream.ts";
import type { LogLine } from "../../src/observe/story.ts";
import { until } from "../helpers/wait.ts";
import { eventOf, lineOf, playOperations } from "./operations.ts";
import { heldMemory, type RawClient, raw, send, useRoom } from "./room.ts";

jest.setTimeout(60_000);

const room = useRoom();

const get = (target: string) => raw(room.path, `GET ${target} HTTP/1.0\r\n\r\n`);
/** What came behind the head; HTTP/1.0 has no chunks. */
const linesOf = (client: RawClient) => {
  const [, ...body] = client.received().split("\r\n\r\n");
  return body
    .join("")
    .split("\n")
    .slice(0, -1)
    .map((line): unknown => JSON.parse(line));
};
const untilLines = (client: RawClient, count: number) =>
  until(() => linesOf(client).length >= count, { what: `${count} lines` });
const untilFollowed = (count = 1) => until(() => room.operations.followers() === count, { what: "a follower" });
const textsOf = (client: RawClient) => linesOf(client).map((line) => (line as LogLine).text);

test("a client that has gone before its question is answered follows nothing", async () => {
  const { operations } = room;
  const desk = { operations, streams: new Set<LineStream>(), mostStreams: 1, onBug: () => {}, onAnswered: () => {} };
  const told = new Promise((resolve) => {
    const server = createServer((incoming, outgoing) => {
      outgoing.once("close", () => resolve(tell(desk, "/v1/events", { incoming, outgoing, app: undefined })));
    });
    server.listen(room.path, () => {
      const hasty = connect(room.path);
      hasty.end("GET /v1/events HTTP/1.0\r\n\r\n", () => hasty.destroy());
    });
    room.after(() => server.close());
  });
  expect(await told).toBe("streaming");
  expect(operations.followers()).toBe(0);
  expect(desk.streams.size).toBe(0);
});

describe("logs", () => {
  test("are the last lines, then the end", async () => {
    await room.open();
    const { status, headers, text } = await send(room.path, "GET", "/v1/logs?app=blog&lines=2");
    expect(status).toBe(200);
    expect(headers["content-type"]).toBe("application/x-ndjson");
    expect(text).toBe(`${JSON.stringify(lineOf("blog", "line 4"))}\n${JSON.stringify(lineOf("blog", "line 5"))}\n`);
    expect(room.operations.asked).toEqual([["logs", { app: "blog", lines: 2 }]]);
    expect(room.operations.followers()).toBe(0);
  });

  test("are 100 lines of all apps where nobody says which", async () => {
    await room.open();
    await send(room.path, "GET", "/v1/logs");
    await send(room.path, "GET", "/v1/logs?worker=2&lines=0&follow=0");
    expect(room.operations.asked).toEqual([
      ["logs", { lines: 100 }],
      ["logs", { lines: 0, worker: 2 }],
    ]);
  });

  test("of an app that there is not are none", async () => {
    await room.open();
    for (const target of ["/v1/logs?app=nobody", "/v1/logs?app=nobody&follow=1"]) {
      const error = { code: "FCGI_PM_APP_UNKNOWN" };
      expect(await send(room.path, "GET", target)).toMatchObject({ status: 404, value: { error } });
    }
    expect(room.operations.followers()).toBe(0);
  });

  test("that are more than the client reads at once come whole", async () => {
    const many = Array.from({ length: 5000 }, (_, at) => lineOf("blog", `${at} ${"x".repeat(1000)}`));
    room.operations = playOperations({ logs: () => many });
    await room.open();
    const client = get("/v1/logs");
    client.socket.pause();
    expect((await send(room.path, "GET", "/v1/status")).status).toBe(200);
    client.socket.resume();
    await client.closed;
    expect(linesOf(client)).toEqual(many);
  });

  test("that are followed go on where the last lines end, each as it comes", async () => {
    await room.open();
    const client = get("/v1/logs?app=blog&lines=1&follow=1");
    await untilLines(client, 1);
    for (const text of ["a", "b\nc", "ü€"]) {
      const before = linesOf(client).length;
      room.operations.say(lineOf("blog", text));
      room.operations.say(lineOf("shop", "not asked for"));
      await untilLines(client, before + 1);
    }
    expect(textsOf(client)).toEqual(["line 5", "a", "b\nc", "ü€"]);
    client.socket.destroy();
    await untilFollowed(0);
  });

  test("lose and mix nothing that is said while the past is still on its way", async () => {
    const past = Array.from({ length: 3000 }, (_, at) => lineOf("blog", `${at} ${"x".repeat(1000)}`));
    const { followLogs, ...others } = room.operations;
    room.operations = { ...others, followLogs, logs: () => past };
    await room.open();
    const client = get("/v1/logs?follow=1");
    client.socket.pause();
    await untilFollowed();
    const live = [1, 2, 3].map((at) => lineOf("blog", `live ${at}`));
    for (const line of live) room.operations.say(line);
    client.socket.resume();
    await untilLines(client, 3003);
    expect(linesOf(client)).toEqual([...past, ...live]);
    client.socket.destroy();
  });
});

describe("events", () => {
  test("begin with a head at once, and go to all who listen, until each leaves", async () => {
    await room.open();
    const clients = [get("/v1/events"), get("/v1/events")];
    for (const client of clients)
      await until(() => client.received().includes("application/x-ndjson"), { what: "the head" });
    room.operations.notify(eventOf("one"));
    for (const client of clients) await untilLines(client, 1);
    clients[0]?.socket.destroy();
    await untilFollowed(1);
    room.operations.notify(eventOf("two"));
    await untilLines(clients[1] as RawClient, 2);
    expect(linesOf(clients[1] as RawClient)).toEqual([eventOf("one"), eventOf("two")]);
    clients[1]?.socket.destroy();
    await untilFollowed(0);
  });

  test("that cannot be said are left out, and those who tell them never notice", async () => {
    await room.open();
    const client = get("/v1/events");
    await untilFollowed();
    const self: Record<string, unknown> = {};
    self["self"] = self;
    room.operations.notify({ ...eventOf("a circle"), self });
    room.operations.notify(eventOf("a line"));
    await untilLines(client, 1);
    expect(linesOf(client)).toEqual([eventOf("a line")]);
    expect(room.bugs).toEqual([expect.any(TypeError)]);
    client.socket.destroy();
  });
});

describe("a client that reads slowly", () => {
  const text = "x".repeat(10_000);

  test("loses lines, is told how many, and then gets all again", async () => {
    await room.open();
    const client = get("/v1/logs?lines=0&follow=1");
    client.socket.pause();
    await untilFollowed();
    for (let at = 0; at < 1000; at += 1) room.operations.say(lineOf("blog", `${at} ${text}`));
    client.socket.resume();
    const isNotice = (line: unknown) => Object.hasOwn(line as object, "dropped");
    await until(() => linesOf(client).some(isNotice), { what: "the notice" });
    room.operations.say(lineOf("blog", "after"));
    await until(() => textsOf(client).includes("after"), { what: "the next line" });
    const lines = linesOf(client);
    const at = lines.findIndex(isNotice);
    // What came before is without a gap, what is missing is what the notice says.
    expect(lines.slice(0, at)).toEqual(Array.from({ length: at }, (_, nth) => lineOf("blog", `${nth} ${text}`)));
    expect(lines.slice(at)).toEqual([{ dropped: 1000 - at }, lineOf("blog", "after")]);
    expect(at * text.length).toBeGreaterThan(1_000_000);
    client.socket.destroy();
  });

  test("costs neither memory nor the lines of others", async () => {
    await room.open();
    const slow = Array.from({ length: 10 }, () => get("/v1/logs?lines=0&follow=1"));
    for (const { socket } of slow) socket.pause();
    let bytes = 0;
    const quick = connect(room.path).on("data", (chunk) => {
      bytes += chunk.length;
    });
    quick.write("GET /v1/logs?lines=0&follow=1 HTTP/1.0\r\n\r\n");
    await untilFollowed(11);
    const before = heldMemory();
    for (let at = 0; at < 200; at += 1) {
      for (let nth = 0; nth < 50; nth += 1) room.operations.say(lineOf("blog", text));
      // 100 MB in all; the quick one is given what was said before more is.
      await until(() => bytes > (at + 1) * 50 * text.length, { what: "the lines so far", everyMs: 0 });
      if (at % 20 === 0) expect((await send(room.path, "GET", "/v1/status")).status).toBe(200);
    }
    const isBounded = () => heldMemory() - before < 10 * 3 * 1024 * 1024;
    await until(isBounded, { what: "what nobody has taken to be forgotten" });
    for (const socket of [...slow.map((client) => client.socket), quick]) socket.destroy();
    await untilFollowed(0);
  });
});
