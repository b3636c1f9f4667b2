/** Records: from their parts to bytes, and the three fixed contents back again. Nothing here knows what a socket is. */
import {
  alignment,
  fixedBodyLength,
  headerLength,
  keepConnectionFlag,
  maxAlignedContentLength,
  maxContentLength,
  maxRequestId,
  protocolVersion,
  recordType,
} from "./constants.ts";
import { encodePairs, type PairInput } from "./params.ts";

const nothing = new Uint8Array(0);

/**
 * One record as bytes: header, content, and zeroed padding to a multiple of 8 (FastCGI 1.0, 3.3).
 *
 * Throws a RangeError for content over 65,535 bytes and for an id that is no 16-bit number: these are the caller's mistakes.
 */
export function encodeRecord(type: number, id: number, content: Uint8Array = nothing): Uint8Array {
  if (content.length > maxContentLength) {
    throw new RangeError(`Cannot encode a record of ${content.length} bytes: the limit is ${maxContentLength}`);
  }
  if (!Number.isInteger(id) || id < 0 || id > maxRequestId) throw new RangeError(`Cannot encode request id ${id}`);
  const padding = (alignment - (content.length % alignment)) % alignment;
  const record = new Uint8Array(headerLength + content.length + padding);
  writeHeader(record, 0, type, id, content.length, padding);
  record.set(content, headerLength);
  return record;
}

/** Up to so many bytes a record is put together in one piece of memory; above that its content is not copied. */
const copyLimit = 16_384;

/**
 * One record whose content is in pieces, and what follows it on the wire, ready to be written in one go. What is large is not
 * copied. Together the pieces have `contentLength` bytes, at most 65,535.
 */
export function joinRecord(
  type: number,
  id: number,
  pieces: readonly Uint8Array[],
  contentLength: number,
  after: Uint8Array = nothing,
): Uint8Array[] {
  const padding = (alignment - (contentLength % alignment)) % alignment;
  if (contentLength > copyLimit) {
    const header = new Uint8Array(headerLength);
    writeHeader(header, 0, type, id, contentLength, padding);
    const rest = new Uint8Array(padding + after.length);
    rest.set(after, padding);
    return rest.length === 0 ? [header, ...pieces] : [header, ...pieces, rest];
  }
  const record = Buffer.allocUnsafe(headerLength + contentLength + padding + after.length);
  let at = writeHeader(record, 0, type, id, contentLength, padding);
  for (const piece of pieces) {
    record.set(piece, at);
    at += piece.length;
  }
  record.fill(0, at, at + padding);
  record.set(after, at + padding);
  return [record];
}

/** The eight bytes that every record starts with (3.3). Returns where its content starts. */
function writeHeader(
  bytes: Uint8Array,
  at: number,
  type: number,
  id: number,
  contentLength: number,
  padding: number,
): number {
  bytes[at] = protocolVersion;
  bytes[at + 1] = type;
  bytes[at + 2] = id >> 8;
  bytes[at + 3] = id & 255;
  bytes[at + 4] = contentLength >> 8;
  bytes[at + 5] = contentLength & 255;
  bytes[at + 6] = padding;
  bytes[at + 7] = 0;
  return at + headerLength;
}

/**
 * The content of a stream as records of at most 65,528 bytes each, made one by one as they are asked for. No content gives no
 * record, for an empty record ends the stream: that one is `endOfStream` (3.3).
 */
export function* encodeStream(type: number, id: number, content: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < content.length; at += maxAlignedContentLength) {
    yield encodeRecord(type, id, content.subarray(at, at + maxAlignedContentLength));
  }
}

/** The empty record that ends a stream of this type (3.3). */
export function endOfStream(type: number, id: number): Uint8Array {
  return encodeRecord(type, id);
}

/** What FCGI_BEGIN_REQUEST says (5.1). The role is whatever number came: it may be none we know. */
export interface BeginRequest {
  readonly role: number;
  readonly keepConnection: boolean;
}

/** FCGI_BEGIN_REQUEST (5.1). */
export function beginRequest(id: number, begin: BeginRequest): Uint8Array {
  const flags = begin.keepConnection ? keepConnectionFlag : 0;
  return encodeRecord(
    recordType.beginRequest,
    id,
    Uint8Array.of(begin.role >> 8, begin.role & 255, flags, 0, 0, 0, 0, 0),
  );
}

