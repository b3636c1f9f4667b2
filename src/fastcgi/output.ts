/** What goes out: the socket that all requests of a connection share, and one request's part of it. */
import type { Socket } from "node:net";
import { drained } from "./socket.ts";
import { recordType } from "./wire/constants.ts";
import { type EndRequest, encodeStream, endOfStream, endRequest } from "./wire/record.ts";

/** The way out of one connection. A connection that is gone swallows what is sent: whoever sends is told elsewhere. */
export class Output {
  readonly #socket: Socket;
  #draining: Promise<void> | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Sends records in one write. False: the peer has not taken what was sent before; wait for `drained`. */
  send(records: Iterable<Uint8Array>): boolean {
    const socket = this.#socket;
    if (!socket.writable) return true;
    socket.cork();
    for (const record of records) socket.write(record);
    socket.uncork();
    return !socket.writableNeedDrain;
  }

  /** Resolves when the peer takes more, or is gone. All requests wait for it together. */
  drained(): Promise<void> {
    this.#draining ??= drained(this.#socket).then(() => {
      this.#draining = undefined;
    });
    return this.#draining;
  }
}

/** What one request sends: two streams, then its end, and after that nothing, whatever its handler does. */
export class RequestOutput {
  readonly #id: number;
  readonly #output: Output;
  #hasBegun = false;
  #usedStderr = false;
  #isClosed = false;

  constructor(id: number, output: Output) {
    this.#id = id;
    this.#output = output;
  }

  /** True once something has gone to FCGI_STDOUT: the status cannot be changed any more. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** True after the end: what is written now goes nowhere. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Writes to FCGI_STDOUT, a record at a time, no faster than the peer takes them. */
  async write(content: Uint8Array): Promise<void> {
    for (const record of encodeStream(recordType.stdout, this.#id, content)) {
      if (this.#isClosed) return;
      this.#hasBegun = true;
      if (!this.#output.send([record])) await this.#output.drained();
    }
  }

  /** Writes to FCGI_STDERR, at once. */
  writeStderr(content: Uint8Array): void {
    if (this.#isClosed || content.length === 0) return;
    this.#usedStderr = true;
    this.#output.send(encodeStream(recordType.stderr, this.#id, content));
  }

  /** The last of FCGI_STDOUT, the ends of the streams that were used, and FCGI_END_REQUEST, in one write; once. */
  end(end: EndRequest, lastContent: Uint8Array = new Uint8Array(0)): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#output.send(this.#lastRecords(end, lastContent));
  }

  /** The peer has no use for more. */
  close(): void {
    this.#isClosed = true;
  }

  *#lastRecords(end: EndRequest, lastContent: Uint8Array): Generator<Uint8Array, void, undefined> {
    yield* encodeStream(recordType.stdout, this.#id, lastContent);
    if (this.#usedStderr) yield endOfStream(recordType.stderr, this.#id);
    yield endOfStream(recordType.stdout, this.#id);
    yield endRequest(this.#id, end);
  }
}
