/** FastCGI 1.0, section 3.3: records. Each title ends with the section that the demand rests on. */
import { describe, expect, jest, test } from "@jest/globals";
import fc from "../helpers/chance.ts";
import { echo, mirror, mirrored, transports, useServers } from "./conformance.ts";
import * as raw from "./raw-peer.ts";
import { begin, record, stream } from "./raw-peer.ts";

jest.setTimeout(60_000);
const { start } = useServers();

/** A small request whose every record has this padding, with a query and a record of an unknown type in the middle of it. */
function padded(padding: number, id = 1): Buffer {
  const shape = { padding };
  return Buffer.concat([
    record(raw.ABORT, 9, "", shape),
    begin(id, {}, shape),
    record(raw.PARAMS, id, raw.pair("SCRIPT_NAME", `/${padding}`), shape),
    record(raw.GET_VALUES, 0, raw.pair("FCGI_MPXS_CONNS", ""), shape),
    record(raw.PARAMS, id, "", shape),
    record(77, 0, "what", shape),
    record(raw.STDIN, id, "hello", shape),
    record(raw.DATA, id, "nothing to us", shape),
    record(raw.STDIN, id, "", shape),
  ]);
}

/** Requests that run at the same time, with a body of several records and one that is aborted. */
function busy(): Buffer {
  const large = Buffer.alloc(70_000, "0123456789");
  const third = stream(raw.PARAMS, 3, raw.pairs({ N: "3" }), 1);
  return Buffer.concat([
    begin(1),
    begin(2),
    stream(raw.PARAMS, 1, raw.pairs({ N: "1", LONG: "x".repeat(300) }), 7, { padding: 3 }),
    record(raw.STDIN, 1, large.subarray(0, 20_000), { padding: 255 }),
    stream(raw.PARAMS, 2, raw.pairs({ N: "2" })),
    record(raw.ABORT, 2),
    begin(3),
    third,
    stream(raw.STDIN, 3, "three", 1, { padding: 1 }),
    record(raw.GET_VALUES, 0, raw.pair("FCGI_MPXS_CONNS", "")),
    stream(raw.STDIN, 1, large.subarray(20_000), 30_000, { padding: 8 }),
  ]);
}

describe.each(transports)("over %s", (transport) => {
  test("a conversation may be cut in two at any byte (3.3: header, content and padding are bytes of one stream)", async () => {
    const { peer } = await start(mirror, {}, transport);
    const web = peer();
    await web.greet();
    const bytes = padded(5);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      await web.sendCut(bytes, [cut]);
      expect(mirrored(await web.answer(1, cut))).toEqual({ params: [["SCRIPT_NAME", "/5"]], body: "hello" });
    }
  });

  test("a conversation may come a byte at a time (3.3)", async () => {
    const { peer } = await start(mirror, {}, transport);
    const web = peer();
    await web.greet();
    const bytes = padded(9);
    await web.sendCut(bytes, bytes.keys());
    expect(mirrored(await web.answer())).toEqual({ params: [["SCRIPT_NAME", "/9"]], body: "hello" });
  });

  test("many requests may come in one piece (3.3; 3.5: the web server may use a connection again)", async () => {
    const { peer } = await start(echo, {}, transport);
    const web = peer();
    const ids = Array.from({ length: 90 }, (_, index) => index + 1);
    web.send(...ids.map((id) => raw.whole(id, {}, `<${id}>`)));
    for (const id of ids) expect((await web.answer(id)).body).toBe(`<${id}>`);
  });

  test("padding of 0 to 255 bytes is ignored on every record, empty ones and BEGIN_REQUEST included (3.3)", async () => {
    const { peer } = await start(mirror, {}, transport);
    const web = peer();
    for (let padding = 0; padding <= 255; padding += 1) {
      web.send(padded(padding));
      const got = mirrored(await web.answer(1, padding + 1));
      expect(got).toEqual({ params: [["SCRIPT_NAME", `/${padding}`]], body: "hello" });
    }
    // 255 of each: nothing that stood in the padding was taken for a record.
    expect(web.records.filter(({ type }) => type === raw.GET_VALUES_RESULT)).toHaveLength(256);
    expect(web.records.filter(({ type }) => type === raw.UNKNOWN_TYPE)).toHaveLength(256);
  });
});

