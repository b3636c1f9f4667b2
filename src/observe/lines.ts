/** A worker's output, byte by byte, to lines. Bounded: a line that is too long is cut and what is cut off is counted. */

export interface Line {
  /** Without its end; valid during the call only. */
  readonly bytes: Buffer;
  /** Bytes of this line that were cut off. */
  readonly cutBytes: number;
}

/** The longest line that is kept whole, in bytes. */
export const longestLine = 64 * 1024;

const newline = 10;
const carriageReturn = 13;

/** Fed with chunks, owns what is left over of them. */
export class LineSplitter {
  #rest: Buffer[] = [];
  #restBytes = 0;
  #cutBytes = 0;
  readonly #emit: (line: Line) => void;

  constructor(emit: (line: Line) => void) {
    this.#emit = emit;
  }

  /** The chunk may be overwritten after the call. */
  push(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, from)) {
      this.#finish(chunk.subarray(from, at));
      from = at + 1;
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
  }

  /** The writer has gone: what has no newline is a line all the same. */
  end(): void {
    if (this.#restBytes > 0 || this.#cutBytes > 0) this.#finish(Buffer.alloc(0));
  }

  /** What has been written of a line that has no end yet; empty if there is none. */
  get begun(): Buffer {
    return Buffer.concat(this.#rest);
  }

  #keep(bytes: Buffer): void {
    const room = longestLine - this.#restBytes;
    const kept = bytes.subarray(0, room);
    if (kept.length > 0) this.#rest.push(Buffer.from(kept));
    this.#restBytes += kept.length;
    this.#cutBytes += bytes.length - kept.length;
  }

  #finish(last: Buffer): void {
    let line = last;
    if (this.#restBytes > 0 || last.length > longestLine) {
      this.#keep(last);
      line = Buffer.concat(this.#rest);
    }
    const end = line.at(-1) === carriageReturn ? line.length - 1 : line.length;
    const cutBytes = this.#cutBytes;
    this.#rest = [];
    this.#restBytes = 0;
    this.#cutBytes = 0;
    this.#emit({ bytes: line.subarray(0, end), cutBytes });
  }
}

/** The last lines, for saying why a worker died. */
export class LastLines {
  readonly #most: number;
  #lines: string[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  add(text: string): void {
    if (this.#lines.length === this.#most) this.#lines.shift();
    this.#lines.push(shorten(text));
  }

  /** The lines, with those that were only begun. */
  with(begun: readonly string[]): readonly string[] {
    return [...this.#lines, ...begun.map(shorten)].slice(-this.#most);
  }
}

function shorten(text: string): string {
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}
