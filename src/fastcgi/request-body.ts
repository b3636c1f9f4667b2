/** FCGI_STDIN of one request, for the handler to read at its own speed. */

/** So much may wait for the handler before the socket is told to hold back. Small bodies never make it wait. */
export const bodyHighWaterBytes = 65_536;

/** What a waiting piece costs besides its bytes: pieces may be one byte long. */
const pieceOverheadBytes = 128;

/**
 * A queue between the connection, which pushes, and one reader. It is full above 64 KiB, and says so whenever that changes. What
 * nobody is going to read is dropped, so that the connection stays in step.
 */
export class RequestBody implements AsyncIterable<Buffer> {
  readonly #flowChanged: () => void;
  #queue: Buffer[] = [];
  #waitingBytes = 0;
  #receivedBytes = 0;
  #hasEnded = false;
  #isDropped = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  /** CONTENT_LENGTH, once it is known, if it says anything. */
  expectedBytes: number | undefined;

  constructor(flowChanged: () => void) {
    this.#flowChanged = flowChanged;
  }

  get isFull(): boolean {
    return this.#waitingBytes > bodyHighWaterBytes;
  }

  /** True once the web server has sent all of it. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The next piece of the stream. */
  push(content: Uint8Array): void {
    if (this.#hasEnded || this.#isDropped) return;
    this.#queue.push(Buffer.from(content.buffer, content.byteOffset, content.byteLength));
    this.#receivedBytes += content.length;
    this.#count(content.length + pieceOverheadBytes);
    this.#wake?.();
  }

  /** The stream is complete. */
  end(): void {
    this.#hasEnded = true;
    this.#wake?.();
  }

  /** The reader gets this error, now, instead of what is left. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.drop();
  }

  /** Nobody reads any more: forget what waits and what comes. */
  drop(): void {
    this.#isDropped = true;
    this.#queue = [];
    this.#count(-this.#waitingBytes);
    this.#wake?.();
  }

  /**
   * The pieces as they came. Throws when the request is aborted, and when fewer bytes came than CONTENT_LENGTH says: the browser
   * was cut off, and what it wanted is not known in full (FastCGI 1.0, 6.2). A reader that stops early drops the rest.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (;;) {
        const piece = this.#queue.shift();
        if (piece !== undefined) yield this.#release(piece);
        else if (this.#failure !== undefined) throw this.#failure;
        else if (this.#hasEnded || this.#isDropped) break;
        else await this.#news();
      }
      this.#checkLength();
    } finally {
      this.drop();
    }
  }

  #release(piece: Buffer): Buffer {
    this.#count(-piece.length - pieceOverheadBytes);
    return piece;
  }

  #count(bytes: number): void {
    const wasFull = this.isFull;
    this.#waitingBytes += bytes;
    if (this.isFull !== wasFull) this.#flowChanged();
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #checkLength(): void {
    const expected = this.expectedBytes;
    if (!this.#isDropped && expected !== undefined && this.#receivedBytes < expected) {
      throw new Error(`Cannot read the request's body: ${this.#receivedBytes} of ${expected} bytes came`);
    }
  }
}
