/** FastCGI 1.0, sections 3.4 and 5.2: name-value pairs and the stream that carries them. */
import { describe, expect, jest, test } from "@jest/globals";
import { heldMemory } from "../control/room.ts";
import fc from "../helpers/chance.ts";
import { until } from "../helpers/wait.ts";
import { echo, mirror, mirrored, type Request, useServers } from "./conformance.ts";
import * as raw from "./raw-peer.ts";
import { begin, length, pair, record, stream } from "./raw-peer.ts";

jest.setTimeout(60_000);
const { start } = useServers();

/** A request whose PARAMS are these bytes, in records of this size. */
const asking = (params: Uint8Array, size = 65_535, id = 1): Buffer =>
  Buffer.concat([begin(id), stream(raw.PARAMS, id, params, size), stream(raw.STDIN, id, "")]);

test("PARAMS is one stream: its value does not depend on how it is cut into records (3.3, 5.2)", async () => {
  const { peer } = await start(mirror);
  const web = peer();
  // Long and short lengths, an empty value, an empty name: each byte of each is a place to cut.
  const params = Buffer.concat([
    pair("SHORT", "1"),
    pair("L", "x".repeat(200)),
    pair("", "v"),
    pair("E", "", { value: true }),
  ]);
  const expected = {
    params: [
      ["SHORT", "1"],
      ["L", "x".repeat(200)],
      ["", "v"],
      ["E", ""],
    ],
    body: "",
  };
  let asked = 0;
  for (let cut = 1; cut < params.length; cut += 1) {
    const records = [record(raw.PARAMS, 1, params.subarray(0, cut)), record(raw.PARAMS, 1, params.subarray(cut))];
    web.send(begin(), ...records, record(raw.PARAMS, 1), record(raw.STDIN, 1));
    asked += 1;
    expect(mirrored(await web.answer(1, asked))).toEqual(expected);
  }
  for (let size = 1; size <= 20; size += 1) {
    web.send(asking(params, size));
    asked += 1;
    expect(mirrored(await web.answer(1, asked))).toEqual(expected);
  }
});

test.each([0, 1, 126, 127, 128, 129, 255, 256, 65_535, 65_536, 100_000])(
  "a value of %d bytes arrives whole, and so does a name (3.4: 127 and less in one byte, longer always in four)",
  async (size) => {
    const { peer } = await start(mirror);
    const web = peer();
    const text = "n".repeat(size);
    web.send(asking(Buffer.concat([pair("A", text), pair(text, "B")])));
    expect(mirrored(await web.answer()).params).toEqual([
      ["A", text],
      [text, "B"],
    ]);
  },
);

test("a length of 127 and less may take four bytes all the same (3.4: it 'can be encoded in one byte')", async () => {
  const { peer } = await start(mirror);
  const web = peer();
  const long = { name: true, value: true };
  web.send(
    asking(
      Buffer.concat([
        pair("A", "1", long),
        pair("B", "2", { name: true }),
        pair("C", "3", { value: true }),
        pair("", "", long),
      ]),
    ),
  );
  expect(mirrored(await web.answer()).params).toEqual([
    ["A", "1"],
    ["B", "2"],
    ["C", "3"],
    ["", ""],
  ]);
});

test("no parameters at all are a request (3.3: a stream is zero or more records and an empty one)", async () => {
  const { peer } = await start(mirror);
  const web = peer();
  web.send(asking(Buffer.alloc(0)));
  expect(mirrored(await web.answer())).toEqual({ params: [], body: "" });
});

test("names and values are bytes, in order, with doubles (3.4: binary values without additional encoding)", async () => {
  const { peer } = await start(mirror);
  const web = peer();
  const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  web.send(asking(Buffer.concat([pair(all, all), pair("A", "1"), pair("A", "2"), pair("A", "1")])));
  const text = all.toString("latin1");
  expect(mirrored(await web.answer()).params).toEqual([
    [text, text],
    ["A", "1"],
    ["A", "2"],
    ["A", "1"],
  ]);
});

test.each(["__proto__", "constructor", "toString", "hasOwnProperty", "__defineGetter__", "prototype"])(
  "%s is a name like any other (5.2: names are the web server's, and a browser chooses some of them)",
  async (name) => {
    const seen: Request[] = [];
    const { peer } = await start((request) => {
      seen.push(request);
      return {};
    });
    const web = peer();
    web.send(asking(Buffer.concat([pair(name, "x"), pair(`HTTP_${name}`, "y")])), asking(Buffer.alloc(0), 1, 2));
    await Promise.all([web.answer(1), web.answer(2)]);
    expect(seen.map(({ params }) => [...params])).toEqual([
      [
        [name, "x"],
        [`HTTP_${name}`, "y"],
      ],
      [],
    ]);
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain("x");
  },
);