test("larger conversations may be cut anywhere, in any number of pieces (3.3)", async () => {
  const { peer } = await start(mirror);
  const bytes = busy();
  const places = fc.array(fc.nat({ max: bytes.length }), { maxLength: 60, size: "max" });
  for (const cuts of fc.sample(places, 60)) {
    const web = peer();
    await web.greet();
    await web.sendCut(
      bytes,
      cuts.sort((a, b) => a - b),
    );
    const [first, third] = [mirrored(await web.answer(1)), mirrored(await web.answer(3))];
    expect([first.body.length, first.params[1]?.[1].length, third.body]).toEqual([70_000, 300, "three"]);
    expect((await web.answer(2)).stdout).toBe("");
    web.socket.destroy();
  }
});

test("a record may have 65,535 bytes of content and 255 of padding (3.3: contentLength has 16 bits, paddingLength 8)", async () => {
  const { peer } = await start(echo);
  const web = peer();
  const content = Buffer.alloc(65_535, "a");
  web.send(begin(), stream(raw.PARAMS, 1, ""), stream(raw.STDIN, 1, content, 65_535, { padding: 255 }));
  expect((await web.answer()).body).toHaveLength(65_535);
});

test("ids up to 65,535 are ids (3.3: requestId has 16 bits)", async () => {
  const { peer } = await start(echo);
  const web = peer();
  for (const id of [255, 256, 32_768, 65_535]) {
    web.send(raw.whole(id, {}, String(id)));
    expect((await web.answer(id)).body).toBe(String(id));
  }
});

test("reserved bytes and unknown flags are ignored (3.3, 5.1: a bit that nobody defined has no meaning)", async () => {
  const { peer } = await start(echo);
  const web = peer();
  const reserved = { reserved: 255 };
  const opening = record(raw.BEGIN, 1, Uint8Array.of(0, 1, 0xff, 1, 2, 3, 4, 5), reserved);
  web.send(opening, record(raw.PARAMS, 1, "", reserved), stream(raw.STDIN, 1, "x", 1, reserved));
  expect((await web.answer()).body).toBe("x");
  await web.values("FCGI_MPXS_CONNS");
});

test("a BEGIN_REQUEST that is longer than its body is read by its first bytes (3.3, 5.1)", async () => {
  const { peer } = await start(echo);
  const web = peer();
  web.send(record(raw.BEGIN, 1, Uint8Array.of(0, 1, 1, 0, 0, 0, 0, 0, 9, 9, 9, 9)));
  web.send(stream(raw.PARAMS, 1, ""), stream(raw.STDIN, 1, "x"));
  expect((await web.answer()).body).toBe("x");
});

test.each([0, 2, 255])(
  "version %d ends the connection, and no other (3.3: this is FCGI_VERSION_1)",
  async (version) => {
    const { peer, problems } = await start(echo);
    const [bad, good] = [peer(), peer()];
    good.send(begin(), stream(raw.PARAMS, 1, ""));
    await good.greet();
    bad.send(begin(1, {}, { version }), stream(raw.PARAMS, 1, ""), stream(raw.STDIN, 1, ""));
    await bad.left();
    expect(bad.records).toEqual([]);
    expect(problems.map(({ code }) => code)).toEqual(["FCGI_PROTOCOL_VIOLATED"]);
    good.send(stream(raw.STDIN, 1, "goes on"));
    expect((await good.answer()).body).toBe("goes on");
  },
);

