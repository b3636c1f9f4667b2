/** `respond`: what may be an answer, and the roles that have more than one stream. */
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { ReadableStream } from "node:stream/web";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import type { FastCgiResponse, Handler } from "../../src/fastcgi/fastcgi-request.ts";
import { respond, type ServeOptions, toWebRequest } from "../../src/fastcgi/server.ts";
import { abortRequest, encodeRecord, endOfStream, stdin } from "../../src/fastcgi/wire/record.ts";
import { ending, makeDirectory, opening, RawPeer, Undo, until } from "./peers.ts";

jest.setTimeout(60_000);
const undo = new Undo();
afterEach(() => undo.all());

async function start(handler: Handler, options: ServeOptions = {}): Promise<RawPeer> {
  const path = join(makeDirectory(undo), "app.sock");
  const server = await respond(handler, { path, lingerMs: 200, ...options });
  undo.add(() => server.stop());
  return new RawPeer({ kind: "unix", path }, undo);
}

async function ask(handler: Handler, params: Record<string, string> = {}, body = ""): Promise<string> {
  const web = await start(handler);
  web.send(opening(1, { params }), stdin(1, Buffer.from(body)), ending(1));
  return (await web.answer()).stdout;
}

const pieces = ["one ", Buffer.from("two "), "three"];
async function* made() {
  yield* pieces;
}

describe("a body may be", () => {
  test.each<[string, () => FastCgiResponse["body"]]>([
    ["a string", () => "one two three"],
    ["bytes", () => Buffer.from("one two three")],
    ["a list", () => pieces],
    ["a generator", made],
    ["a Node stream", () => Readable.from(pieces)],
    ["a web stream", () => Readable.toWeb(Readable.from(made())) as ReadableStream<Uint8Array>],
  ])("%s", async (_name, body) => {
    expect(await ask(() => ({ body: body() }))).toMatch(/\r\n\r\none two three$/);
  });

  test("null or left out", async () => {
    expect(await ask(() => ({ status: 204, body: null }))).toBe("Status: 204 No Content\r\n\r\n");
    expect(await ask(() => ({ status: 204 }))).toBe("Status: 204 No Content\r\n\r\n");
  });
});

test("a web Response is an answer, with each cookie on a line of its own", async () => {
  const headers = new Headers([
    ["Content-Type", "text/x-test"],
    ["Set-Cookie", "a=1; Path=/"],
    ["Set-Cookie", "b=2"],
  ]);
  const answer = await ask(() => new Response("body", { status: 201, headers }));
  expect(answer.toLowerCase()).toBe(
    "status: 201 created\r\ncontent-type: text/x-test\r\nset-cookie: a=1; path=/\r\nset-cookie: b=2\r\n\r\nbody",
  );
});

test.each<[string, (told: () => void) => FastCgiResponse["body"]]>([
  ["web stream", (told) => new ReadableStream({ cancel: told })],
  ["Node stream", (told) => new PassThrough().on("close", told)],
])("a %s that waits for something is let go when the request is aborted", async (_name, make) => {
  let isLetGo = false;
  let hasBegun = false;
  const web = await start(() => {
    hasBegun = true;
    return { body: make(() => (isLetGo = true)) };
  });
  web.send(opening(1), ending(1));
  await until(() => hasBegun);
  web.send(abortRequest(1));
  await until(() => isLetGo);
});

