import { describe, expect, test } from "@jest/globals";
import { maxRecordLength } from "../../../src/fastcgi/wire/constants.ts";
import { RecordDecoder, type WireRecord } from "../../../src/fastcgi/wire/decoder.ts";
import { encodeRecord } from "../../../src/fastcgi/wire/record.ts";
import fc from "../../helpers/chance.ts";

interface Sent {
  readonly type: number;
  readonly id: number;
  readonly content: Uint8Array;
  readonly padding: Uint8Array;
}

/** A record with any padding and any reserved byte, as a peer may send it: our own encoder never would. */
function bytesOf({ type, id, content, padding }: Sent): Buffer {
  const header = [1, type, id >> 8, id & 255, content.length >> 8, content.length & 255, padding.length, 0xee];
  return Buffer.concat([Buffer.from(header), content, padding]);
}

function feed(decoder: RecordDecoder, bytes: Uint8Array, cuts: readonly number[]): WireRecord[] {
  const places = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
  const starts = [0, ...places];
  return starts.flatMap((start, index) => decoder.push(bytes.subarray(start, places[index] ?? bytes.length)));
}

const plain = (record: WireRecord) => ({ ...record, content: Buffer.from(record.content).toString("hex") });
const expectation = ({ type, id, content }: Sent) => plain({ type, id, content });

const byte = fc.integer({ min: 0, max: 255 });
const sent: fc.Arbitrary<Sent> = fc.record({
  type: byte,
  id: fc.integer({ min: 0, max: 65_535 }),
  content: fc.uint8Array({ maxLength: 40 }),
  padding: fc.oneof(fc.constant(new Uint8Array(0)), fc.uint8Array({ maxLength: 255, size: "max" })),
});
const cuts = fc.array(fc.nat(), { maxLength: 20 });

