/** The client of the control socket: against our server, and against whatever else may listen there. */
import { chmodSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { connectControl, outcomesIn } from "../../src/control/client.ts";
import type { AppOutcome } from "../../src/control/protocol.ts";
import { FcgiPmError } from "../../src/errors.ts";
import { until } from "../helpers/wait.ts";
import { appNamed, eventOf, gate, lineOf, playOperations } from "./operations.ts";
import { dieListening, useRoom } from "./room.ts";

jest.setTimeout(60_000);

const room = useRoom();

const client = () => connectControl(room.path);

/** Somebody who listens at the path and does this with whoever comes. */
async function somebody(act: (socket: Socket) => void): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => act(socket));
  });
  await new Promise<void>((resolve) => server.listen(room.path, resolve));
  room.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}

const answer = (status: string, body: string) =>
  `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

async function collect<T>(lines: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

describe("a question", () => {
  test("is answered with what the manager has", async () => {
    await room.open();
    expect((await client().status()).apps.map(({ app }) => app)).toEqual(["blog", "shop"]);
    expect((await client().status("blog")).apps).toEqual([appNamed("blog", 2)]);
    expect((await client().env("blog")).env).toEqual({ PATH: "/bin", A: "b\nc" });
    expect((await client().env("blog", 2)).worker).toBe(2);
  });

  test("about a name that is none is not even asked", async () => {
    await room.open();
    for (const name of ["", "..", ".", "a/b", "a b", "%2e", "a\0b", "a?b", "ü"]) {
      const error = { code: "FCGI_PM_APP_UNKNOWN", exitStatus: 3 };
      await expect(client().status(name)).rejects.toMatchObject(error);
      await expect(client().command("/v1/apps/:app/stop", {}, name)).rejects.toMatchObject(error);
    }
    expect(room.operations.asked).toEqual([]);
  });
});

describe("a command", () => {
  test("resolves with what came of it", async () => {
    await room.open();
    const { apps } = await client().command("/v1/apps/:app/scale", { by: 2 }, "blog");
    expect(apps).toMatchObject([{ app: "blog", action: "scaled", result: "done" }]);
    expect((await client().command("/v1/reload", { dryRun: true })).apps).toHaveLength(2);
    expect((await client().command("/v1/apps/:app/signal", { signal: "USR1" }, "blog")).workers).toHaveLength(1);
    expect(room.operations.asked).toEqual([
      ["scale", "blog", { by: 2 }],
      ["reload", undefined, { dryRun: true }],
      ["signal", "blog", "USR1"],
    ]);
  });

  test("waits longer than a question would", async () => {
    await room.open();
    const held = gate();
    room.operations.hold(held.passed);
    const impatient = connectControl(room.path, { timeoutMs: 1 });
    const command = impatient.command("/v1/restart", {});
    await until(() => room.operations.asked.length === 1, { what: "the command" });
    held.open();
    expect((await command).version).toBe(1);
  });

  test("that fails throws the manager's own error, with the outcomes", async () => {
    const outcome: AppOutcome = {
      app: "blog",
      action: "rolled",
      changes: [],
      result: "taken-back",
      generation: 1,
      wanted: 2,
      tookMs: 5,
      lastLines: ["oh"],
    };
    const thrown = new FcgiPmError("FCGI_PM_ROLL_TAKEN_BACK", "why", { remedy: "do this", details: [outcome] });
    room.operations = playOperations({ reload: () => Promise.reject(thrown) });
    await room.open();
    const error = await client()
      .command("/v1/reload", {})
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(FcgiPmError);
    expect(error).toMatchObject({ code: "FCGI_PM_ROLL_TAKEN_BACK", message: "why", remedy: "do this", exitStatus: 1 });
    expect(outcomesIn(error as FcgiPmError)).toEqual([outcome]);
  });

  test("notices that the manager has gone", async () => {
    await somebody((socket) => socket.destroy());
    await expect(client().command("/v1/restart", {})).rejects.toMatchObject({
      code: "FCGI_PM_MANAGER_LOST",
      exitStatus: 1,
    });
  });

  test("notices that it went in the middle of its answer", async () => {
    await somebody((socket) => socket.end(answer("200 OK", '{"version":1}').slice(0, -2)));
    await expect(client().command("/v1/restart", {})).rejects.toMatchObject({ code: "FCGI_PM_MANAGER_LOST" });
  });
});

describe("logs and events", () => {
  test("come as lines to the last", async () => {
    await room.open();
    const lines = await collect(client().logs({ app: "blog", lines: 2 }));
    expect(lines).toEqual([lineOf("blog", "line 4"), lineOf("blog", "line 5")]);
  });

  test("of an app that there is not are an error", async () => {
    await room.open();
    await expect(collect(client().logs({ app: "nobody", lines: 2 }))).rejects.toMatchObject({
      code: "FCGI_PM_APP_UNKNOWN",
    });
  });

  test("are followed until the signal is given, which is no error", async () => {
    await room.open();
    const stop = new AbortController();
    const seen: unknown[] = [];
    const following = (async () => {
      for await (const event of client().events(stop.signal)) {
        seen.push(event);
        if (seen.length === 2) stop.abort();
      }
    })();
    await until(() => room.operations.followers() === 1, { what: "the follower" });
    room.operations.notify(eventOf("one"));
    room.operations.notify(eventOf("two"));
    await following;
    expect(seen).toEqual([eventOf("one"), eventOf("two")]);
    await until(() => room.operations.followers() === 0, { what: "the end of following" });
  });

  test("are followed until somebody breaks the loop", async () => {
    await room.open();
    for await (const line of client().logs({ lines: 1, follow: true })) {
      expect(line).toEqual(lineOf("blog", "line 5"));
      break;
    }
    await until(() => room.operations.followers() === 0, { what: "the end of following" });
  });

  test("end with the manager", async () => {
    const server = await room.open();
    const following = collect(client().events());
    await until(() => room.operations.followers() === 1, { what: "the follower" });
    room.operations.notify(eventOf("one"));
    await server.close();
    expect(await following).toEqual([eventOf("one")]);
  });

  test("that break off because the manager died are an error", async () => {
    await somebody((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n", () => socket.destroy());
    });
    await expect(collect(client().events())).rejects.toMatchObject({ code: "FCGI_PM_MANAGER_LOST" });
  });

  test("are whole though they come byte by byte", async () => {
    const line = lineOf("blog", "ü€😀 and more");
    await somebody((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      for (const byte of Buffer.from(`${JSON.stringify(line)}\n${JSON.stringify(line)}\n`))
        socket.write(Uint8Array.of(byte));
      socket.end();
    });
    expect(await collect(client().events())).toEqual([line, line]);
  });
});

describe("nobody to ask", () => {
  test("where there is no socket", async () => {
    await expect(client().status()).rejects.toMatchObject({ code: "FCGI_PM_MANAGER_MISSING", exitStatus: 3 });
    const below = connectControl(join(room.directory, "no", "a.control"));
    await expect(below.status()).rejects.toMatchObject({ code: "FCGI_PM_MANAGER_MISSING" });
  });

  test("where the path is longer than a socket's can be, though Node would cut it and find somebody", async () => {
    room.path = join(room.directory, "x".repeat(200));
    await somebody((socket) => socket.end(answer("200 OK", '{"version":1}')));
    await expect(client().status()).rejects.toMatchObject({ code: "FCGI_PM_MANAGER_MISSING" });
  });

  test("where the manager was killed, which is told apart", async () => {
    await dieListening(room.path);
    await expect(client().status()).rejects.toMatchObject({ code: "FCGI_PM_MANAGER_GONE", exitStatus: 3 });
  });

  test("where there is no socket but a file", async () => {
    writeFileSync(room.path, "");
    await expect(client().status()).rejects.toMatchObject({ code: "FCGI_PM_CONTROL_NOT_A_SOCKET" });
  });

  test("without the right to: whose socket it is, is said", async () => {
    await room.open();
    const uid = process.geteuid?.() ?? 0;
    // Root may open everything, everybody else not even what is their own and has no rights.
    if (uid === 0) process.seteuid?.(65_534);
    else chmodSync(room.path, 0);
    const asking = async () =>
      await client()
        .status()
        .catch((caught: unknown) => caught);
    const hidden = await asking();
    process.seteuid?.(uid);
    chmodSync(room.directory, 0o755);
    if (uid === 0) process.seteuid?.(65_534);
    const open = await asking();
    process.seteuid?.(uid);
    for (const error of [hidden, open])
      expect(error).toMatchObject({ code: "FCGI_PM_CONTROL_FORBIDDEN", exitStatus: 1 });
    expect(open).toMatchObject({ message: `Cannot open "${room.path}": it belongs to user ${uid}` });
  });
});

describe("somebody who does not answer as a manager does", () => {
  test.each<[string, string]>([
    ["at all", ""],
    ["with more than a head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"],
  ])("%s is left after a while", async (_how, bytes) => {
    await somebody((socket) => socket.write(bytes));
    const asking = connectControl(room.path, { timeoutMs: 50 }).status();
    await expect(asking).rejects.toMatchObject({
      code: "FCGI_PM_MANAGER_SILENT",
      message: `The manager at "${room.path}" does not answer: 50 ms have passed`,
    });
  });

  test.each([
    ["says it in HTML", answer("200 OK", "<h1>It works</h1>")],
    ["says another version", answer("200 OK", '{"version":2}')],
    ["says null", answer("200 OK", "null")],
    ["says another protocol", "220 mail.example.org ESMTP\r\n"],
    ["fails in HTML", answer("500 Internal Server Error", "<h1>Oh</h1>")],
    ["fails in other words", answer("404 Not Found", '{"error":"no"}')],
    ["fails with null", answer("404 Not Found", "null")],
  ])("but %s is not understood", async (_how, bytes) => {
    await somebody((socket) => socket.end(bytes));
    await expect(client().status()).rejects.toMatchObject({ code: "FCGI_PM_ANSWER_WRONG", exitStatus: 1 });
  });

  test("but fails with a code of a later version is passed on with it", async () => {
    const error = { code: "FCGI_PM_MOON_FULL", message: "Cannot", remedy: "wait" };
    await somebody((socket) => socket.end(answer("409 Conflict", JSON.stringify({ error }))));
    await expect(client().status()).rejects.toMatchObject({
      code: "FCGI_PM_COMMAND_FAILED",
      message: "Cannot (FCGI_PM_MOON_FULL)",
      remedy: "wait",
    });
  });

  test("but gives lines that are no JSON is not understood", async () => {
    await somebody((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nhello\n"));
    await expect(collect(client().events())).rejects.toMatchObject({ code: "FCGI_PM_ANSWER_WRONG" });
  });
});
