/** FastCGI 1.0, sections 3.3, 3.5, 5.1 and 5.5: many requests on one connection, its end, roles, and limits. */
import { describe, expect, jest, test } from "@jest/globals";
import { echo, gate, type Handler, mirror, mirrored, transports, useServers } from "./conformance.ts";
import { untilStill } from "./peers.ts";
import * as raw from "./raw-peer.ts";
import { begin, record, stream } from "./raw-peer.ts";

jest.setTimeout(60_000);
const { start } = useServers();

/** A handler whose answers the test lets go one by one, by the parameter N. */
function gated() {
  const gates = new Map<string, ReturnType<typeof gate>>();
  const gateOf = (n: string) => {
    const found = gates.get(n) ?? gate();
    gates.set(n, found);
    return found;
  };
  const working = new Set<string>();
  const handler: Handler = async ({ params, signal }) => {
    const n = params.get("N") ?? "";
    working.add(n);
    signal.addEventListener("abort", () => working.delete(n));
    await gateOf(n).opened;
    return { body: n.repeat(1000) };
  };
  return { handler, working, open: (n: string) => gateOf(n).open() };
}

describe.each(transports)("FCGI_KEEP_CONN over %s", (transport) => {
  test("set: the connection stays open, request after request (5.1: the application does not close the connection)", async () => {
    const { peer } = await start(echo, {}, transport);
    const web = peer();
    for (let n = 1; n <= 50; n += 1) {
      web.send(raw.whole(1, {}, `<${n}>`));
      expect((await web.answer(1, n)).body).toBe(`<${n}>`);
    }
    await web.values();
    expect(web.isLeft).toBe(false);
  });

  test("not set: the connection ends after the answer, without a reset (5.1: the application closes the connection)", async () => {
    const { peer } = await start(() => ({ body: Buffer.alloc(500_000, "x") }), { lingerMs: 20_000 }, transport);
    const web = peer();
    // More than the application reads: closing a socket with unread bytes in it would reset the connection.
    web.send(raw.whole(1, {}, Buffer.alloc(400_000), 0));
    expect((await web.answer()).body).toHaveLength(500_000);
    await web.left();
    web.send(record(raw.STDIN, 1, Buffer.alloc(50_000)));
    expect([web.hasEnd, web.isCut, web.error]).toEqual([true, false, undefined]);
  });
});

test("a request without FCGI_KEEP_CONN among others ends the connection after the last of them (5.1, 3.5)", async () => {
  const { handler, open } = gated();
  const { peer } = await start(handler);
  const web = peer();
  web.send(raw.whole(1, { N: "1" }), raw.whole(2, { N: "2" }, "", 0), raw.whole(3, { N: "3" }));
  await web.values();
  open("2");
  expect((await web.answer(2)).body).toBe("2".repeat(1000));
  await web.values();
  expect(web.isLeft).toBe(false);
  open("3");
  open("1");
  expect((await web.answer(1)).body).toBe("1".repeat(1000));
  expect((await web.answer(3)).body).toBe("3".repeat(1000));
  await web.left();
});

test("a peer that closes its side after a whole request gets its answer (3.5)", async () => {
  const { peer } = await start(echo);
  const web = peer();
  web.send(raw.whole(1, {}, "last words"));
  web.socket.end();
  expect((await web.answer()).body).toBe("last words");
  await web.left();
});

