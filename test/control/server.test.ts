/** Every path of the protocol, and every way to ask for something else. */
import { describe, expect, jest, test } from "@jest/globals";
import { queries, verbs } from "../../src/control/protocol.ts";
import { type ErrorCode, FcgiPmError } from "../../src/errors.ts";
import { until } from "../helpers/wait.ts";
import { appNamed, gate, playOperations } from "./operations.ts";
import { answerTo, type Reply, raw, send, useRoom } from "./room.ts";

jest.setTimeout(60_000);

const room = useRoom();

const get = (target: string) => send(room.path, "GET", target);
const post = (target: string, body?: object) =>
  send(room.path, "POST", target, body === undefined ? {} : { body: JSON.stringify(body) });
const errorOf = (code: ErrorCode, message = /./) => ({
  error: { code, message: expect.stringMatching(message), remedy: expect.stringMatching(/./) },
});

describe("a question", () => {
  test("about everything is answered with JSON and a final newline", async () => {
    await room.open();
    const { status, headers, text, value } = await get("/v1/status");
    expect(status).toBe(200);
    expect(headers["content-type"]).toBe("application/json");
    expect(headers["content-length"]).toBe(String(Buffer.byteLength(text)));
    expect(text.endsWith("}\n")).toBe(true);
    expect(value).toMatchObject({ version: 1, apps: [{ app: "blog" }, { app: "shop" }] });
  });

  test("about one app is answered with that app only", async () => {
    await room.open();
    expect((await get("/v1/apps/blog")).value).toMatchObject({ version: 1, apps: [appNamed("blog", 2)] });
  });

  test("about the status says whether external apps are to be asked, and they are unless it says no", async () => {
    const asked: unknown[] = [];
    const { status: usual } = room.operations;
    room.operations.status = (...words: unknown[]) => {
      asked.push(words);
      return usual();
    };
    await room.open();
    for (const target of ["/v1/status", "/v1/status?reach=1", "/v1/status?reach=0", "/v1/apps/blog?reach=0"]) {
      expect((await get(target)).status).toBe(200);
    }
    expect(asked).toEqual([
      [undefined, { reach: true }],
      [undefined, { reach: true }],
      [undefined, { reach: false }],
      ["blog", { reach: false }],
    ]);
    expect((await get("/v1/status?reach=2")).status).toBe(400);
  });

  test("about a worker's environment is asked of the worker that is named, or of any", async () => {
    await room.open();
    expect((await get("/v1/apps/blog/env")).value).toMatchObject({ worker: 1, env: { A: "b\nc" } });
    expect((await get("/v1/apps/blog/env?worker=2")).value).toMatchObject({ worker: 2 });
    expect(room.operations.asked).toEqual([
      ["env", "blog", undefined],
      ["env", "blog", 2],
    ]);
  });

  test("may be put by HEAD, which has no body", async () => {
    await room.open();
    for (const target of ["/v1/status", "/v1/logs", "/v1/logs?follow=1", "/v1/events"]) {
      expect(await send(room.path, "HEAD", target)).toMatchObject({ status: 200, text: "" });
    }
    expect((await send(room.path, "HEAD", "/v1/apps/nobody")).status).toBe(404);
    expect(room.operations.followers()).toBe(0);
  });

  test("may be put by curl, which calls us localhost, and by whoever calls us something else or nothing", async () => {
    await room.open();
    for (const host of ["Host: localhost\r\n", "Host: a b/../c\r\n", "Host:\r\n", "Host: a\r\nHost: b\r\n", ""]) {
      const answer = await answerTo(room.path, `GET /v1/status HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    }
  });

  test("may come with expectations and a body of no use", async () => {
    await room.open();
    const lines = ["GET /v1/status HTTP/1.1", "Expect: the worst", "Content-Length: 2", "Connection: close"];
    expect(await answerTo(room.path, `${lines.join("\r\n")}\r\n\r\n{}`)).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  test("may follow another on one connection", async () => {
    await room.open();
    const first = "GET /v1/status HTTP/1.1\r\n\r\n";
    const client = raw(room.path, first);
    await until(() => client.received().endsWith("}\n"), { what: "the first answer" });
    client.socket.write("POST /v1/reload HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    await until(() => client.received().split("HTTP/1.1 200 OK").length === 3, { what: "the second answer" });
    client.socket.destroy();
  });
});

describe("a command", () => {
  test.each([
    ["/v1/stop", { now: true }, ["stopManager", { now: true }]],
    ["/v1/stop", undefined, ["stopManager", {}]],
    ["/v1/restart", {}, ["restart", undefined]],
    [
      "/v1/reload",
      { dryRun: true, all: false, batch: 3 },
      ["reload", undefined, { dryRun: true, all: false, batch: 3 }],
    ],
    ["/v1/reopen-logs", undefined, ["reopenLogs"]],
    ["/v1/apps/blog/stop", { now: false }, ["stop", "blog", { now: false }]],
    ["/v1/apps/blog/restart", undefined, ["restart", "blog"]],
    ["/v1/apps/blog/reload", { batch: 1 }, ["reload", "blog", { batch: 1 }]],
    ["/v1/apps/blog/scale", { processes: 8 }, ["scale", "blog", { processes: 8 }]],
    ["/v1/apps/blog/scale", { by: -2 }, ["scale", "blog", { by: -2 }]],
    ["/v1/apps/blog/signal", { signal: "SIGUSR1", worker: 1 }, ["signal", "blog", "SIGUSR1"]],
  ])("%s %j is done", async (target, body, asked) => {
    await room.open();
    expect(await post(target, body)).toMatchObject({ status: 200, value: { version: 1 } });
    expect(room.operations.asked).toEqual([asked]);
  });

  test("is answered when it is done, and others are answered meanwhile", async () => {
    await room.open();
    const held = gate();
    room.operations.hold(held.passed);
    const answered: Reply[] = [];
    const answer = post("/v1/apps/blog/reload").then((reply) => void answered.push(reply));
    await until(() => room.operations.asked.length === 1, { what: "the command" });
    expect((await get("/v1/status")).status).toBe(200);
    expect(answered).toEqual([]);
    held.open();
    await answer;
    expect(answered).toMatchObject([{ value: { apps: [{ app: "blog", result: "done" }] } }]);
  });

  test("is obeyed to its end though the client has gone", async () => {
    const held = gate();
    const ended: string[] = [];
    const restart = async () => {
      await held.passed;
      ended.push("restart");
      return { version: 1, apps: [] } as const;
    };
    room.operations = playOperations({ restart });
    await room.open();
    const client = raw(room.path, "POST /v1/restart HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    await until(async () => (await get("/v1/status")).status === 200, { what: "another answer" });
    client.socket.destroy();
    await client.closed;
    held.open();
    await until(() => ended.length === 1, { what: "the end of the command" });
    expect((await get("/v1/status")).status).toBe(200);
    expect(room.bugs).toEqual([]);
  });

  test("takes what curl -d sends, whatever that calls itself", async () => {
    await room.open();
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const answer = await send(room.path, "POST", "/v1/stop", { body: ' {"now": true}\n', headers });
    expect(answer.status).toBe(200);
  });
});

describe("every path of the tables", () => {
  test.each(Object.keys(verbs))("%s is refused to all but POST, with Allow", async (verb) => {
    await room.open();
    const target = verb.replace(":app", "blog");
    for (const method of ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PROPFIND"]) {
      expect(await send(room.path, method, target)).toMatchObject({ status: 405, headers: { allow: "POST" } });
    }
    expect((await get(target)).value).toEqual(errorOf("FCGI_PM_REQUEST_METHOD_WRONG", /Cannot GET .* it takes POST$/));
    expect(room.operations.asked).toEqual([]);
  });

  test.each(Object.keys(queries))("%s is refused to all but GET and HEAD, with Allow", async (query) => {
    await room.open();
    const target = query.replace(":app", "blog");
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
      expect(await send(room.path, method, target)).toMatchObject({ status: 405, headers: { allow: "GET, HEAD" } });
    }
    expect(room.operations.asked).toEqual([]);
  });

  test.each([...Object.keys(verbs), ...Object.keys(queries)])(
    "%s takes no parameter that it does not know",
    async (path) => {
      await room.open();
      const method = Object.hasOwn(verbs, path) ? "POST" : "GET";
      for (const parameters of ["colour=red", "__proto__=1", "constructor=1", "=", "a"]) {
        const answer = await send(room.path, method, `${path.replace(":app", "blog")}?${parameters}`);
        expect(answer).toMatchObject({ status: 400, value: errorOf("FCGI_PM_REQUEST_WRONG", /nobody knows/) });
      }
      expect(room.operations.asked).toEqual([]);
    },
  );
});

describe("there is nothing at", () => {
  test.each([
    "/",
    "/v1",
    "/v1/",
    "/v2/status",
    "/v1/status/",
    "//v1/status",
    "/v1//status",
    "/V1/status",
    "/v1/apps",
    "/v1/apps/",
    "/v1/apps//env",
    "/v1/apps/../status",
    "/v1/apps/./status",
    "/v1/apps/%2e%2e/status",
    "/v1/apps/.%2E/status",
    "/v1/apps/..%2fstatus",
    "/v1/apps/blog%2Fenv",
    "/v1/%73tatus",
    "/v1/apps/blog%00",
    "/v1/apps/%",
    "/v1/apps/a;b",
    "/v1/apps/blog/constructor",
    "/v1/__proto__",
    "/v1\\status",
    "/v1/status#a",
    "http://localhost/v1/status",
    "*",
  ])("%s", async (target) => {
    await room.open();
    const answer = await send(room.path, target === "*" ? "OPTIONS" : "GET", target);
    expect(answer).toMatchObject({
      status: 404,
      value: errorOf("FCGI_PM_REQUEST_PATH_UNKNOWN", /There is nothing at/),
    });
    expect(room.operations.asked).toEqual([]);
  });

  test("a path with dots that a browser would read as the manager's own stop", async () => {
    await room.open();
    for (const target of ["/v1/apps/../stop", "/v1/apps/%2e%2e/stop", "/v1/apps/x/../../stop", "/v1/./stop"]) {
      expect(await post(target)).toMatchObject({ status: 404 });
    }
    expect(room.operations.asked).toEqual([]);
  });
});

describe("no app is called", () => {
  test.each(["nobody", "__proto__", "constructor", "toString", "hasOwnProperty", "-", "..."])("%s", async (name) => {
    await room.open();
    for (const [method, target] of [
      ["GET", `/v1/apps/${name}`],
      ["GET", `/v1/apps/${name}/env`],
      ["POST", `/v1/apps/${name}/reload`],
    ] as const) {
      const answer = await send(room.path, method, target);
      expect(answer).toMatchObject({ status: 404, value: errorOf("FCGI_PM_APP_UNKNOWN") });
    }
  });

  test("anything longer than a name may be, and nobody is asked for it", async () => {
    await room.open();
    expect((await get(`/v1/apps/${"a".repeat(65)}`)).status).toBe(404);
    for (const name of ["a".repeat(65), "__proto__", "../a", "%00", ""]) {
      expect((await get(`/v1/logs?app=${name}`)).status).toBe(404);
    }
    expect(room.operations.asked).toEqual([]);
  });
});

describe("what an operation throws", () => {
  test.each<[ErrorCode, number]>([
    ["FCGI_PM_APP_UNKNOWN", 404],
    ["FCGI_PM_REQUEST_WRONG", 400],
    ["FCGI_PM_RELOAD_REFUSED", 409],
    ["FCGI_PM_ROLL_TAKEN_BACK", 409],
    ["FCGI_PM_COMMAND_GIVEN_UP", 409],
    ["FCGI_PM_APP_STOPPED", 409],
    ["FCGI_PM_CONFIG_WRONG", 409],
    ["FCGI_PM_PROGRAM_MISSING", 409],
  ])("as %s is answered with %i, its words and its remedy", async (code, status) => {
    room.operations = playOperations({
      reload: () => Promise.reject(new FcgiPmError(code, "so it is", { remedy: "do this" })),
    });
    await room.open();
    const error = { code, message: "so it is", remedy: "do this" };
    expect(await post("/v1/reload")).toMatchObject({ status, value: { error } });
    expect(room.bugs).toEqual([]);
  });

  test("with outcomes is answered with them", async () => {
    const outcome = {
      app: "blog",
      action: "rolled",
      changes: ["the program has changed"],
      result: "taken-back",
      generation: 1,
      wanted: 2,
      tookMs: 5,
      reason: "worker 3 died",
      lastLines: ["oh"],
    };
    room.operations = playOperations({
      reload: () => Promise.reject(new FcgiPmError("FCGI_PM_ROLL_TAKEN_BACK", "taken back", { details: [outcome] })),
    });
    await room.open();
    expect((await post("/v1/reload")).value).toMatchObject({ error: { details: [outcome] } });
  });

  const bug = new TypeError("x is not a function");
  test.each<[string, Parameters<typeof playOperations>[0]]>([
    [
      "at once",
      {
        restart: () => {
          throw bug;
        },
      },
    ],
    ["later", { restart: () => Promise.reject(bug) }],
  ])("by mistake, %s, is a bug: 500, told to whoever has to know, and the server goes on", async (_when, given) => {
    room.operations = playOperations(given);
    await room.open();
    const answer = await post("/v1/restart");
    expect(answer).toMatchObject({ status: 500, value: errorOf("FCGI_PM_BUG", /x is not a function/) });
    expect(room.bugs).toEqual([bug]);
    expect((await get("/v1/status")).status).toBe(200);
  });

  test("that is no error at all is a bug, too, and so is an answer that cannot be said", async () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    room.operations = playOperations({
      restart: () => Promise.reject("a string"),
      status: () => circle as never,
    });
    await room.open();
    expect(await post("/v1/restart")).toMatchObject({ status: 500, value: errorOf("FCGI_PM_BUG", /a string/) });
    expect(await get("/v1/status")).toMatchObject({ status: 500, value: errorOf("FCGI_PM_BUG", /circular/) });
    expect(room.bugs).toEqual(["a string", expect.any(TypeError)]);
  });
});
