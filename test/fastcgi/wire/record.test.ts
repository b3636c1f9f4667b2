import { expect, test } from "@jest/globals";
import { maxContentLength, recordType } from "../../../src/fastcgi/wire/constants.ts";
import { RecordDecoder } from "../../../src/fastcgi/wire/decoder.ts";
import {
  abortRequest,
  beginRequest,
  encodeRecord,
  encodeStream,
  endOfStream,
  endRequest,
  getValues,
  getValuesResult,
  params,
  readBeginRequest,
  readEndRequest,
  readUnknownType,
  stderr,
  stdin,
  stdout,
  unknownType,
} from "../../../src/fastcgi/wire/record.ts";
import fc from "../../helpers/chance.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const hexOf = (records: Iterable<Uint8Array>) => Array.from(records, hex);
const latin1 = (text: string) => Buffer.from(text, "latin1");

test.each([
  [
    "BEGIN_REQUEST with KEEP_CONN",
    beginRequest(1, { role: 1, keepConnection: true }),
    "01010001000800000001010000000000",
  ],
  [
    "BEGIN_REQUEST without",
    beginRequest(0x1234, { role: 0x203, keepConnection: false }),
    "01011234000800000203000000000000",
  ],
  ["ABORT_REQUEST", abortRequest(7), "0102000700000000"],
  ["END_REQUEST", endRequest(1, { appStatus: 0xfffefdfc, protocolStatus: 3 }), "0103000100080000fffefdfc03000000"],
  ["UNKNOWN_TYPE", unknownType(42), "010b0000000800002a00000000000000"],
  ["GET_VALUES", getValues(["A", "BC"]), `010900000007010001004102004243${"00"}`],
  ["GET_VALUES_RESULT", getValuesResult([["A", "1"]]), "010a000000040400010141310000".concat("0000")],
  ["the end of a stream", endOfStream(recordType.stdout, 1), "0106000100000000"],
  ["content of a multiple of 8", encodeRecord(5, 1, latin1("12345678")), "01050001000800003132333435363738"],
])("%s is these bytes", (_name, record, bytes) => {
  expect(hex(record)).toBe(bytes);
});

test("padding fills a record to a multiple of 8 with zeroes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (content) => {
      const record = encodeRecord(recordType.stdout, 1, content);
      const padding = record.subarray(8 + content.length);
      expect(record.length % 8).toBe(0);
      expect(record[6]).toBe(padding.length);
      expect(padding.length).toBeLessThan(8);
      expect(padding.every((byte) => byte === 0)).toBe(true);
    }),
  );
});

test("PARAMS ends with its empty record, even when there are none", () => {
  expect(hexOf(params(1, [["A", "B"]]))).toEqual(["01040001000404000101414200000000", "0104000100000000"]);
  expect(hexOf(params(1, []))).toEqual(["0104000100000000"]);
});

test("a stream of nothing has no record, for an empty one would end it", () => {
  expect([...stdin(1, latin1("")), ...stdout(1, latin1("")), ...stderr(1, latin1(""))]).toEqual([]);
});

test("each stream has its type", () => {
  const types = [stdin(1, latin1("x")), stdout(1, latin1("x")), stderr(1, latin1("x"))].map(
    (stream) => [...stream][0]?.[1],
  );
  expect(types).toEqual([5, 6, 7]);
});

test("a stream is cut at 65,528 bytes and put together again is the same", () => {
  const content = Buffer.alloc(65_528 * 2 + 1, "abcdefg");
  const records = [...encodeStream(recordType.stdout, 3, content)];
  expect(records.map((record) => record.length)).toEqual([65_536, 65_536, 16]);
  const decoded = new RecordDecoder().push(Buffer.concat(records));
  expect(Buffer.concat(decoded.map((record) => record.content)).equals(content)).toBe(true);
});

test("a record takes 65,535 bytes, not one more", () => {
  expect(encodeRecord(6, 1, new Uint8Array(maxContentLength)).length).toBe(65_544);
  expect(() => encodeRecord(6, 1, new Uint8Array(maxContentLength + 1))).toThrow(RangeError);
});

test.each([-1, 65_536, 1.5, Number.NaN])("the id %d is refused", (id) => {
  expect(() => encodeRecord(6, id)).toThrow(RangeError);
});

test("what encodes is what is read: fixed contents", () => {
  const u16 = fc.integer({ min: 0, max: 0xffff });
  const u32 = fc.integer({ min: 0, max: 0xffffffff });
  const contentOf = (record: Uint8Array) => record.subarray(8);
  fc.assert(
    fc.property(u16, fc.boolean(), u32, fc.integer({ min: 0, max: 255 }), (role, keepConnection, appStatus, byte) => {
      const end = { appStatus, protocolStatus: byte };
      expect(readBeginRequest(contentOf(beginRequest(1, { role, keepConnection })))).toEqual({ role, keepConnection });
      expect(readEndRequest(contentOf(endRequest(1, end)))).toEqual(end);
      expect(readUnknownType(contentOf(unknownType(byte)))).toBe(byte);
    }),
  );
});

test("a fixed content that is too short is undefined, one that is longer is read", () => {
  for (const read of [readBeginRequest, readEndRequest, readUnknownType]) {
    for (let length = 0; length < 8; length += 1) expect(read(new Uint8Array(length))).toBeUndefined();
    expect(read(new Uint8Array(9))).toBeDefined();
  }
});

test("unknown flags of BEGIN_REQUEST are ignored", () => {
  expect(readBeginRequest(Uint8Array.of(0, 1, 0xfe, 0, 0, 0, 0, 0))).toEqual({ role: 1, keepConnection: false });
  expect(readBeginRequest(Uint8Array.of(0, 1, 0xff, 0, 0, 0, 0, 0))).toEqual({ role: 1, keepConnection: true });
});
