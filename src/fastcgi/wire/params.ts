/** Name-value pairs (FastCGI 1.0, 3.4): the content of FCGI_PARAMS, FCGI_GET_VALUES and FCGI_GET_VALUES_RESULT. */
import { shortLengthLimit } from "./constants.ts";
import { toBinaryString, toBytes } from "./text.ts";

/** A name and a value to send. Strings go out as UTF-8, bytes as they are. */
export type PairInput = readonly [name: string | Uint8Array, value: string | Uint8Array];

/** A name and a value that came, as binary strings (see text.ts): every byte is kept. */
export type Pair = readonly [name: string, value: string];

/** Why parameters are refused. `cut`: the stream ended inside a pair, or a length points past its end. */
export interface ParamsFailure {
  readonly reason: "cut" | "too-large" | "too-many";
  readonly message: string;
}

export type ParamsResult =
  | { readonly ok: true; readonly pairs: readonly Pair[] }
  | { readonly ok: false; readonly failure: ParamsFailure };

/** What a peer may make us keep. */
export interface ParamsLimits {
  /** Of the whole stream, in bytes. */
  readonly maxBytes: number;
  /** Pairs may be two bytes long, and each costs us far more than that. */
  readonly maxPairs: number;
}

/** One MiB, as nginx and Apache send at most a small part of it. */
export const defaultParamsLimits: ParamsLimits = { maxBytes: 1_048_576, maxPairs: 10_000 };

/** The pairs as one stretch of bytes, in order, doubles and all (3.4). Lengths take one byte below 128, four otherwise. */
export function encodePairs(pairs: Iterable<PairInput>): Uint8Array {
  const encoded = Array.from(pairs, ([name, value]) => [toBytes(name), toBytes(value)] as const);
  const total = encoded.reduce((sum, [name, value]) => sum + pairLength(name.length, value.length), 0);
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const [name, value] of encoded) {
    at = writeLength(bytes, writeLength(bytes, at, name.length), value.length);
    bytes.set(name, at);
    bytes.set(value, at + name.length);
    at += name.length + value.length;
  }
  return bytes;
}

function pairLength(nameLength: number, valueLength: number): number {
  return lengthOfLength(nameLength) + lengthOfLength(valueLength) + nameLength + valueLength;
}

function lengthOfLength(length: number): number {
  return length < shortLengthLimit ? 1 : 4;
}

function writeLength(bytes: Uint8Array, at: number, length: number): number {
  if (length < shortLengthLimit) {
    bytes[at] = length;
    return at + 1;
  }
  bytes.set([(length >>> 24) | 0x80, (length >>> 16) & 255, (length >>> 8) & 255, length & 255], at);
  return at + 4;
}

/** All pairs of a complete stretch of bytes. */
export function decodePairs(content: Uint8Array, limits: ParamsLimits = defaultParamsLimits): ParamsResult {
  const decoder = new ParamsDecoder(limits);
  decoder.push(content);
  return decoder.end();
}

/** Where a pair lies. */
interface PairPlace {
  readonly nameAt: number;
  readonly valueAt: number;
  readonly end: number;
}

/**
 * Pairs out of a stream that comes in pieces, cut anywhere: inside a name, inside a length. It keeps the pairs that are complete
 * and the bytes of the one that is not, never more than the limits allow: a length is held against them before anything is
 * allocated for it. There is no partial result: the answer is every pair, or a failure.
 */
export class ParamsDecoder {
  readonly #limits: ParamsLimits;
  readonly #pairs: Pair[] = [];
  /** The first bytes of a pair whose rest has not come: `#filled` bytes of `#rest`, which grows by doubling. */
  #rest = new Uint8Array(0);
  #filled = 0;
  /** Bytes of the stream that are in `#pairs` already. */
  #consumed = 0;
  #failure: ParamsFailure | undefined;

  constructor(limits: ParamsLimits = defaultParamsLimits) {
    this.#limits = limits;
  }

  /** How many bytes it has set aside for a pair that is not complete. */
  get bufferedBytes(): number {
    return this.#rest.length;
  }

