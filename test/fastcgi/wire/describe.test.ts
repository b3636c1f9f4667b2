import { expect, test } from "@jest/globals";
import { RecordDecoder } from "../../../src/fastcgi/wire/decoder.ts";
import { describePair, describeRecord } from "../../../src/fastcgi/wire/describe.ts";
import {
  abortRequest,
  beginRequest,
  encodeRecord,
  endOfStream,
  endRequest,
  getValues,
  getValuesResult,
  unknownType,
} from "../../../src/fastcgi/wire/record.ts";

test.each([
  ["BEGIN_REQUEST id=1 role=responder", beginRequest(1, { role: 1, keepConnection: false })],
  ["BEGIN_REQUEST id=7 role=filter keep_conn", beginRequest(7, { role: 3, keepConnection: true })],
  ["BEGIN_REQUEST id=1 role=99", beginRequest(1, { role: 99, keepConnection: false })],
  ["ABORT_REQUEST 0 bytes", abortRequest(1)],
  ["PARAMS 3 bytes", encodeRecord(4, 1, Buffer.from("abc"))],
  ["STDIN 1 byte", encodeRecord(5, 1, Buffer.from("a"))],
  ["STDOUT end", endOfStream(6, 1)],
  ["STDERR id=2 1 byte", encodeRecord(7, 2, Buffer.from("a"))],
  ["DATA end", endOfStream(8, 1)],
  ["END_REQUEST app_status=4000000000 OVERLOADED", endRequest(1, { appStatus: 4_000_000_000, protocolStatus: 2 })],
  ["END_REQUEST app_status=0 9", endRequest(1, { appStatus: 0, protocolStatus: 9 })],
  ["END_REQUEST 3 bytes", encodeRecord(3, 1, Buffer.from("abc"))],
  ["GET_VALUES id=0 FCGI_MAX_CONNS=", getValues(["FCGI_MAX_CONNS"])],
  ["GET_VALUES_RESULT id=0 FCGI_MPXS_CONNS=1", getValuesResult([["FCGI_MPXS_CONNS", "1"]])],
  ["GET_VALUES id=0 1 byte", encodeRecord(9, 0, Uint8Array.of(9))],
  ["UNKNOWN_TYPE id=0 type=77", unknownType(77)],
  ["type 77 2 bytes", encodeRecord(77, 1, Uint8Array.of(1, 2))],
])("a record is told as: %s", (line, bytes) => {
  expect(new RecordDecoder().push(bytes).map(describeRecord)).toEqual([line]);
});

test("a pair is told as text where its bytes are UTF-8, and byte by byte where they are not", () => {
  expect(describePair(["PATH_INFO", "/gr\u00fcn"])).toBe("PATH_INFO=/gr\u00fcn");
  expect(describePair([Buffer.from("A"), Buffer.from([0xfc])])).toBe("A=\u00fc");
});