/** The content of FCGI_BEGIN_REQUEST; undefined if it is too short. Unknown flags are ignored. */
export function readBeginRequest(content: Uint8Array): BeginRequest | undefined {
  if (content.length < fixedBodyLength) return undefined;
  const view = viewOf(content);
  return { role: view.getUint16(0), keepConnection: (view.getUint8(2) & keepConnectionFlag) !== 0 };
}

/** FCGI_ABORT_REQUEST (5.4). */
export function abortRequest(id: number): Uint8Array {
  return encodeRecord(recordType.abortRequest, id);
}

/** How a request ended (5.5): the application's own status, as an unsigned 32-bit number, and the protocol's. */
export interface EndRequest {
  readonly appStatus: number;
  readonly protocolStatus: number;
}

/** FCGI_END_REQUEST (5.5). */
export function endRequest(id: number, end: EndRequest): Uint8Array {
  const content = new Uint8Array(fixedBodyLength);
  const view = viewOf(content);
  view.setUint32(0, end.appStatus);
  view.setUint8(4, end.protocolStatus);
  return encodeRecord(recordType.endRequest, id, content);
}

/** All that ends a request, in one piece: the ends of its streams, and FCGI_END_REQUEST, which is the last (3.3, 5.5). */
export function lastRecords(id: number, end: EndRequest, usedStderr: boolean): Uint8Array {
  const bytes = Buffer.alloc((usedStderr ? 4 : 3) * headerLength);
  let at = 0;
  if (usedStderr) at = writeHeader(bytes, at, recordType.stderr, id, 0, 0);
  at = writeHeader(bytes, at, recordType.stdout, id, 0, 0);
  at = writeHeader(bytes, at, recordType.endRequest, id, fixedBodyLength, 0);
  bytes.writeUInt32BE(end.appStatus, at);
  bytes[at + 4] = end.protocolStatus;
  return bytes;
}

/** The content of FCGI_END_REQUEST; undefined if it is too short. */
export function readEndRequest(content: Uint8Array): EndRequest | undefined {
  if (content.length < fixedBodyLength) return undefined;
  const view = viewOf(content);
  return { appStatus: view.getUint32(0), protocolStatus: view.getUint8(4) };
}

/** FCGI_UNKNOWN_TYPE, the answer to a management record of a type we do not know (4.2). */
export function unknownType(type: number): Uint8Array {
  return encodeRecord(recordType.unknownType, 0, Uint8Array.of(type, 0, 0, 0, 0, 0, 0, 0));
}

/** The type that FCGI_UNKNOWN_TYPE complains of; undefined if the content is too short. */
export function readUnknownType(content: Uint8Array): number | undefined {
  return content.length < fixedBodyLength ? undefined : content[0];
}

/** The whole FCGI_PARAMS stream of a request, its end included (5.2). */
export function* params(id: number, pairs: Iterable<PairInput>): Generator<Uint8Array, void, undefined> {
  yield* encodeStream(recordType.params, id, encodePairs(pairs));
  yield endOfStream(recordType.params, id);
}

/** Some of FCGI_STDIN, without its end (5.3). */
export function stdin(id: number, content: Uint8Array): Generator<Uint8Array, void, undefined> {
  return encodeStream(recordType.stdin, id, content);
}

/** Some of FCGI_STDOUT, without its end (5.3). */
export function stdout(id: number, content: Uint8Array): Generator<Uint8Array, void, undefined> {
  return encodeStream(recordType.stdout, id, content);
}

/** Some of FCGI_STDERR, without its end (5.3). */
export function stderr(id: number, content: Uint8Array): Generator<Uint8Array, void, undefined> {
  return encodeStream(recordType.stderr, id, content);
}

/** FCGI_GET_VALUES: asks for these names (4.1). */
export function getValues(names: Iterable<string>): Uint8Array {
  const pairs = Array.from(names, (name): PairInput => [name, ""]);
  return encodeRecord(recordType.getValues, 0, encodePairs(pairs));
}

/** FCGI_GET_VALUES_RESULT: one record with all the answers (4.1). */
export function getValuesResult(values: Iterable<PairInput>): Uint8Array {
  return encodeRecord(recordType.getValuesResult, 0, encodePairs(values));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