describe("records that an application does not take", () => {
  test("are ignored if their type is unknown, for an id that is open and for one that is not (3.3, 8)", async () => {
    const { peer } = await start(echo);
    const web = peer();
    const types = Array.from({ length: 244 }, (_, index) => index + 12);
    const strange = (id: number) => Buffer.concat(types.map((type) => record(type, id, "strange", { padding: 2 })));
    web.send(
      strange(1),
      begin(),
      strange(1),
      stream(raw.PARAMS, 1, ""),
      strange(1),
      strange(2),
      stream(raw.STDIN, 1, "x"),
    );
    expect((await web.answer()).body).toBe("x");
    await web.values();
    expect([web.runs(1).length, web.runs(2)[0]?.length, web.runs(0)[0]?.length]).toEqual([2, 0, 1]);
  });

  test.each([
    ["END_REQUEST", raw.END, 1],
    ["STDOUT", raw.STDOUT, 1],
    ["STDERR", raw.STDERR, 1],
    ["GET_VALUES with an id", raw.GET_VALUES, 1],
    ["GET_VALUES_RESULT with an id", raw.GET_VALUES_RESULT, 1],
    ["FCGI_DATA for a responder", raw.DATA, 1],
  ])(
    "are ignored: %s (8: the types that go the other way; 6.2: a responder has no FCGI_DATA)",
    async (_name, type, id) => {
      const { peer } = await start(echo);
      const web = peer();
      const wrong = record(type, id, Buffer.alloc(8, 7));
      web.send(
        wrong,
        begin(),
        wrong,
        stream(raw.PARAMS, 1, ""),
        wrong,
        record(raw.STDIN, 1, "a"),
        wrong,
        stream(raw.STDIN, 1, "b"),
        wrong,
      );
      expect((await web.answer()).body).toBe("ab");
      await web.values();
      expect(web.runs()).toHaveLength(2);
      expect(web.runs(0)[0]).toHaveLength(1);
    },
  );
});

describe("an id", () => {
  test("that is not active has its records ignored, but for BEGIN_REQUEST (3.3: Managing Request IDs)", async () => {
    const { peer } = await start(mirror);
    const web = peer();
    const stray = Buffer.concat([
      record(raw.PARAMS, 1, "\x01\x01AB"),
      record(raw.STDIN, 1, "stray"),
      record(raw.ABORT, 1),
      record(raw.STDIN, 1),
    ]);
    web.send(stray, raw.whole(1, { N: "1" }, "first"));
    await web.answer();
    web.send(stray, raw.whole(1, { N: "2" }, "second"));
    expect(mirrored(await web.answer(1, 2))).toEqual({ params: [["N", "2"]], body: "second" });
    await web.values();
    expect(web.runs()).toHaveLength(3);
  });

  test("that was closed by the application early ignores the rest of its STDIN (3.3)", async () => {
    const { peer } = await start(({ params }) => ({ body: params.get("N") ?? "" }));
    const web = peer();
    web.send(begin(), stream(raw.PARAMS, 1, raw.pairs({ N: "1" })), record(raw.STDIN, 1, Buffer.alloc(65_535)));
    expect((await web.answer()).body).toBe("1");
    web.send(stream(raw.STDIN, 1, Buffer.alloc(300_000)), raw.whole(1, { N: "2" }, "body"));
    expect((await web.answer(1, 2)).body).toBe("2");
  });

  test("that is begun while it is open is a mistake that ends the connection, and nothing else (3.3)", async () => {
    const { peer, problems } = await start(echo);
    const [bad, good] = [peer(), peer()];
    good.send(begin(), stream(raw.PARAMS, 1, ""));
    await good.greet();
    bad.send(begin(), begin());
    await bad.left();
    expect(problems).toHaveLength(1);
    good.send(stream(raw.STDIN, 1, "goes on"));
    expect((await good.answer()).body).toBe("goes on");
  });

  test("0 is never a request: no handler, no END_REQUEST, and the next request is served (3.3: the null request ID)", async () => {
    let served = 0;
    const { peer } = await start(async (request) => {
      served += 1;
      return echo(request);
    });
    const web = peer();
    web.send(
      begin(0),
      stream(raw.PARAMS, 0, raw.pairs({ N: "0" })),
      stream(raw.STDIN, 0, "zero"),
      raw.whole(1, {}, "one"),
    );
    expect((await web.answer()).body).toBe("one");
    expect(served).toBe(1);
    // A record with id 0 is a management record, and these are types of which no management record is known (4.2).
    const answers = web.records.filter((one) => one.id === 0).map(({ type, content }) => [type, content[0]]);
    expect(answers).toEqual([1, 4, 4, 5, 5].map((type) => [raw.UNKNOWN_TYPE, type]));
  });
});