test("any pairs, in any form of their lengths, in records of any size, are what the application sees (3.4, 5.2)", async () => {
  const { peer } = await start(mirror);
  const web = peer();
  const bytes = fc.uint8Array({ maxLength: 300, size: "max" });
  const one = fc.tuple(bytes, bytes, fc.boolean(), fc.boolean());
  const example = fc.tuple(fc.array(one, { maxLength: 12 }), fc.integer({ min: 1, max: 500 }), fc.nat({ max: 255 }));
  let asked = 0;
  for (const [all, size, padding] of fc.sample(example, 150)) {
    const params = Buffer.concat(
      all.map(([name, value, isLongName, isLongValue]) =>
        pair(name, value, { name: isLongName || name.length > 127, value: isLongValue || value.length > 127 }),
      ),
    );
    web.send(begin(), stream(raw.PARAMS, 1, params, size, { padding }), record(raw.STDIN, 1));
    asked += 1;
    const expected = all.map(([name, value]) => [name, value].map((part) => Buffer.from(part).toString("latin1")));
    expect(mirrored(await web.answer(1, asked)).params).toEqual(expected);
  }
});

describe("parameters that are refused", () => {
  const seen: string[] = [];
  const handler = async (request: Request) => {
    seen.push(request.params.get("N") ?? "");
    return echo(request);
  };
  const huge = Buffer.from([0xff, 0xff, 0xff, 0xff]);

  test.each<[string, Buffer]>([
    ["a name length is cut", Buffer.from([0x80, 0, 0])],
    ["there is no value length", Buffer.from([1])],
    ["a value length is cut", Buffer.from([1, 0x80, 0, 0])],
    ["a name is cut", Buffer.from([3, 0, 65, 66])],
    ["a value is missing", Buffer.from([1, 1, 65])],
    ["a good pair is followed by half of one", Buffer.concat([pair("N", "half"), Buffer.from([1, 9, 65, 66])])],
  ])("because %s end the connection: nothing is served with a part of them (3.4, 5.2)", async (_name, params) => {
    seen.length = 0;
    const { peer, problems } = await start(handler);
    const [bad, good] = [peer(), peer()];
    await good.greet();
    bad.send(asking(params));
    await bad.left();
    expect(bad.records).toEqual([]);
    expect(problems.map(({ code }) => code)).toEqual(["FCGI_PROTOCOL_VIOLATED"]);
    good.send(raw.whole(1, { N: "good" }, "goes on"));
    expect((await good.answer()).body).toBe("goes on");
    expect(seen).toEqual(["good"]);
  });

  test.each<[string, Buffer]>([
    ["both lengths are 2,147,483,647: their sum wraps in 32 bits", Buffer.concat([huge, huge, Buffer.from("NV")])],
    ["the name's length is 2,147,483,647", Buffer.concat([huge, length(1), Buffer.from("NV")])],
    ["the value's length is 2,147,483,647", Buffer.concat([length(1), huge, Buffer.from("NV")])],
    ["the value's length is 1 GiB", Buffer.concat([pair("A", "1"), length(1), length(1 << 30), Buffer.from("NV")])],
  ])("because %s: no memory is set aside for it, and no handler is called (3.4)", async (_name, params) => {
    seen.length = 0;
    const { peer } = await start(handler);
    const [bad, good] = [peer(), peer()];
    const before = process.memoryUsage().arrayBuffers;
    bad.send(begin(), record(raw.PARAMS, 1, params));
    await Promise.race([bad.left(), bad.answer()]).catch(() => {});
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16_000_000);
    expect(bad.isLeft || (await bad.answer()).protocolStatus === 2).toBe(true);
    good.send(raw.whole(1, { N: "good" }, "goes on"));
    expect((await good.answer()).body).toBe("goes on");
    expect(seen).toEqual(["good"]);
  });

  test("because they are over the limit get FCGI_OVERLOADED, and the connection is in step (5.5: out of some resource)", async () => {
    seen.length = 0;
    const { peer } = await start(handler, { maxParamsBytes: 1000 });
    const web = peer();
    // Exactly the limit is within it: two bytes of N, and 998 of A with its lengths.
    const fits = Buffer.concat([pair("N", "fits"), pair("A", "x".repeat(1000 - 7 - 6))]);
    expect(fits).toHaveLength(1000);
    web.send(asking(fits), asking(Buffer.concat([fits, pair("B", "")]), 100, 2), raw.whole(3, { N: "next" }, "next"));
    expect((await web.answer(2)).protocolStatus).toBe(2);
    expect((await web.answer(3)).body).toBe("next");
    expect((await web.answer(1)).protocolStatus).toBe(0);
    expect(seen).toEqual(["fits", "next"]);
  });

  test("because a stream without end is over the limit cost no more than the limit (5.5)", async () => {
    const { peer } = await start(handler);
    const web = peer();
    const before = heldMemory();
    const many = Buffer.concat(Array.from({ length: 100 }, () => pair("A", "x".repeat(1000))));
    web.send(begin(), ...Array.from({ length: 300 }, () => stream(raw.PARAMS, 1, many).subarray(0, -8)));
    expect((await web.answer()).protocolStatus).toBe(2);
    await until(() => heldMemory() - before < 16_000_000, { what: "what was over the limit to be forgotten" });
    web.send(record(raw.PARAMS, 1), raw.whole(2, {}, "next"));
    expect((await web.answer(2)).body).toBe("next");
  });
});
