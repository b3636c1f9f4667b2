/** FastCGI 1.0, section 6: the roles beside the responder, for an application that says it has them. */
import { describe, expect, jest, test } from "@jest/globals";
import { gate, type Handler, readAll, soon, useServers } from "./conformance.ts";
import * as raw from "./raw-peer.ts";
import { begin, record, stream } from "./raw-peer.ts";

jest.setTimeout(60_000);
const { start } = useServers();
const all = { roles: ["responder", "authorizer", "filter"] as const };
const [AUTHORIZER, FILTER] = [2, 3];

/** Tells its role, what came on STDIN, and what on DATA. */
const teller: Handler = async (request) => {
  const { role, body, data } = request;
  const stdin = (await readAll(body)).toString("latin1");
  const rest = data === undefined ? undefined : (await readAll(data)).toString("latin1");
  return { body: JSON.stringify({ role, stdin, data: rest }) };
};

const told = (answer: { readonly body: string }): unknown => JSON.parse(answer.body);
const filterParams = (more: Record<string, string> = {}) =>
  stream(raw.PARAMS, 1, raw.pairs({ FCGI_DATA_LAST_MOD: "1", ...more }));

test("roles are known only if the application says so (5.5: FCGI_UNKNOWN_ROLE)", async () => {
  const { peer } = await start(teller, { roles: ["authorizer"] });
  const web = peer();
  web.send(begin(1, { role: 1 }), begin(2, { role: AUTHORIZER }), begin(3, { role: FILTER }));
  web.send(stream(raw.PARAMS, 1, ""), stream(raw.PARAMS, 2, ""), stream(raw.PARAMS, 3, ""), stream(raw.STDIN, 1, ""));
  expect((await web.answer(1)).protocolStatus).toBe(3);
  expect((await web.answer(3)).protocolStatus).toBe(3);
  expect(told(await web.answer(2))).toMatchObject({ role: "authorizer" });
});

describe("an authorizer", () => {
  test("is asked by PARAMS alone: it answers though no STDIN ever comes (6.3)", async () => {
    const { peer } = await start(teller, all);
    const web = peer();
    for (let n = 1; n <= 3; n += 1) {
      web.send(
        begin(1, { role: AUTHORIZER }),
        stream(raw.PARAMS, 1, raw.pairs({ REQUEST_METHOD: "POST", CONTENT_TYPE: "x" })),
      );
      expect(told(await web.answer(1, n))).toEqual({ role: "authorizer", stdin: "" });
    }
  });

  test("stays in step with a web server that ends STDIN all the same (3.3)", async () => {
    const { peer } = await start(teller, all);
    const web = peer();
    web.send(
      begin(1, { role: AUTHORIZER }),
      stream(raw.PARAMS, 1, ""),
      record(raw.STDIN, 1),
      begin(2, { role: AUTHORIZER }),
    );
    web.send(stream(raw.PARAMS, 2, ""), record(raw.STDIN, 2));
    expect(told(await web.answer(1))).toEqual({ role: "authorizer", stdin: "" });
    expect(told(await web.answer(2))).toEqual({ role: "authorizer", stdin: "" });
  });

  test("allows with status 200 and Variable- headers, and refuses with any other (6.3)", async () => {
    const { peer } = await start(
      ({ params }) =>
        params.get("USER") === "ann"
          ? { headers: { "Variable-AUTH_METHOD": "database lookup" } }
          : { status: 403, body: "no" },
      all,
    );
    const web = peer();
    web.send(begin(1, { role: AUTHORIZER }), stream(raw.PARAMS, 1, raw.pairs({ USER: "ann" })));
    web.send(begin(2, { role: AUTHORIZER }), stream(raw.PARAMS, 2, raw.pairs({ USER: "bob" })));
    expect((await web.answer(1)).stdout).toMatch(
      /^Status: 200 OK\r\n(.*\r\n)*Variable-AUTH_METHOD: database lookup\r\n/,
    );
    expect((await web.answer(2)).stdout).toMatch(/^Status: 403 Forbidden\r\n(.*\r\n)*\r\nno$/);
  });

  test("without FCGI_KEEP_CONN ends the connection after its answer (5.1)", async () => {
    const { peer } = await start(teller, all);
    const web = peer();
    web.send(begin(1, { role: AUTHORIZER, flags: 0 }), stream(raw.PARAMS, 1, ""));
    await web.answer();
    await web.left();
  });

  test("may be aborted (5.4)", async () => {
    const { open, opened } = gate();
    const { peer } = await start(async ({ signal }) => {
      signal.addEventListener("abort", open);
      await opened;
      return {};
    }, all);
    const web = peer();
    web.send(begin(1, { role: AUTHORIZER }), stream(raw.PARAMS, 1, ""), record(raw.ABORT, 1));
    expect((await web.answer()).stdout).toBe("");
  });
});