describe("records", () => {
  test("come out unharmed where the caller reads everything into one buffer, and takes them before it reads on", () => {
    fc.assert(
      fc.property(fc.array(sent, { maxLength: 6 }), cuts, fc.boolean(), (records, places, splitsStreams) => {
        const bytes = Buffer.concat(records.map(bytesOf));
        const decoder = new RecordDecoder({ splitsStreams });
        const buffer = Buffer.alloc(bytes.length);
        const ends = [...places.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
        let at = 0;
        const given = ends.flatMap((end) => {
          const length = bytes.copy(buffer, 0, at, end);
          at = end;
          const taken = decoder.push(buffer.subarray(0, length)).map(plain);
          buffer.fill(0xdd);
          return taken;
        });
        const contents = (list: readonly { content: string }[]) => list.map(({ content }) => content).join("");
        expect(contents(given)).toBe(contents(records.map(expectation)));
        if (!splitsStreams) expect(given).toEqual(records.map(expectation));
      }),
    );
  });

  test("of any type, id, content and padding come out as they went in, wherever the stream is cut", () => {
    fc.assert(
      fc.property(fc.array(sent, { maxLength: 6 }), cuts, (records, places) => {
        const decoder = new RecordDecoder();
        const got = feed(decoder, Buffer.concat(records.map(bytesOf)), places);
        expect(got.map(plain)).toEqual(records.map(expectation));
        expect(decoder.isBetweenRecords).toBe(true);
        expect(decoder.bufferedBytes).toBe(0);
      }),
    );
  });

  test("that our encoder made come out as they went in", () => {
    fc.assert(
      fc.property(sent, cuts, (record, places) => {
        const bytes = encodeRecord(record.type, record.id, record.content);
        expect(feed(new RecordDecoder(), bytes, places).map(plain)).toEqual([expectation(record)]);
      }),
    );
  });

  test("come out a byte at a time, each when its last byte of padding is there", () => {
    const decoder = new RecordDecoder();
    const bytes = bytesOf({ type: 5, id: 1, content: Buffer.from("hello"), padding: new Uint8Array(3) });
    const given = Array.from(bytes, (value) => decoder.push(Uint8Array.of(value)).length);
    expect(given.indexOf(1)).toBe(bytes.length - 1);
    expect(given.filter((count) => count > 0)).toHaveLength(1);
  });

  test("of nobody's type are given like any other", () => {
    const bytes = bytesOf({ type: 200, id: 0, content: Buffer.from("?"), padding: new Uint8Array(0) });
    expect(new RecordDecoder().push(bytes).map(plain)).toEqual([{ type: 200, id: 0, content: "3f" }]);
  });

  test("of the greatest length come out, and the decoder never holds more than one", () => {
    const decoder = new RecordDecoder();
    const record = { type: 6, id: 1, content: Buffer.alloc(65_535, "z"), padding: new Uint8Array(255) };
    const bytes = bytesOf(record);
    expect(bytes.length).toBe(maxRecordLength);
    const got: WireRecord[] = [];
    for (let at = 0; at < bytes.length; at += 1000) {
      got.push(...decoder.push(bytes.subarray(at, at + 1000)));
      expect(decoder.bufferedBytes).toBeLessThanOrEqual(maxRecordLength);
    }
    expect(got.map((one) => Buffer.from(one.content).equals(record.content))).toEqual([true]);
  });
});

test("content that came in one chunk is a view of it, content that was cut stays as it was", () => {
  const decoder = new RecordDecoder();
  const bytes = bytesOf({ type: 5, id: 1, content: Buffer.from("abcdefgh"), padding: new Uint8Array(0) });
  expect(decoder.push(bytes)[0]?.content.buffer).toBe(bytes.buffer);
  decoder.push(bytes.subarray(0, 10));
  const [cut] = decoder.push(bytes.subarray(10));
  feed(decoder, bytesOf({ type: 5, id: 1, content: Buffer.from("ABCDEFGH"), padding: new Uint8Array(0) }), [9, 12]);
  expect(Buffer.from(cut?.content ?? []).toString()).toBe("abcdefgh");
});

test("with splitsStreams, STDIN and DATA are given as they come: the same bytes, and empty only at their end", () => {
  for (const type of [5, 8]) {
    const records = ["abcdefgh", "ij", ""].map((text) => encodeRecord(type, 1, Buffer.from(text)));
    const decoder = new RecordDecoder({ splitsStreams: true });
    const got = Array.from(Buffer.concat(records), (byte) => decoder.push(Uint8Array.of(byte))).flat();
    expect(got.map(({ content }) => Buffer.from(content).toString())).toEqual([..."abcdefghij", ""]);
    expect(decoder.isBetweenRecords).toBe(true);
  }
  expect(
    feed(new RecordDecoder({ splitsStreams: true }), encodeRecord(4, 1, Buffer.from("abc")), [9, 10]),
  ).toHaveLength(1);
});

test("the stream may end between two records and nowhere else", () => {
  const decoder = new RecordDecoder();
  const bytes = bytesOf({ type: 5, id: 1, content: Buffer.from("abc"), padding: new Uint8Array(5) });
  const between = Array.from(bytes, (value) => {
    decoder.push(Uint8Array.of(value));
    return decoder.isBetweenRecords;
  });
  expect(between.lastIndexOf(false)).toBe(bytes.length - 2);
  expect(between.at(-1)).toBe(true);
});

describe("a version other than 1", () => {
  test("is final, and told at its first byte", () => {
    const decoder = new RecordDecoder();
    expect(decoder.push(Uint8Array.of(2))).toEqual([]);
    expect(decoder.failure).toMatchObject({ reason: "version", version: 2 });
    expect(decoder.push(encodeRecord(5, 1))).toEqual([]);
  });

  test("does not take away the records before it", () => {
    const decoder = new RecordDecoder();
    const records = decoder.push(Buffer.concat([encodeRecord(5, 1), Buffer.from("GET / HTTP/1.1\r\n")]));
    expect(records).toHaveLength(1);
    expect(decoder.failure?.message).toBe("Cannot read the record: version 71 is not FastCGI 1");
  });
});

test("no input makes the decoder throw, hold more than a record, or depend on where it is cut", () => {
  const anything = fc.uint8Array({ maxLength: 400, size: "max" });
  const almost = fc.tuple(fc.array(sent, { maxLength: 3 }), anything).map(([records, rest]) => {
    return new Uint8Array(Buffer.concat([...records.map(bytesOf), Uint8Array.of(1), rest]));
  });
  fc.assert(
    fc.property(fc.oneof(anything, almost), cuts, (bytes, places) => {
      const whole = new RecordDecoder();
      const pieces = new RecordDecoder();
      const expected = whole.push(bytes).map(plain);
      expect(feed(pieces, bytes, places).map(plain)).toEqual(expected);
      expect(pieces.failure).toEqual(whole.failure);
      expect(pieces.bufferedBytes).toBeLessThanOrEqual(maxRecordLength);
    }),
    { numRuns: 500 },
  );
});
