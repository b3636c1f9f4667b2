/** How a control server ends: at once for who only listens, in order for who waits for an answer. */
import { existsSync, lstatSync, renameSync, unlinkSync } from "node:fs";
import { createServer } from "node:net";
import { describe, expect, jest, test } from "@jest/globals";
import { openControl } from "../../src/control/server.ts";
import { bind, listen, openSocket, unixAddress } from "../../src/os/posix.ts";
import { until } from "../helpers/wait.ts";
import { gate } from "./operations.ts";
import { raw, send, useRoom } from "./room.ts";

jest.setTimeout(60_000);

const room = useRoom();

const head = "GET /v1/status HTTP/1.1\r\n\r\n";

describe("the end of the server", () => {
  test("removes the path, and nobody is served any more", async () => {
    const server = await room.open();
    await server.close();
    expect(existsSync(room.path)).toBe(false);
    await expect(send(room.path, "GET", "/v1/status")).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("ends connections that are idle, or in the middle of a question, at once", async () => {
    const server = await room.open();
    const kept = raw(room.path, head);
    await until(() => kept.received().endsWith("}\n"), { what: "the answer" });
    const clients = [
      kept,
      raw(room.path),
      raw(room.path, "GET /v1"),
      raw(room.path, `POST /v1/stop HTTP/1.1\r\nContent-Length: 9\r\n\r\n{`),
    ];
    await until(async () => (await send(room.path, "GET", "/v1/status")).status === 200, { what: "an answer" });
    await server.close();
    for (const { closed } of clients) await closed;
    expect(room.operations.asked.map(([name]) => name)).toEqual(["status", "status"]);
  });

  test("is an orderly end to who follows", async () => {
    const server = await room.open();
    const client = raw(room.path, "GET /v1/events HTTP/1.1\r\n\r\n");
    await until(() => room.operations.followers() === 1, { what: "the follower" });
    await server.close();
    await client.closed;
    expect(client.received()).toMatch(/\r\n0\r\n\r\n$/);
    expect(room.operations.followers()).toBe(0);
  });

  test("does not wait for a follower that does not read", async () => {
    const server = await room.open();
    const client = raw(room.path);
    client.socket.pause();
    client.socket.write("GET /v1/logs?lines=0&follow=1 HTTP/1.1\r\n\r\n");
    await until(() => room.operations.followers() === 1, { what: "the follower" });
    const line = { time: "", app: "blog", text: "x".repeat(100_000) };
    for (let at = 0; at < 100; at += 1) room.operations.say(line);
    await server.close();
    client.socket.destroy();
  });

  test("comes when the answers under way have been given", async () => {
    const server = await room.open();
    const held = gate();
    room.operations.hold(held.passed);
    const answer = send(room.path, "POST", "/v1/stop");
    await until(() => room.operations.asked.length === 1, { what: "the command" });
    const events: string[] = [];
    const closed = server.close().then(() => void events.push("closed"));
    expect(existsSync(room.path)).toBe(false);
    held.open();
    expect((await answer).status).toBe(200);
    events.unshift("answered");
    await closed;
    expect(events).toEqual(["answered", "closed"]);
  });

  test("ends a kept connection after its answer", async () => {
    const server = await room.open({ askMs: 600_000 });
    const held = gate();
    room.operations.hold(held.passed);
    const client = raw(room.path, "POST /v1/restart HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    await until(() => room.operations.asked.length === 1, { what: "the command" });
    const closed = server.close();
    held.open();
    await client.closed;
    expect(client.received()).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\}\n$/s);
    await closed;
  });

  test("leaves the path alone where somebody else has taken it", async () => {
    const server = await room.open();
    unlinkSync(room.path);
    const other = createServer().listen(room.path);
    room.after(() => other.close());
    await until(() => other.listening, { what: "the other server" });
    const { ino } = lstatSync(room.path);
    await server.close();
    expect(lstatSync(room.path).ino).toBe(ino);
  });

  test("may be asked for twice, and finds nothing strange in a path that has gone", async () => {
    const server = await room.open();
    renameSync(room.path, `${room.path}.moved`);
    await server.close();
    await server.close();
    unlinkSync(`${room.path}.moved`);
  });
});

describe("a server on a descriptor", () => {
  test("serves, and leaves the path to who made it", async () => {
    const fd = openSocket("unix");
    bind(fd, unixAddress(room.path));
    listen(fd, 16);
    const server = await openControl({ operations: room.operations, listen: { fd }, onBug: () => {} });
    expect((await send(room.path, "GET", "/v1/status")).status).toBe(200);
    await server.close();
    expect(lstatSync(room.path).isSocket()).toBe(true);
    await expect(send(room.path, "GET", "/v1/status")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("is refused where it is no socket", async () => {
    const opening = openControl({ operations: room.operations, listen: { fd: 12_345 }, onBug: () => {} });
    await expect(opening).rejects.toMatchObject({ code: expect.stringMatching(/^E/) });
  });
});
