import { describe, expect, test } from "@jest/globals";
import {
  decodePairs,
  encodePairs,
  type Pair,
  ParamsDecoder,
  type ParamsResult,
} from "../../../src/fastcgi/wire/params.ts";
import { fromBinaryString, readText, toBinaryString } from "../../../src/fastcgi/wire/text.ts";
import fc from "../../helpers/chance.ts";

const bytes = (hex: string) => Buffer.from(hex, "hex");
const pairsOf = (result: ParamsResult) => (result.ok ? result.pairs : result.failure.reason);

/** Cuts at the given places (any numbers), and feeds the pieces. */
function feed(decoder: ParamsDecoder, content: Uint8Array, cuts: readonly number[]): ParamsResult {
  const places = cuts.map((cut) => cut % (content.length + 1)).sort((a, b) => a - b);
  let start = 0;
  for (const place of [...places, content.length]) {
    decoder.push(content.subarray(start, place));
    start = place;
  }
  return decoder.end();
}

const cuts = fc.array(fc.nat(), { maxLength: 12 });
const field = fc.oneof(fc.uint8Array({ maxLength: 12 }), fc.uint8Array({ minLength: 120, maxLength: 140 }));

describe("a pair", () => {
  test.each<[string, string, readonly Pair[]]>([
    ["is nothing in nothing", "", []],
    ["may be empty on both sides", "0000", [["", ""]]],
    ["has lengths, then name, then value", "0302464f4f4241", [["FOO", "BA"]]],
    ["may have four-byte lengths for short strings", "80000003800000024f4f4f4241", [["OOO", "BA"]]],
    [
      "may mix the forms",
      "038000000241424358590101515a",
      [
        ["ABC", "XY"],
        ["Q", "Z"],
      ],
    ],
    [
      "may come twice, in order",
      "01014131010141320101423300".slice(0, 24),
      [
        ["A", "1"],
        ["A", "2"],
        ["B", "3"],
      ],
    ],
  ])("%s", (_name, hex, pairs) => {
    expect(decodePairs(bytes(hex))).toEqual({ ok: true, pairs });
  });

  test("of 127 bytes has a length of one byte, of 128 bytes a length of four", () => {
    expect(encodePairs([["A", "x".repeat(127)]]).subarray(0, 2)).toEqual(Uint8Array.of(1, 127));
    expect(encodePairs([["A", "x".repeat(128)]]).subarray(0, 5)).toEqual(Uint8Array.of(1, 0x80, 0, 0, 128));
  });

  test("with a hostile name is a pair like any other", () => {
    const names = ["__proto__", "constructor", "toString", "\u0000", "A=B\n"];
    const result = decodePairs(encodePairs(names.map((name) => [name, "x"])));
    expect(pairsOf(result)).toEqual(names.map((name) => [name, "x"]));
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });
});

describe("what is encoded is decoded", () => {
  test("to the same bytes, wherever the stream is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(field, field), { maxLength: 8 }), cuts, (pairs, places) => {
        const result = feed(new ParamsDecoder(), encodePairs(pairs), places);
        const expected = pairs.map(([name, value]) => [toBinaryString(name), toBinaryString(value)]);
        expect(pairsOf(result)).toEqual(expected);
      }),
    );
  });

  test("a byte at a time", () => {
    const content = encodePairs([
      ["LONG", "x".repeat(300)],
      ["SHORT", "y"],
    ]);
    const everywhere = Array.from(content, (_byte, index) => index);
    expect(feed(new ParamsDecoder(), content, everywhere)).toEqual(decodePairs(content));
  });

  test("even if the caller uses its chunk again", () => {
    const decoder = new ParamsDecoder();
    const chunk = Buffer.from("0105", "hex");
    decoder.push(chunk);
    chunk.fill(0xff);
    decoder.push(Buffer.from("Ahello"));
    expect(pairsOf(decoder.end())).toEqual([["A", "hello"]]);
  });
});

