/**
 * The last lines of one app, for `logs`: a bounded memory, whatever the app writes. Packed as bytes: 50 apps with 2,000
 * lines of 80 characters take 14 MiB (objects: 23), which the garbage collector need not walk through.
 */
import type { LogLine } from "./story.ts";

export interface RingLimits {
  readonly lines: number;
  /** Of memory, used or kept ready. */
  readonly bytes: number;
}

export const usualLimits: RingLimits = { lines: 2000, bytes: 1024 * 1024 };

/** A stretch of memory with whole lines between `from` and `to`. */
interface Chunk {
  readonly bytes: Buffer;
  from: number;
  to: number;
  lines: number;
}

/** Chunks grow with the ring from this to a sixteenth of its limit: an app that says little costs little. */
const smallestChunk = 4096;
const largestPart = 16;

/** Length of the line, worker, pid (0: none), stream, length of the time, length of the notice. */
const headBytes = 4 + 4 + 4 + 1 + 1 + 1;
const streams = [undefined, "stdout", "stderr"] as const;

export class Ring {
  readonly #app: string;
  readonly #limits: RingLimits;
  readonly #chunks: Chunk[] = [];
  #bytes = 0;
  #lines = 0;

  constructor(app: string, limits: RingLimits = usualLimits) {
    this.#app = app;
    this.#limits = limits;
  }

  /** What the ring takes of the memory. */
  get bytes(): number {
    return this.#bytes;
  }

  get lines(): number {
    return this.#lines;
  }

  /** The oldest lines make room. A line that is larger than the whole ring is not kept. */
  push(line: LogLine): void {
    const size = headBytes + bytesOf(line.time) + bytesOf(line.notice ?? "") + bytesOf(line.text);
    if (size > this.#limits.bytes || this.#limits.lines < 1) return;
    if (this.#lines === this.#limits.lines) this.#dropOldest();
    const chunk = this.#chunkFor(size);
    write(line, size, chunk.bytes, chunk.to);
    chunk.to += size;
    chunk.lines += 1;
    this.#lines += 1;
  }

  /** The last `most` lines, of one worker or of all, the oldest first. */
  last(most: number, worker?: number): LogLine[] {
    const found: (readonly [Buffer, number])[] = [];
    for (const chunk of this.#chunks.toReversed()) {
      if (found.length >= most) break;
      found.unshift(...placesIn(chunk, worker));
    }
    return found.slice(Math.max(0, found.length - most)).map(([bytes, at]) => read(this.#app, bytes, at));
  }

  #dropOldest(): void {
    const [oldest] = this.#chunks;
    if (oldest === undefined) return;
    oldest.from += oldest.bytes.readUInt32LE(oldest.from);
    oldest.lines -= 1;
    this.#lines -= 1;
    if (oldest.lines === 0) this.#dropChunk();
  }

  #dropChunk(): void {
    const dropped = this.#chunks.shift();
    this.#bytes -= dropped?.bytes.length ?? 0;
    this.#lines -= dropped?.lines ?? 0;
  }

  #chunkFor(size: number): Chunk {
    const newest = this.#chunks.at(-1);
    if (newest !== undefined && newest.bytes.length - newest.to >= size) return newest;
    const usual = Math.min(Math.max(smallestChunk, this.#bytes), Math.floor(this.#limits.bytes / largestPart));
    const length = Math.max(size, usual);
    while (this.#bytes + length > this.#limits.bytes) this.#dropChunk();
    const chunk: Chunk = { bytes: Buffer.allocUnsafeSlow(length), from: 0, to: 0, lines: 0 };
    this.#chunks.push(chunk);
    this.#bytes += length;
    return chunk;
  }
}

/** Lists that are each in order, as one, by time. Within a list nothing changes places, even where a clock was set back. */
export function mergeByTime(lists: readonly (readonly LogLine[])[]): readonly LogLine[] {
  if (lists.length <= 1) return lists[0] ?? [];
  const middle = Math.ceil(lists.length / 2);
  return mergeTwo(mergeByTime(lists.slice(0, middle)), mergeByTime(lists.slice(middle)));
}

function mergeTwo(left: readonly LogLine[], right: readonly LogLine[]): LogLine[] {
  const merged: LogLine[] = [];
  let taken = 0;
  for (const line of left) {
    for (let other = right[taken]; other !== undefined && other.time < line.time; other = right[taken]) {
      merged.push(other);
      taken += 1;
    }
    merged.push(line);
  }
  for (const line of right.slice(taken)) merged.push(line);
  return merged;
}

const bytesOf = (text: string) => Buffer.byteLength(text);

function placesIn(chunk: Chunk, worker: number | undefined): (readonly [Buffer, number])[] {
  const places: (readonly [Buffer, number])[] = [];
  const { bytes, from, to } = chunk;
  for (let at = from; at < to; at += bytes.readUInt32LE(at)) {
    if (worker === undefined || bytes.readUInt32LE(at + 4) === worker) places.push([bytes, at]);
  }
  return places;
}

function write(line: LogLine, size: number, bytes: Buffer, at: number): void {
  const notice = line.notice ?? "";
  let to = bytes.writeUInt32LE(size, at);
  to = bytes.writeUInt32LE(line.worker ?? 0, to);
  to = bytes.writeUInt32LE(line.pid ?? 0, to);
  to = bytes.writeUInt8(streams.indexOf(line.stream), to);
  to = bytes.writeUInt8(bytesOf(line.time), to);
  to = bytes.writeUInt8(bytesOf(notice), to);
  for (const text of [line.time, notice, line.text]) to += bytes.write(text, to);
}

function read(app: string, bytes: Buffer, at: number): LogLine {
  const [size, worker, pid] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at + 8)];
  const stream = streams[bytes.readUInt8(at + 12)];
  const timeAt = at + headBytes;
  const noticeAt = timeAt + bytes.readUInt8(at + 13);
  const textAt = noticeAt + bytes.readUInt8(at + 14);
  const notice = bytes.toString("utf8", noticeAt, textAt);
  return {
    time: bytes.toString("utf8", timeAt, noticeAt),
    app,
    ...(worker === 0 ? {} : { worker }),
    ...(pid === 0 ? {} : { pid }),
    ...(stream === undefined ? {} : { stream }),
    ...(notice === "" ? {} : { notice }),
    text: bytes.toString("utf8", textAt, at + size),
  };
}
