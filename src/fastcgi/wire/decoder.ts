/** Records out of a stream of bytes that is cut anywhere (FastCGI 1.0, 3.3). */
import { headerLength, protocolVersion, recordType } from "./constants.ts";

/** One record as it came. The type may be one that nobody knows; the content is a view, without the padding. */
export interface WireRecord {
  readonly type: number;
  readonly id: number;
  readonly content: Uint8Array;
}

/** Why nothing more can be read from this peer. There is only one way for a byte stream to be no FastCGI: the version byte. */
export interface DecoderFailure {
  readonly reason: "version";
  readonly version: number;
  readonly message: string;
}

const nothing = new Uint8Array(0);

/**
 * Takes chunks, gives records. A record is given when its last byte of padding is there, so between two records nothing is owed.
 *
 * Content of a record whose rest lies within one chunk is a view of that chunk; content that was cut is put together in memory of its
 * own, which is never used again. So what it gives stays good as long as the caller does not reuse its chunks, and what it holds itself
 * (one record at most) stays good in any case.
 */
export class RecordDecoder {
  readonly #splitsStreams: boolean;
  readonly #header = new Uint8Array(headerLength);
  #headerFilled = 0;
  #content: Uint8Array = nothing;
  /** -1: no place has been made for the content of this record yet. */
  #contentFilled = -1;
  #paddingSkipped = 0;
  #failure: DecoderFailure | undefined;

  /**
   * With `splitsStreams` the content of FCGI_STDIN and FCGI_DATA is given as it comes, in records of its parts, and never copied: of a
   * stream only the order of its bytes counts. An empty part is never given, for it would end the stream.
   */
  constructor({ splitsStreams = false } = {}) {
    this.#splitsStreams = splitsStreams;
  }

  /** Set once the peer has sent something that is not FastCGI 1: no record comes after that. */
  get failure(): DecoderFailure | undefined {
    return this.#failure;
  }

  /** True if the stream may end here without cutting a record. */
  get isBetweenRecords(): boolean {
    return this.#headerFilled === 0;
  }

  /** How many bytes of memory it holds for a record that is not complete: never more than a record has. */
  get bufferedBytes(): number {
    return this.#headerFilled + this.#content.length;
  }

  /** The records that are complete with this chunk, in order. After a failure: none. */
  push(chunk: Uint8Array): WireRecord[] {
    const records: WireRecord[] = [];
    let at = 0;
    while (at < chunk.length && this.#failure === undefined) {
      at = this.#takeWhole(chunk, at, records) ?? this.#take(chunk, at, records);
    }
    return records;
  }

  /** The common case: the record that starts here is all there. Returns its end. */
  #takeWhole(chunk: Uint8Array, start: number, records: WireRecord[]): number | undefined {
    const contentAt = start + headerLength;
    if (this.#headerFilled > 0 || contentAt > chunk.length || chunk[start] !== protocolVersion) return undefined;
    const contentEnd = contentAt + twoBytes(chunk, start + 4);
    const end = contentEnd + (chunk[start + 6] ?? 0);
    if (end > chunk.length) return undefined;
    const content = contentEnd === contentAt ? nothing : chunk.subarray(contentAt, contentEnd);
    records.push({ type: chunk[start + 1] ?? 0, id: twoBytes(chunk, start + 2), content });
    return end;
  }

  /** Reads on from here to the end of the record or of the chunk; returns where it stopped. */
  #take(chunk: Uint8Array, start: number, records: WireRecord[]): number {
    let at = this.#takeHeader(chunk, start);
    if (this.#headerFilled < headerLength || this.#failure !== undefined) return at;
    at = this.#isSplit ? this.#takePart(chunk, at, records) : this.#takeContent(chunk, at);
    if (this.#contentFilled < this.#contentLength) return at;
    at = this.#skipPadding(chunk, at);
    if (this.#paddingSkipped === this.#paddingLength) this.#finish(records);
    return at;
  }

  #takeHeader(chunk: Uint8Array, start: number): number {
    const piece = chunk.subarray(start, start + headerLength - this.#headerFilled);
    this.#header.set(piece, this.#headerFilled);
    this.#headerFilled += piece.length;
    const version = this.#byte(0);
    if (this.#headerFilled > 0 && version !== protocolVersion) this.#fail(version);
    return start + piece.length;
  }

  #takeContent(chunk: Uint8Array, start: number): number {
    const length = this.#contentLength;
    if (this.#contentFilled < 0) {
      if (chunk.length - start >= length + this.#paddingLength) return this.#viewContent(chunk, start, length);
      this.#content = new Uint8Array(length);
      this.#contentFilled = 0;
    }
    const piece = chunk.subarray(start, start + length - this.#contentFilled);
    this.#content.set(piece, this.#contentFilled);
    this.#contentFilled += piece.length;
    return start + piece.length;
  }

  /** True for content that need not be put together. */
  get #isSplit(): boolean {
    if (!this.#splitsStreams || this.#contentLength === 0) return false;
    return this.#byte(1) === recordType.stdin || this.#byte(1) === recordType.data;
  }

  #takePart(chunk: Uint8Array, start: number, records: WireRecord[]): number {
    const filled = Math.max(this.#contentFilled, 0);
    const part = chunk.subarray(start, start + this.#contentLength - filled);
    this.#contentFilled = filled + part.length;
    if (part.length > 0) records.push(this.#recordOf(part));
    return start + part.length;
  }

  #viewContent(chunk: Uint8Array, start: number, length: number): number {
    this.#content = chunk.subarray(start, start + length);
    this.#contentFilled = length;
    return start + length;
  }

  #skipPadding(chunk: Uint8Array, start: number): number {
    const skipped = Math.min(this.#paddingLength - this.#paddingSkipped, chunk.length - start);
    this.#paddingSkipped += skipped;
    return start + skipped;
  }

  #finish(records: WireRecord[]): void {
    if (!this.#isSplit) records.push(this.#recordOf(this.#content));
    this.#forget();
  }

  #recordOf(content: Uint8Array): WireRecord {
    return { type: this.#byte(1), id: twoBytes(this.#header, 2), content };
  }

  #forget(): void {
    this.#headerFilled = 0;
    this.#content = nothing;
    this.#contentFilled = -1;
    this.#paddingSkipped = 0;
  }

  #fail(version: number): void {
    const message = `Cannot read the record: version ${version} is not FastCGI ${protocolVersion}`;
    this.#failure = { reason: "version", version, message };
    this.#forget();
  }

  get #contentLength(): number {
    return twoBytes(this.#header, 4);
  }

  get #paddingLength(): number {
    return this.#byte(6);
  }

  #byte(index: number): number {
    return this.#header[index] ?? 0;
  }
}

/** A 16-bit number, the higher byte first (3.3). */
function twoBytes(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