describe("a filter", () => {
  test("gets FCGI_STDIN, then FCGI_DATA, each with its own end (6.4)", async () => {
    const { peer } = await start(teller, all);
    const web = peer();
    for (let n = 1; n <= 3; n += 1) {
      web.send(begin(1, { role: FILTER }), filterParams({ FCGI_DATA_LENGTH: "4" }));
      web.send(stream(raw.STDIN, 1, "body", n), stream(raw.DATA, 1, "data", n, { padding: n }));
      expect(told(await web.answer(1, n))).toEqual({ role: "filter", stdin: "body", data: "data" });
    }
  });

  test("gets an empty file, and an empty body (6.1: at least one record of the stream)", async () => {
    const { peer } = await start(teller, all);
    const web = peer();
    web.send(begin(1, { role: FILTER }), filterParams(), record(raw.STDIN, 1), record(raw.DATA, 1));
    expect(told(await web.answer())).toEqual({ role: "filter", stdin: "", data: "" });
  });

  test("gets a large file no faster than it reads it, and whole (6.4, 5.3)", async () => {
    const { peer } = await start(async ({ body, data }) => {
      await readAll(body);
      let length = 0;
      for await (const piece of data ?? []) length += piece.length;
      return { body: String(length) };
    }, all);
    const web = peer();
    web.send(
      begin(1, { role: FILTER }),
      filterParams(),
      stream(raw.STDIN, 1, "x"),
      stream(raw.DATA, 1, Buffer.alloc(10_000_000)),
    );
    expect((await web.answer()).body).toBe("10000000");
  });

  test("may answer before it has read FCGI_DATA; the rest does not stand in the way (6.4, 3.3)", async () => {
    const { peer } = await start(async ({ body }) => ({ body: await readAll(body) }), all);
    const web = peer();
    web.send(begin(1, { role: FILTER }), filterParams(), stream(raw.STDIN, 1, "one"), record(raw.DATA, 1, "some"));
    expect((await web.answer()).body).toBe("one");
    web.send(stream(raw.DATA, 1, Buffer.alloc(500_000)), raw.whole(1, {}, "two"));
    expect((await web.answer(1, 2)).body).toBe("two");
  });

  test("is told if its file is cut off (6.4: should compare the number of bytes with FCGI_DATA_LENGTH)", async () => {
    const { peer } = await start(teller, all);
    const web = peer();
    web.send(
      begin(1, { role: FILTER }),
      filterParams({ FCGI_DATA_LENGTH: "10" }),
      stream(raw.STDIN, 1, ""),
      stream(raw.DATA, 1, "half"),
    );
    expect((await web.answer()).stdout).toMatch(/^Status: 5/);
  });

  test("hears of an abort in the middle of its file (5.4)", async () => {
    const errors: string[] = [];
    const { peer } = await start(async ({ body, data }) => {
      await readAll(body);
      await readAll(data ?? body).catch((error: Error) => errors.push(error.name));
      return {};
    }, all);
    const web = peer();
    web.send(
      begin(1, { role: FILTER }),
      filterParams(),
      stream(raw.STDIN, 1, "x"),
      record(raw.DATA, 1, "some"),
      record(raw.ABORT, 1),
    );
    expect((await web.answer()).stdout).toBe("");
    await soon("the error", () => errors.length === 1);
    expect(errors).toEqual(["AbortError"]);
  });

  test("whose web server falls silent in the middle of the file is left", async () => {
    const { peer } = await start(teller, { ...all, stallMs: 60 });
    const web = peer();
    web.send(begin(1, { role: FILTER }), filterParams(), stream(raw.STDIN, 1, "x"), record(raw.DATA, 1, "some"));
    await web.left();
  });
});