  /** Takes the next piece of the stream, of any length. Returns the failure, if it has come to that; it is final. */
  push(content: Uint8Array): ParamsFailure | undefined {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#consumed + this.#filled + content.length > this.#limits.maxBytes) return this.#refuseSize();
    const source = this.#filled === 0 ? content : this.#append(content);
    const parsed = this.#parse(source);
    if (this.#failure === undefined) this.#keep(source, parsed);
    return this.#failure;
  }

  /** The stream is over: every pair in the order they came, or why they are refused. */
  end(): ParamsResult {
    if (this.#failure === undefined && this.#filled > 0) {
      const message = `Cannot read the parameters: they end ${this.#filled} bytes into a name-value pair`;
      this.#fail({ reason: "cut", message });
    }
    return this.#failure === undefined ? { ok: true, pairs: this.#pairs } : { ok: false, failure: this.#failure };
  }

  /**
   * Takes complete pairs out of the source; returns how many bytes they have. The source becomes a string only once, and only if there
   * is a complete pair in it: names and values are parts of that string.
   */
  #parse(source: Uint8Array): number {
    let [at, text] = [0, ""];
    for (;;) {
      const pair = this.#measurePair(source, at);
      if (pair === undefined) return at;
      if (this.#pairs.length >= this.#limits.maxPairs) {
        this.#refuseCount();
        return at;
      }
      if (text === "") text = toBinaryString(source);
      this.#pairs.push([text.slice(pair.nameAt, pair.valueAt), text.slice(pair.valueAt, pair.end)]);
      this.#consumed += pair.end - at;
      at = pair.end;
    }
  }

  /** Where the parts of the pair are that starts here; undefined if it is not all there, or refused. */
  #measurePair(source: Uint8Array, start: number): PairPlace | undefined {
    const nameLength = readLength(source, start);
    if (nameLength === undefined) return undefined;
    const lengthAt = start + sizeOfLength(source, start);
    const valueLength = readLength(source, lengthAt);
    if (valueLength === undefined) return this.#judgeSize(nameLength);
    const nameAt = lengthAt + sizeOfLength(source, lengthAt);
    const valueAt = nameAt + nameLength;
    const end = valueAt + valueLength;
    return end > source.length ? this.#judgeSize(end - start) : { nameAt, valueAt, end };
  }

  /** Two 31-bit lengths are far from where a number loses precision: their sum cannot wrap. */
  #judgeSize(length: number): undefined {
    if (this.#consumed + length > this.#limits.maxBytes) this.#refuseSize();
  }

  #append(content: Uint8Array): Uint8Array {
    const needed = this.#filled + content.length;
    if (needed > this.#rest.length) {
      const grown = new Uint8Array(Math.max(needed, Math.min(this.#rest.length * 2, this.#limits.maxBytes)));
      grown.set(this.#rest.subarray(0, this.#filled));
      this.#rest = grown;
    }
    this.#rest.set(content, this.#filled);
    this.#filled = needed;
    return this.#rest.subarray(0, needed);
  }

  /** Keeps what follows the complete pairs, in memory of our own. (The `slice` of a Buffer would be a view of the peer's chunk.) */
  #keep(source: Uint8Array, parsed: number): void {
    const left = source.subarray(parsed);
    if (left.length === 0) this.#rest = new Uint8Array(0);
    else if (this.#filled === 0) this.#rest = new Uint8Array(left);
    else if (parsed > 0) this.#rest.copyWithin(0, parsed, parsed + left.length);
    this.#filled = left.length;
  }

  #refuseSize(): ParamsFailure {
    const message = `Cannot read the parameters: they are longer than ${this.#limits.maxBytes} bytes`;
    return this.#fail({ reason: "too-large", message });
  }

  #refuseCount(): undefined {
    const message = `Cannot read the parameters: there are more than ${this.#limits.maxPairs}`;
    this.#fail({ reason: "too-many", message });
  }

  #fail(failure: ParamsFailure): ParamsFailure {
    this.#failure = failure;
    this.#pairs.length = 0;
    this.#rest = new Uint8Array(0);
    this.#filled = 0;
    return failure;
  }
}

/** The one- or four-byte length at this place; undefined if it is not all there. A long form of a short length is valid. */
function readLength(source: Uint8Array, at: number): number | undefined {
  const first = source[at];
  if (first === undefined || first < shortLengthLimit) return first;
  if (at + 4 > source.length) return undefined;
  const low = ((source[at + 1] ?? 0) << 16) | ((source[at + 2] ?? 0) << 8) | (source[at + 3] ?? 0);
  return (first & 0x7f) * 0x1000000 + low;
}

function sizeOfLength(source: Uint8Array, at: number): number {
  return lengthOfLength(source[at] ?? 0);
}