describe("a stream is refused, never read in part,", () => {
  test.each([
    ["when it ends in a length", "01"],
    ["when it ends in a long length", "800000"],
    ["when it ends in a name", "0301464f"],
    ["when it ends in a value", "0105464f4f"],
    ["when the last of several is cut", "010141310101"],
  ])("%s", (_name, hex) => {
    const result = decodePairs(bytes(hex));
    expect(result).toMatchObject({ ok: false, failure: { reason: "cut" } });
    expect(result).not.toHaveProperty("pairs");
  });

  test.each([
    ["of a name", "ffffffff00"],
    ["of a value", "00ffffffff"],
    ["of both, whose sum would wrap in 32 bits", "ffffffffffffffff"],
    ["of a name alone, before its value's length is there", "ffffffff"],
  ])("when a length %s is over the limit, and nothing is allocated for it", (_name, hex) => {
    const decoder = new ParamsDecoder();
    expect(decoder.push(bytes(hex))).toMatchObject({ reason: "too-large" });
    expect(decoder.bufferedBytes).toBe(0);
    expect(decoder.end()).toMatchObject({ ok: false, failure: { reason: "too-large" } });
  });

  test("when it is longer than the limit, not when it is as long", () => {
    const content = encodePairs([["A", "x".repeat(96)]]);
    const limits = (maxBytes: number) => ({ maxBytes, maxPairs: 10 });
    expect(content.length).toBe(99);
    expect(decodePairs(content, limits(99)).ok).toBe(true);
    expect(decodePairs(content, limits(98))).toMatchObject({ ok: false, failure: { reason: "too-large" } });
  });

  test("when it has more pairs than the limit", () => {
    const limits = { maxBytes: 1000, maxPairs: 3 };
    expect(decodePairs(new Uint8Array(6), limits).ok).toBe(true);
    expect(decodePairs(new Uint8Array(8), limits)).toMatchObject({ ok: false, failure: { reason: "too-many" } });
  });

  test("and stays refused whatever comes after", () => {
    const decoder = new ParamsDecoder({ maxBytes: 8, maxPairs: 8 });
    decoder.push(new Uint8Array(9));
    expect(decoder.push(new Uint8Array(2))).toMatchObject({ reason: "too-large" });
    expect(decoder.end()).toMatchObject({ ok: false });
  });
});

test("no input makes the decoder throw, keep more than its limit, or depend on where it is cut", () => {
  const limits = { maxBytes: 200, maxPairs: 20 };
  const input = fc.oneof(
    fc.uint8Array({ maxLength: 260 }),
    fc.array(fc.constantFrom(0, 1, 3, 0x80, 0xff)).map((a) => Uint8Array.from(a)),
  );
  fc.assert(
    fc.property(input, cuts, (content, places) => {
      const decoder = new ParamsDecoder(limits);
      const result = feed(decoder, content, places);
      expect(decoder.bufferedBytes).toBeLessThanOrEqual(limits.maxBytes);
      expect(result.ok).toBe(decodePairs(content, limits).ok);
      if (result.ok) expect(result).toEqual(decodePairs(content, limits));
    }),
    { numRuns: 500 },
  );
});

test("a pair of a megabyte that comes a few bytes at a time is not copied again and again", () => {
  const content = encodePairs([["A", new Uint8Array(1_048_000)]]);
  const decoder = new ParamsDecoder();
  let grown = 0;
  let before = 0;
  for (let at = 0; at < content.length; at += 7) {
    decoder.push(content.subarray(at, at + 7));
    if (decoder.bufferedBytes !== before) grown += 1;
    before = decoder.bufferedBytes;
  }
  expect(decoder.end().ok).toBe(true);
  expect(grown).toBeLessThan(25);
});

describe("a binary string", () => {
  test("keeps every byte", () => {
    const all = Uint8Array.from({ length: 256 }, (_value, index) => index);
    expect(Buffer.from(fromBinaryString(toBinaryString(all)))).toEqual(Buffer.from(all));
  });

  test("reads as text if it is UTF-8, and as itself if it is not", () => {
    expect(readText("plain")).toBe("plain");
    expect(readText("gr\u00c3\u00bc\u00c3\u009fe")).toBe("gr\u00fc\u00dfe");
    expect(readText("gr\u00fc")).toBe("gr\u00fc");
    expect(readText("\u00c3")).toBe("\u00c3");
    expect(readText("\u00c3\u00bc")).toBe("\u00fc");
    expect(readText("\u00ef\u00bb\u00bfx")).toBe("\ufeffx");
  });

  test("of any text's UTF-8 reads as that text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(readText(toBinaryString(new TextEncoder().encode(text)))).toBe(text);
      }),
    );
  });
});
