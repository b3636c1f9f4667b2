/** Peers that stop in the middle of what they owe. The specification leaves them to the application; nobody may hold it for ever. */
import { describe, expect, jest, test } from "@jest/globals";
import { echo, gate, readAll, soon, transports, useServers } from "./conformance.ts";
import { untilStill } from "./peers.ts";
import * as raw from "./raw-peer.ts";
import { begin, record, stream } from "./raw-peer.ts";

jest.setTimeout(60_000);
const { start } = useServers();
const noParams = stream(raw.PARAMS, 1, "");
const stallMs = 60;

/** What came so far when the peer fell silent. */
const silences: readonly (readonly [string, Buffer])[] = [
  ["a part of a header", begin().subarray(0, 3)],
  ["a header without its content", begin().subarray(0, 8)],
  ["a record without its padding", record(raw.STDIN, 9, "x", { padding: 8 }).subarray(0, 12)],
  ["BEGIN_REQUEST alone", begin()],
  ["a part of PARAMS", Buffer.concat([begin(), record(raw.PARAMS, 1, "\x01\x05A")])],
  ["a part of STDIN", Buffer.concat([begin(), noParams, record(raw.STDIN, 1, "some")])],
];

describe.each(transports)("over %s", (transport) => {
  test.each(silences)("a peer that sent %s and is silent is left; others are not", async (_name, bytes) => {
    const { peer, problems } = await start(echo, { stallMs }, transport);
    const [silent, idle] = [peer(), peer()];
    idle.send(raw.whole(1, {}, "first"));
    await idle.answer();
    silent.send(bytes);
    await silent.left();
    expect(problems.map(({ code }) => code)).toEqual(["FCGI_PROTOCOL_VIOLATED"]);
    // The idle connection was silent for longer, and owes nothing.
    idle.send(raw.whole(1, {}, "second"));
    expect((await idle.answer(1, 2)).body).toBe("second");
  });

  test("a peer that does not take its answer is left, and the work on it ends", async () => {
    let ended = false;
    async function* endless() {
      try {
        for (;;) yield Buffer.alloc(50_000);
      } finally {
        ended = true;
      }
    }
    const { peer } = await start(({ params }) => ({ body: params.has("E") ? endless() : "x" }), { stallMs }, transport);
    const [silent, other] = [peer(), peer()];
    silent.send(raw.whole(1, { E: "1" }));
    silent.socket.pause();
    await soon("the end of the work", () => ended);
    other.send(raw.whole(1));
    expect((await other.answer()).body).toBe("x");
  });
});

test("the reader of a body whose rest never comes is told", async () => {
  const errors: string[] = [];
  const handler: typeof echo = async ({ body }) => {
    await readAll(body).catch((error: Error) => errors.push(error.name));
    return {};
  };
  const { peer } = await start(handler, { stallMs });
  const web = peer();
  web.send(begin(), noParams, record(raw.STDIN, 1, "some"));
  await web.left();
  await soon("the error", () => errors.length === 1);
});

test("a handler may take longer than a peer: silence is no fault of whoever owes nothing", async () => {
  const { open, opened } = gate();
  const { peer } = await start(
    async () => {
      await opened;
      return { body: "at last" };
    },
    { stallMs },
  );
  const [works, silent, later] = [peer(), peer(), peer()];
  works.send(raw.whole());
  await works.values();
  silent.send(begin());
  await silent.left();
  later.send(begin());
  await later.left();
  open();
  expect((await works.answer()).body).toBe("at last");
});

test("a peer that only closed its sending side in the middle of a request is left (3.5)", async () => {
  const { peer } = await start(echo);
  for (const [, bytes] of silences) {
    const web = peer();
    web.send(bytes);
    web.socket.end();
    await web.left();
    expect(web.runs()[0]?.filter(({ type }) => type === raw.STDOUT && web.isCut)).toEqual([]);
  }
});

test.each<[string, Buffer]>([
  ["management records of unknown types", record(99, 0)],
  ["GET_VALUES", record(raw.GET_VALUES, 0, raw.pair("FCGI_MPXS_CONNS", ""))],
  ["requests in an unknown role", begin(1, { role: 9 })],
  ["requests that it aborts", Buffer.concat([begin(), record(raw.ABORT, 1)])],
])(
  "a peer that floods us with %s and takes no answer is held back or left, and does not fill our memory",
  async (_name, one) => {
    const { peer } = await start(echo);
    const [flood, other] = [peer(), peer()];
    await flood.greet();
    flood.socket.pause();
    const many = Buffer.concat(Array.from({ length: Math.ceil(65_536 / one.length) }, () => one));
    for (let sent = 0; sent < 256; sent += 1) flood.socket.write(many);
    await untilStill(() => flood.socket.bytesWritten - flood.socket.writableLength);
    const taken = flood.socket.bytesWritten - flood.socket.writableLength;
    expect(flood.isClosed || taken < 8_000_000).toBe(true);
    other.send(raw.whole(1, {}, "goes on"));
    expect((await other.answer()).body).toBe("goes on");
  },
);

test("a thousand connections that were closed without a word, or in the middle of one, cost nothing", async () => {
  const { peer, problems } = await start(echo);
  for (let round = 0; round < 50; round += 1) {
    const peers = Array.from({ length: 20 }, peer);
    peers.forEach((web, index) => {
      web.send((silences[index % 7]?.[1] ?? Buffer.alloc(0)).subarray(0, 1 + index * 3));
      web.socket.destroySoon();
    });
    await soon("the connections' end", () => peers.every(({ isClosed }) => isClosed));
  }
  const web = peer();
  web.send(raw.whole(1, {}, "x"));
  expect((await web.answer()).body).toBe("x");
  expect(problems).toEqual([]);
});
