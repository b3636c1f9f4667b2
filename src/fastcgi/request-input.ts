/** FCGI_STDIN or FCGI_DATA of one request, for the handler to read at its own speed. */

/** So much may wait for the handler before the socket is told to hold back. Bodies of 64 KiB and less never make it wait. */
const inputHighWaterBytes = 131_072;

/** What a waiting piece costs besides its bytes: pieces may be one byte long. */
const pieceOverheadBytes = 128;

/**
 * A queue between the connection, which pushes, and one reader, which takes. It is full above 128 KiB, and says so whenever that
 * changes. What nobody is going to read is dropped, so that the connection stays in step.
 */
export class RequestInput {
  readonly #flowChanged: () => void;
  #queue: Buffer[] = [];
  #waitingBytes = 0;
  #receivedBytes = 0;
  #hasEnded = false;
  #isDropped = false;
  #failure: Error | undefined;
  /** How many bytes the web server has promised, once that is known, if it says anything. */
  expectedBytes: number | undefined;
  /** Called when there is something new to take, and at the end. */
  onNews: (() => void) | undefined;

  constructor(flowChanged: () => void) {
    this.#flowChanged = flowChanged;
  }

  get isFull(): boolean {
    return this.#waitingBytes > inputHighWaterBytes;
  }

  /** True once the web server has sent all of it. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** True when there is nothing to take, now or later. */
  get isOver(): boolean {
    return this.#queue.length === 0 && (this.#hasEnded || this.#isDropped);
  }

  /**
   * Why the reader does not have it all, once it is over: the request was aborted, or fewer bytes came than CONTENT_LENGTH says.
   * Then the browser was cut off, and what it wanted is not known in full (FastCGI 1.0, 6.2).
   */
  get failure(): Error | undefined {
    const expected = this.expectedBytes;
    if (this.#failure !== undefined || this.#isDropped || !this.#hasEnded || expected === undefined)
      return this.#failure;
    if (this.#receivedBytes >= expected) return undefined;
    return new Error(`Cannot read the request's body: ${this.#receivedBytes} of ${expected} bytes came`);
  }

  /** True if a reader has to wait for the web server. */
  get isOwed(): boolean {
    return !this.#hasEnded && !this.#isDropped && this.#queue.length === 0;
  }

  /** True if the web server owes nothing of what it has promised. */
  get isReceived(): boolean {
    return this.#hasEnded || this.#receivedBytes >= (this.expectedBytes ?? Number.POSITIVE_INFINITY);
  }

  /** The next piece of the stream. It is copied: what connections read into is used again. */
  push(content: Uint8Array): void {
    if (this.#hasEnded || this.#isDropped) return;
    this.#queue.push(Buffer.from(content));
    this.#receivedBytes += content.length;
    this.#count(content.length + pieceOverheadBytes);
    this.onNews?.();
  }

  /** The stream is complete. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.onNews?.();
  }

  /** The reader gets this error, now, instead of what is left. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.drop();
  }

  /** The request has ended: who reads on must not take what he has got for the whole. */
  leave(): void {
    if (!this.isOver) this.fail(new Error("Cannot read on: the request has ended"));
  }

  /** Nobody reads any more: forget what waits and what comes. */
  drop(): void {
    if (this.#isDropped) return;
    this.#isDropped = true;
    this.#queue = [];
    if (this.#waitingBytes > 0) this.#count(-this.#waitingBytes);
    this.onNews?.();
  }

  /** The next piece as it came; undefined if there is none now. */
  take(): Buffer | undefined {
    const piece = this.#queue.shift();
    if (piece !== undefined) this.#count(-piece.length - pieceOverheadBytes);
    return piece;
  }

  #count(bytes: number): void {
    const wasFull = this.isFull;
    this.#waitingBytes += bytes;
    if (this.isFull !== wasFull) this.#flowChanged();
  }
}
