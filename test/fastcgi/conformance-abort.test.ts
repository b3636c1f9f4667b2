/** FastCGI 1.0, section 5.4: FCGI_ABORT_REQUEST, and a connection that closes, at every moment of a request. */
import { describe, expect, jest, test } from "@jest/globals";
import { echo, gate, type Handler, type Request, soon, transports, useServers } from "./conformance.ts";
import { untilStill } from "./peers.ts";
import * as raw from "./raw-peer.ts";
import { begin, type RawPeer, record, stream } from "./raw-peer.ts";

jest.setTimeout(60_000);
const { start } = useServers();
const wait = stream(raw.PARAMS, 1, raw.pairs({ N: "wait" }));

/** A handler that works until the test lets it go, and then says much that nobody shall hear. What it saw is in `seen`. */
function stubborn() {
  const { open, opened } = gate();
  const seen = { started: 0, aborted: 0, bodyErrors: [] as string[], done: 0 };
  const handler: Handler = async (request) => {
    if (request.params.get("N") !== "wait") return echo(request);
    seen.started += 1;
    watch(request);
    await opened;
    request.stderr("too late");
    seen.done += 1;
    return { body: "too late" };
  };
  function watch({ signal, body }: Request): void {
    signal.addEventListener("abort", () => {
      seen.aborted += 1;
    });
    void (async () => {
      for await (const piece of body) void piece;
    })().catch((error: Error) => seen.bodyErrors.push(error.name));
  }
  return { handler, seen, open };
}

/** The moments, and the records that lead to each. */
const moments: readonly (readonly [string, readonly Buffer[], { starts: boolean; isCut: boolean }])[] = [
  ["right after BEGIN_REQUEST", [begin()], { starts: false, isCut: false }],
  [
    "in the middle of PARAMS",
    [begin(), record(raw.PARAMS, 1, Uint8Array.of(3, 1, 65))],
    { starts: false, isCut: false },
  ],
  ["at the end of PARAMS", [begin(), wait], { starts: true, isCut: true }],
  ["in the middle of STDIN", [begin(), wait, record(raw.STDIN, 1, "some")], { starts: true, isCut: true }],
  ["while the handler works", [begin(), wait, stream(raw.STDIN, 1, "all")], { starts: true, isCut: false }],
];

describe.each(moments)("%s", (_name, records, { starts, isCut }) => {
  test("an abort is answered with END_REQUEST at once, nothing follows, and the id may be used again (5.4, 3.3)", async () => {
    const { handler, seen, open } = stubborn();
    const { peer } = await start(handler);
    const web = peer();
    web.send(...records, record(raw.ABORT, 1));
    expect(await web.answer()).toMatchObject({ stdout: "", stderr: "", protocolStatus: 0 });
    expect(seen).toMatchObject({ started: starts ? 1 : 0, aborted: starts ? 1 : 0 });
    web.send(begin(), stream(raw.PARAMS, 1, ""), record(raw.STDIN, 1, "used "));
    await web.values();
    open();
    await soon("the handler's end", () => seen.done === seen.started);
    web.send(stream(raw.STDIN, 1, "again"));
    expect((await web.answer(1, 2)).body).toBe("used again");
    await web.values();
    expect(web.runs()).toHaveLength(3);
    expect(seen.bodyErrors).toEqual(isCut ? ["AbortError"] : []);
  });

  test("an abort of a request without FCGI_KEEP_CONN ends the connection too (5.1, 5.4)", async () => {
    const { handler, open } = stubborn();
    const { peer } = await start(handler);
    const web = peer();
    web.send(begin(1, { flags: 0 }), ...records.slice(1), record(raw.ABORT, 1));
    expect((await web.answer()).protocolStatus).toBe(0);
    await web.left();
    open();
  });

  test.each(["destroyed", "ended", "reset"] as const)(
    "a connection that is %s tells the handler, and disturbs no other (5.4: abort a request by closing its connection)",
    async (how) => {
      const { handler, seen, open } = stubborn();
      const { peer } = await start(handler, {}, how === "reset" ? "tcp" : "unix");
      const [leaves, stays] = [peer(), peer()];
      leaves.send(...records);
      await leaves.values();
      if (how === "ended") leaves.socket.end();
      else if (how === "reset") leaves.socket.resetAndDestroy();
      else leaves.socket.destroy();
      await soon("the abort", () => seen.aborted === (starts ? 1 : 0));
      stays.send(raw.whole(1, {}, "goes on"));
      expect((await stays.answer()).body).toBe("goes on");
      open();
      await soon("the handler's end", () => seen.done === seen.started);
      expect(seen.bodyErrors).toEqual(isCut ? ["AbortError"] : []);
      if (how === "ended") await leaves.left();
    },
  );
});

