/** What one request sends: two streams, then its end, and after that nothing, whatever its handler does. */
import type { Output, Sent } from "./output.ts";
import { maxAlignedContentLength, recordType } from "./wire/constants.ts";
import { type EndRequest, encodeStream, joinRecord, lastRecords } from "./wire/record.ts";

/** A request may have so much waiting before its handler is told to hold back. */
const highWaterBytes = 65_536;

/** So much is not kept until the turn ends. An answer of 64 KiB goes out in one write with its head and its end. */
const flushBytes = 131_072;

/** Content of FCGI_STDOUT that has not been sent yet. */
interface Piece {
  readonly content: Uint8Array;
  readonly sent: Sent | undefined;
}

/**
 * Content waits here until the turn ends or it is flushed, so that head, body and end of a small answer go out in one write; and as
 * long as the connection is blocked, so that an abort can still overtake it.
 */
export class RequestOutput {
  readonly #id: number;
  readonly #output: Output;
  /** FCGI_END_REQUEST has been sent, or cannot be. */
  readonly #whenClosed: () => void;
  #waiting: Piece[] = [];
  #waitingBytes = 0;
  #hasBegun = false;
  #usedStderr = false;
  #isFlushDue = false;
  #end: EndRequest | undefined;
  #ended: Sent | undefined;
  #isClosed = false;
  #whenFree: (() => void)[] = [];

  constructor(id: number, output: Output, whenClosed: () => void) {
    this.#id = id;
    this.#output = output;
    this.#whenClosed = whenClosed;
  }

  /** True once something has gone to FCGI_STDOUT: the status cannot be changed any more. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** True after the end: what is written now goes nowhere. */
  get isClosed(): boolean {
    return this.#isClosed || this.#end !== undefined;
  }

  /** Of FCGI_STDOUT. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** True while the peer does not take what was written. */
  get isBlocked(): boolean {
    return !this.#isClosed && (this.#waitingBytes >= highWaterBytes || this.#output.isBlocked);
  }

  /** Writes to FCGI_STDOUT. False: wait until the peer has taken more. */
  write(content: Uint8Array, sent?: Sent): boolean {
    if (this.isClosed) {
      if (sent !== undefined) process.nextTick(sent, closed());
      return true;
    }
    this.#waiting.push({ content, sent });
    this.#waitingBytes += content.length;
    if (this.#waitingBytes >= flushBytes) this.flush();
    else this.#flushSoon();
    return !this.isBlocked;
  }

  /** Writes to FCGI_STDERR, at once. Nobody waits for it to be taken, and so it is lost where far too much waits already. */
  writeStderr(content: Uint8Array): void {
    if (this.isClosed || content.length === 0 || this.#output.isFlooded) return;
    this.flush();
    this.#usedStderr = true;
    this.#output.send([...encodeStream(recordType.stderr, this.#id, content)]);
  }

  /** Behind what was written: the ends of the streams that were used, and FCGI_END_REQUEST; once. */
  end(end: EndRequest, ended?: Sent): void {
    if (this.isClosed) return;
    this.#end = end;
    this.#ended = ended;
    this.flush();
  }

  /** Ends the request now; what still waits is not sent. */
  cut(end: EndRequest): void {
    if (this.#isClosed) return;
    this.#output.send([lastRecords(this.#id, end, this.#usedStderr)]);
    this.close();
  }

  /** The connection is gone. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.discard();
    this.#whenClosed();
  }

  /** Forgets what has not been sent. */
  discard(): void {
    const lost = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const { sent } of lost) if (sent !== undefined) process.nextTick(sent, closed());
    this.#tellFree();
  }

  /** Sends what waits, as far as the peer takes it. */
  flush(): void {
    this.#isFlushDue = false;
    this.#output.inOneWrite(() => {
      while (this.#canSend) this.#sendRecord();
    });
    if (this.#isClosed) return;
    if (!this.isBlocked) this.#tellFree();
    else if (this.#hasMore) this.#output.whenFree(this.#resume);
  }

  /** Calls once when the peer takes more, or the request is over. */
  whenFree(call: () => void): void {
    if (!this.isBlocked) {
      process.nextTick(call);
      return;
    }
    this.#whenFree.push(call);
    // Otherwise a flush is due, and the connection, which may never be blocked, would remember this request for ever.
    if (this.#output.isBlocked) this.#output.whenFree(this.#resume);
  }

  get #canSend(): boolean {
    if (this.#isClosed || this.#output.isBlocked) return false;
    return this.#waiting.length > 0 || this.#end !== undefined;
  }

  get #hasMore(): boolean {
    return this.#waiting.length > 0 || this.#end !== undefined || this.#whenFree.length > 0;
  }

  readonly #resume = () => this.flush();

  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    process.nextTick(flushIfDue, this);
  }

  get isFlushDue(): boolean {
    return this.#isFlushDue;
  }

  #tellFree(): void {
    if (this.#whenFree.length === 0) return;
    const calls = this.#whenFree;
    this.#whenFree = [];
    for (const call of calls) call();
  }

  /** One record of what waits, and the end of the request if that is all. */
  #sendRecord(): void {
    const pieces: Uint8Array[] = [];
    const told: Sent[] = [];
    const length = this.#gather(pieces, told);
    const isLast = this.#waiting.length === 0 && this.#end !== undefined;
    const after = isLast && this.#end !== undefined ? lastRecords(this.#id, this.#end, this.#usedStderr) : undefined;
    if (isLast) this.#isClosed = true;
    if (isLast && this.#ended !== undefined) told.unshift(this.#ended);
    const sent = told.length === 0 ? undefined : (error?: Error | null) => tell(told, error);
    if (length > 0) {
      this.#hasBegun = true;
      this.#output.send(joinRecord(recordType.stdout, this.#id, pieces, length, after), sent);
    } else {
      // An empty record would end the stream.
      this.#output.send(after === undefined ? [] : [after], sent);
    }
    if (isLast) this.#whenClosed();
  }

  /** Takes from what waits as much as fits into one record. */
  #gather(pieces: Uint8Array[], told: Sent[]): number {
    let [length, taken] = [0, 0];
    for (const { content, sent } of this.#waiting) {
      const room = maxAlignedContentLength - length;
      if (content.length > room) {
        if (room > 0) pieces.push(content.subarray(0, room));
        this.#waiting[taken] = { content: content.subarray(room), sent };
        length += room;
        break;
      }
      if (content.length > 0) pieces.push(content);
      if (sent !== undefined) told.push(sent);
      length += content.length;
      taken += 1;
    }
    this.#waiting.splice(0, taken);
    this.#waitingBytes -= length;
    return length;
  }
}

function flushIfDue(output: RequestOutput): void {
  if (output.isFlushDue) output.flush();
}

function tell(all: readonly Sent[], error: Error | null | undefined): void {
  for (const sent of all) sent(error);
}

function closed(): Error {
  return new Error("Cannot send: the request has ended");
}
