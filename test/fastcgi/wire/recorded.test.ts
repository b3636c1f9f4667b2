import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { RecordDecoder, type WireRecord } from "../../../src/fastcgi/wire/decoder.ts";
import { ParamsDecoder } from "../../../src/fastcgi/wire/params.ts";
import { readBeginRequest, readEndRequest } from "../../../src/fastcgi/wire/record.ts";

/** What real programs sent, cut into pieces of this length. */
function replay(name: string, pieceLength: number): WireRecord[] {
  const file = new URL(`../../../fixtures/records/${name}.json`, import.meta.url);
  const { hex } = JSON.parse(readFileSync(file, "utf8")) as { hex: string[] };
  const bytes = Buffer.from(hex.join(""), "hex");
  const decoder = new RecordDecoder();
  const records: WireRecord[] = [];
  for (let at = 0; at < bytes.length; at += pieceLength)
    records.push(...decoder.push(bytes.subarray(at, at + pieceLength)));
  expect(decoder.isBetweenRecords).toBe(true);
  return records;
}

function paramsOf(records: WireRecord[]): Map<string, string> {
  const decoder = new ParamsDecoder();
  for (const { type, content } of records) if (type === 4) decoder.push(content);
  const result = decoder.end();
  return new Map(result.ok ? result.pairs : []);
}

const stream = (records: WireRecord[], type: number) =>
  Buffer.concat(records.filter((record) => record.type === type).map((record) => record.content)).toString();

describe.each([1, 7, 65_536])("recorded conversations, %d bytes at a time:", (pieceLength) => {
  test("nginx asks with KEEP_CONN and no body", () => {
    const records = replay("nginx-get", pieceLength);
    expect(records.map(({ type }) => type)).toEqual([1, 4, 4, 5]);
    expect(readBeginRequest(records[0]?.content ?? new Uint8Array(0))).toEqual({ role: 1, keepConnection: true });
    const params = paramsOf(records);
    expect(params.get("REQUEST_URI")).toBe("/hello?x=1");
    expect(params.get("CONTENT_LENGTH")).toBe("");
  });

  test("nginx asks without KEEP_CONN and with a body", () => {
    const records = replay("nginx-post", pieceLength);
    expect(readBeginRequest(records[0]?.content ?? new Uint8Array(0))).toEqual({ role: 1, keepConnection: false });
    expect(paramsOf(records).get("CONTENT_LENGTH")).toBe("10");
    expect(stream(records, 5)).toBe("name=value");
  });

  test("nginx sends a value that needs a length of four bytes", () => {
    expect(paramsOf(replay("nginx-long-cookie", pieceLength)).get("HTTP_COOKIE")).toBe("c".repeat(3000));
  });

  test("php-cgi answers without an empty STDOUT record", () => {
    const records = replay("php-cgi-answer", pieceLength);
    expect(records.map(({ type }) => type)).toEqual([6, 3]);
    expect(stream(records, 6)).toMatch(/\r\n\r\nhello$/);
    expect(readEndRequest(records[1]?.content ?? new Uint8Array(0))).toEqual({ appStatus: 0, protocolStatus: 0 });
  });
});