describe("requests at the same time", () => {
  test("are answered each when it is ready, and told apart by their ids (3.3; 4.1: FCGI_MPXS_CONNS is 1)", async () => {
    const { handler, working, open } = gated();
    const { peer } = await start(handler);
    const web = peer();
    const ids = [7, 1, 300, 42, 65_535];
    web.send(...ids.map((id) => raw.whole(id, { N: String(id % 10) })));
    await web.values();
    expect(working.size).toBe(5);
    for (const id of [42, 65_535, 7, 300, 1]) {
      open(String(id % 10));
      expect((await web.answer(id)).body).toBe(String(id % 10).repeat(1000));
    }
  });

  test("may have their records interleaved one by one (3.3: a stream record belongs to the stream of its id)", async () => {
    const { peer } = await start(mirror);
    const web = peer();
    const ids = [1, 2, 3, 4];
    const records = ids.map((id) => [
      begin(id),
      ...Array.from(raw.pairs({ ID: String(id) }), (byte) => record(raw.PARAMS, id, Uint8Array.of(byte))),
      record(raw.PARAMS, id),
      ...Array.from(`body ${id}`, (letter) => record(raw.STDIN, id, letter, { padding: id })),
      record(raw.STDIN, id),
    ]);
    for (let turn = 0; turn < (records[0]?.length ?? 0); turn += 1)
      web.send(...records.map((one) => one[turn] ?? Buffer.alloc(0)));
    for (const id of ids)
      expect(mirrored(await web.answer(id))).toEqual({ params: [["ID", String(id)]], body: `body ${id}` });
  });

  test("with large answers share the connection, and no record of one is part of another (3.3)", async () => {
    const { peer } = await start(({ params }) => ({ body: Buffer.alloc(400_000, params.get("N")) }));
    const web = peer();
    const ids = [1, 2, 3, 4, 5];
    web.send(...ids.map((id) => raw.whole(id, { N: String(id) })));
    for (const id of ids) expect((await web.answer(id)).body === String(id).repeat(400_000)).toBe(true);
  });

  test("do not wait for one whose body nobody reads, if it is short of 64 KiB (3.3)", async () => {
    const { handler, open } = gated();
    const { peer } = await start(handler);
    const web = peer();
    web.send(begin(1), stream(raw.PARAMS, 1, raw.pairs({ N: "1" })), record(raw.STDIN, 1, Buffer.alloc(60_000)));
    web.send(raw.whole(2, { N: "2" }));
    open("2");
    expect((await web.answer(2)).body).toBe("2".repeat(1000));
    open("1");
    expect((await web.answer(1)).body).toBe("1".repeat(1000));
  });

  test("over the limit are refused as FCGI_OVERLOADED, each by itself, and those that run go on (5.5)", async () => {
    const { handler, open } = gated();
    const { peer } = await start(handler, { maxRequestsPerConnection: 2 });
    const web = peer();
    web.send(...[1, 2, 3, 4].map((id) => raw.whole(id, { N: String(id) })));
    expect([(await web.answer(3)).protocolStatus, (await web.answer(4)).protocolStatus]).toEqual([2, 2]);
    open("1");
    expect((await web.answer(1)).protocolStatus).toBe(0);
    await untilStill(() => web.records.length);
    web.send(raw.whole(3, { N: "2" }));
    open("2");
    expect((await web.answer(2)).protocolStatus).toBe(0);
    expect(await web.answer(3, 2)).toMatchObject({ protocolStatus: 0, body: "2".repeat(1000) });
  });

  test("one after the other in one piece, without waiting for answers, are all served (3.5)", async () => {
    const { peer } = await start(echo);
    const web = peer();
    // The web server may use an id again only after END_REQUEST: so each has its own.
    web.send(...Array.from({ length: 40 }, (_, index) => raw.whole(index + 1, {}, Buffer.alloc(index * 500, "x"))));
    for (let id = 1; id <= 40; id += 1) expect((await web.answer(id)).body).toHaveLength((id - 1) * 500);
  });
});

describe("a role that the application does not know", () => {
  test.each([0, 2, 3, 4, 258, 65_535])(
    "%d is told so; the rest of the request is ignored (5.5: FCGI_UNKNOWN_ROLE)",
    async (role) => {
      let served = 0;
      const { peer } = await start(async (request) => {
        served += 1;
        return echo(request);
      });
      const web = peer();
      web.send(
        begin(1, { role }),
        stream(raw.PARAMS, 1, raw.pairs({ A: "1" })),
        stream(raw.STDIN, 1, "x"),
        stream(raw.DATA, 1, "y"),
      );
      expect(await web.answer()).toMatchObject({ protocolStatus: 3, types: [raw.END] });
      web.send(raw.whole(1, {}, "next"));
      expect((await web.answer(1, 2)).body).toBe("next");
      expect(served).toBe(1);
    },
  );

  test("ends a connection without FCGI_KEEP_CONN (5.1: after responding to this request)", async () => {
    const { peer } = await start(echo);
    const web = peer();
    web.send(begin(1, { role: 9, flags: 0 }));
    expect((await web.answer()).protocolStatus).toBe(3);
    await web.left();
  });
});