describe("toWebRequest", () => {
  const describeRequest: Handler = async (request) => {
    const { url, method, headers, body } = toWebRequest(request);
    const text = body === null ? null : await new Response(body).text();
    return { body: JSON.stringify({ url, method, headers: Object.fromEntries(headers), text }) };
  };

  test("gives URL, method, headers and body as the browser sent them", async () => {
    const params = {
      REQUEST_METHOD: "POST",
      REQUEST_URI: "/a%20b?c=d",
      HTTPS: "on",
      HTTP_HOST: "shop.test:8443",
      HTTP_X_TEST: "1",
      CONTENT_TYPE: "text/plain",
      CONTENT_LENGTH: "4",
    };
    const answer = await ask(describeRequest, params, "body");
    expect(JSON.parse(answer.replace(/^.*\r\n\r\n/s, ""))).toEqual({
      url: "https://shop.test:8443/a%20b?c=d",
      method: "POST",
      headers: { host: "shop.test:8443", "x-test": "1", "content-type": "text/plain", "content-length": "4" },
      text: "body",
    });
  });

  test.each([
    ["no Host", { REQUEST_URI: "/x", SERVER_NAME: "own.test", SERVER_PORT: "81" }, "http://own.test:81/x"],
    ["an IPv6 address for a name", { REQUEST_URI: "/x", SERVER_NAME: "::1", SERVER_PORT: "80" }, "http://[::1]/x"],
    [
      "a whole URL on the request line",
      { REQUEST_URI: "http://other.test/x?y", HTTP_HOST: "a.test" },
      "http://a.test/x?y",
    ],
    ["a path like a host", { REQUEST_URI: "//evil.test/x", HTTP_HOST: "a.test" }, "http://a.test//evil.test/x"],
    [
      "a Host that would be a path",
      { REQUEST_URI: "/x", HTTP_HOST: "a.test/y?", SERVER_NAME: "b.test" },
      "http://b.test/x",
    ],
    ["OPTIONS *", { REQUEST_METHOD: "OPTIONS", REQUEST_URI: "*", HTTP_HOST: "a.test" }, "http://a.test/*"],
  ])("has a URL of the site itself, whatever comes: %s", async (_name, params, url) => {
    expect(await ask((request) => ({ body: toWebRequest(request).url }), params)).toMatch(`\r\n\r\n${url}`);
  });

  test("has a signal that is aborted with the request", async () => {
    let signal: AbortSignal | undefined;
    const web = await start((request) => {
      signal = toWebRequest(request).signal;
      return new Promise(() => {});
    });
    web.send(opening(1), ending(1));
    await until(() => signal !== undefined);
    web.send(abortRequest(1));
    await until(() => signal?.aborted);
  });
});

describe("a filter", () => {
  const readBoth: Handler = async ({ body, data, role, params }) => {
    const texts: string[] = [];
    for (const stream of [body, data ?? []]) {
      let text = "";
      for await (const piece of stream) text += piece;
      texts.push(text);
    }
    return { body: `${role} ${texts.join("|")} ${params.get("FCGI_DATA_LAST_MOD")}` };
  };
  const params = { FCGI_DATA_LAST_MOD: "100000", FCGI_DATA_LENGTH: "4" };
  const data = (text: string) => encodeRecord(8, 1, Buffer.from(text));

  test("gets FCGI_STDIN and then FCGI_DATA (6.4)", async () => {
    const web = await start(readBoth, { roles: ["responder", "filter"] });
    web.send(opening(1, { role: 3, params }), stdin(1, Buffer.from("form")), ending(1), data("fi"));
    web.send(data("le"), endOfStream(8, 1));
    expect((await web.answer()).stdout).toMatch(/\r\n\r\nfilter form\|file 100000$/);
  });

  test("is told when its data is shorter than FCGI_DATA_LENGTH (6.4)", async () => {
    const web = await start(readBoth, { roles: ["filter"] });
    web.send(opening(1, { role: 3, params }), ending(1), data("fi"), endOfStream(8, 1));
    const answer = await web.answer();
    expect(answer.stdout).toMatch(/^Status: 500 /);
    expect(answer.stderr).toContain("2 of 4 bytes came");
  });

  test("whose data does not fit holds the socket back until it is read", async () => {
    const web = await start(readBoth, { roles: ["filter"] });
    const length = 3_000_000;
    web.send(opening(1, { role: 3, params: { FCGI_DATA_LENGTH: String(length) } }), ending(1));
    for (let left = length; left > 0; left -= 60_000) web.send(encodeRecord(8, 1, Buffer.alloc(60_000, "d")));
    web.send(endOfStream(8, 1));
    expect((await web.answer()).stdout.length).toBeGreaterThan(length);
  });
});

test("an authorizer answers before anything else comes: it has no body (6.3)", async () => {
  const web = await start(
    async ({ body, role }) => {
      for await (const _ of body) throw new Error("an authorizer has no body");
      return { headers: { "Variable-USER": "anna" }, body: role };
    },
    { roles: ["authorizer"] },
  );
  web.send(opening(1, { role: 2 }));
  expect((await web.answer()).stdout).toMatch(/^Status: 200 OK\r\nVariable-USER: anna\r\n.*authorizer$/s);
});