test("an abort is surfaced to the handler with the record's reason, before its connection says anything else (5.4)", async () => {
  const reasons: unknown[] = [];
  const { peer } = await start(async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    reasons.push(signal.reason);
    return {};
  });
  const web = peer();
  web.send(begin(), wait, record(raw.STDIN, 1), record(raw.ABORT, 1));
  await web.answer();
  await soon("the abort", () => reasons.length === 1);
  expect(reasons[0]).toMatchObject({ name: "AbortError" });
});

/** An answer without end, made as fast as it is taken. */
function endless() {
  const state = { made: 0, ended: false, isAborted: false };
  async function* pieces() {
    try {
      for (;;) {
        state.made += 1;
        yield Buffer.alloc(10_000, "x");
      }
    } finally {
      state.ended = true;
    }
  }
  const handler: Handler = (request) => {
    if (request.params.get("N") !== "wait") return echo(request);
    request.signal.addEventListener("abort", () => {
      state.isAborted = true;
    });
    return { body: pieces() };
  };
  return { handler, state };
}

async function blocked(web: RawPeer, state: { made: number }): Promise<void> {
  web.socket.pause();
  web.send(begin(), wait, record(raw.STDIN, 1));
  await soon("output", () => state.made > 0);
  await untilStill(() => state.made);
}

describe.each(transports)("while output is blocked over %s", (transport) => {
  test("an abort is heard, ends the request, and the connection serves the next (5.4)", async () => {
    const { handler, state } = endless();
    const { peer } = await start(handler, {}, transport);
    const web = peer();
    await blocked(web, state);
    web.send(record(raw.ABORT, 1), raw.whole(2, {}, "next"));
    await soon("the abort", () => state.isAborted);
    web.socket.resume();
    await soon("the end of the output", () => state.ended);
    expect((await web.answer(2)).body).toBe("next");
    expect((await web.answer(1)).types.slice(-2)).toEqual([raw.STDOUT, raw.END]);
    web.send(raw.whole(1, {}, "again"));
    expect((await web.answer(1, 2)).body).toBe("again");
  });

  test("queries are read, and answered when there is room (4.1: at any time)", async () => {
    const { handler, state } = endless();
    const { peer } = await start(handler, {}, transport);
    const web = peer();
    await blocked(web, state);
    web.send(record(raw.GET_VALUES, 0, raw.pair("FCGI_MPXS_CONNS", "")));
    web.socket.resume();
    await soon("an answer to the query", () => web.records.some(({ type }) => type === raw.GET_VALUES_RESULT));
    web.send(record(raw.ABORT, 1));
    await web.answer();
  });

  test("a connection that closes ends the handler's work, and disturbs no other (5.4)", async () => {
    const { handler, state } = endless();
    const { peer } = await start(handler, {}, transport);
    const [web, stays] = [peer(), peer()];
    await blocked(web, state);
    web.socket.destroy();
    await soon("the end of the output", () => state.ended);
    stays.send(raw.whole(1, {}, "goes on"));
    expect((await stays.answer()).body).toBe("goes on");
  });
});

describe("among other requests", () => {
  test("one is aborted and the others are answered (5.4: closing the connection would abort all of them)", async () => {
    const { handler, open, seen } = stubborn();
    const { peer } = await start(handler);
    const web = peer();
    const ids = [1, 2, 3];
    for (const id of ids)
      web.send(begin(id), stream(raw.PARAMS, id, raw.pairs({ N: id === 2 ? "wait" : "" })), record(raw.STDIN, id, "x"));
    web.send(record(raw.ABORT, 2));
    expect(await web.answer(2)).toMatchObject({ stdout: "", protocolStatus: 0 });
    open();
    await soon("the handler's end", () => seen.done === 1);
    web.send(stream(raw.STDIN, 1, "1"), stream(raw.STDIN, 3, "3"));
    expect([(await web.answer(1)).body, (await web.answer(3)).body]).toEqual(["x1", "x3"]);
    expect(web.runs(2)).toEqual([expect.anything(), []]);
  });

  test("aborts for ids that have ended or never were are ignored (3.3: while a request ID is inactive)", async () => {
    const { peer } = await start(echo);
    const web = peer();
    web.send(record(raw.ABORT, 5), raw.whole(1, {}, "x"));
    await web.answer();
    web.send(record(raw.ABORT, 1), record(raw.ABORT, 1), record(raw.ABORT, 65_535), raw.whole(1, {}, "y"));
    expect((await web.answer(1, 2)).body).toBe("y");
    await web.values();
    expect([web.runs(5), web.runs(65_535), web.runs(1).length]).toEqual([[[]], [[]], 3]);
  });

  test("an abort with content and padding is an abort (3.3)", async () => {
    const { handler, open } = stubborn();
    const { peer } = await start(handler);
    const web = peer();
    web.send(begin(), wait, record(raw.ABORT, 1, "why not", { padding: 3 }));
    expect((await web.answer()).protocolStatus).toBe(0);
    open();
  });
});
