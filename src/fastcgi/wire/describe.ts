/** Records and pairs as text, for people who look at a conversation. */
import { nameProtocolStatus, recordType, role } from "./constants.ts";
import type { WireRecord } from "./decoder.ts";
import { decodePairs, type PairInput } from "./params.ts";
import { readBeginRequest, readEndRequest, readUnknownType } from "./record.ts";
import { readText, toBinaryString, toBytes } from "./text.ts";

const names: ReadonlyMap<number, string> = new Map([
  [recordType.beginRequest, "BEGIN_REQUEST"],
  [recordType.abortRequest, "ABORT_REQUEST"],
  [recordType.endRequest, "END_REQUEST"],
  [recordType.params, "PARAMS"],
  [recordType.stdin, "STDIN"],
  [recordType.stdout, "STDOUT"],
  [recordType.stderr, "STDERR"],
  [recordType.data, "DATA"],
  [recordType.getValues, "GET_VALUES"],
  [recordType.getValuesResult, "GET_VALUES_RESULT"],
  [recordType.unknownType, "UNKNOWN_TYPE"],
]);

const streams: readonly number[] = [
  recordType.params,
  recordType.stdin,
  recordType.stdout,
  recordType.stderr,
  recordType.data,
];

/** The number of the only request on a connection: it is not worth a word. */
const usualId = 1;

/** One line: `STDOUT 120 bytes`, `END_REQUEST app_status=0 REQUEST_COMPLETE`. What is cut or unknown is told by its length. */
export function describeRecord(record: WireRecord): string {
  const { type, id, content } = record;
  const isSaid = id !== usualId || type === recordType.beginRequest;
  const name = names.get(type) ?? `type ${type}`;
  return `${name}${isSaid ? ` id=${id}` : ""} ${describeContent(type, content)}`;
}

function describeContent(type: number, content: Uint8Array): string {
  if (streams.includes(type)) return content.length === 0 ? "end" : countBytes(content);
  const said = type === recordType.beginRequest ? describeBegin(content) : describeFixed(type, content);
  return said ?? countBytes(content);
}

function describeBegin(content: Uint8Array): string | undefined {
  const begin = readBeginRequest(content);
  if (begin === undefined) return undefined;
  return `role=${nameRole(begin.role)}${begin.keepConnection ? " keep_conn" : ""}`;
}

function describeFixed(type: number, content: Uint8Array): string | undefined {
  if (type === recordType.endRequest) return describeEnd(content);
  if (type === recordType.getValues || type === recordType.getValuesResult) return describeValues(content);
  const unknown = type === recordType.unknownType ? readUnknownType(content) : undefined;
  return unknown === undefined ? undefined : `type=${unknown}`;
}

function describeEnd(content: Uint8Array): string | undefined {
  const end = readEndRequest(content);
  return end && `app_status=${end.appStatus} ${nameProtocolStatus(end.protocolStatus)}`;
}

function describeValues(content: Uint8Array): string | undefined {
  const result = decodePairs(content);
  return result.ok ? result.pairs.map(([name, value]) => `${name}=${value}`).join(" ") : undefined;
}

/** A role's name; one that has none is written as a number. */
function nameRole(number: number): string {
  return Object.entries(role).find(([, known]) => known === number)?.[0] ?? String(number);
}

/** `NAME=value`, as text where the bytes are UTF-8. */
export function describePair([name, value]: PairInput): string {
  return `${asText(name)}=${asText(value)}`;
}

/** What people read of a name or a value. */
export function asText(value: string | Uint8Array): string {
  return readText(toBinaryString(toBytes(value)));
}

function countBytes({ length }: Uint8Array): string {
  return `${length} ${length === 1 ? "byte" : "bytes"}`;
}
