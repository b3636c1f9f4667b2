/** One request on a connection of its own, told piece by piece while it goes on. */
import { createConnection, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Address, formatAddress, isPathTooLong, maxUnixPathBytes, toNetOptions } from "./address.ts";
import { type AnswerFailure, AnswerReader, type AnswerTaker } from "./answer.ts";
import { Countdown } from "./countdown.ts";
import { FastCgiError, type FastCgiErrorCode, type FastCgiErrorDetails, type Timing } from "./errors.ts";
import { drained } from "./socket.ts";
import { nameProtocolStatus, protocolStatus, type Role, recordType, role } from "./wire/constants.ts";
import type { PairInput } from "./wire/params.ts";
import { beginRequest, type EndRequest, params as encodeParams, encodeStream, endOfStream } from "./wire/record.ts";
import { toBytes } from "./wire/text.ts";

/** What is sent on a stream; a string as UTF-8. An iterable is read no faster than the application takes it. */
export type Upload = string | Uint8Array | AsyncIterable<Uint8Array>;

/** What to ask, and of whom. */
export interface ExchangeOptions {
  readonly listen: Address;
  /** Strings are sent as UTF-8, bytes as they are; `webServerParams` makes the usual ones. */
  readonly params: Iterable<PairInput> | Readonly<Record<string, string>>;
  /** The request's body. If an iterable throws, so does the request. */
  readonly stdin?: Upload | undefined;
  /** The file that a filter works on, sent after stdin (FastCGI 1.0, 6.4). */
  readonly data?: Upload | undefined;
  /** Default: responder. */
  readonly role?: Role;
  /** For the whole request, from the call on; not counted is the time that whoever takes the answer needs for it. */
  readonly timeoutMs: number;
  readonly connectTimeoutMs?: number | undefined;
  /** Sets FCGI_KEEP_CONN. The connection is closed by us after the answer in any case. */
  readonly keepConnection?: boolean;
}

/** Who is told what happens. */
export interface ExchangeListener extends AnswerTaker {
  connected?(): void;
  /** Every record that is sent, as its bytes. */
  sent?(record: Uint8Array): void;
  /** What of the answer has been kept so far, for the error if it comes to that. */
  kept(): { readonly stdout: Buffer; readonly stderr: Buffer };
}

/** How it ended. */
export interface ExchangeEnd extends EndRequest {
  readonly timing: Timing;
}

const requestId = 1;

/**
 * Sends one request and resolves when FCGI_END_REQUEST has come and all of the answer has been taken.
 *
 * Rejects with a FastCgiError, or with what an upload or the listener threw.
 */
export function exchange(options: ExchangeOptions, listener: ExchangeListener): Promise<ExchangeEnd> {
  return new Promise((resolve, reject) => new Exchange(options, listener, resolve, reject).start());
}

/** One request and its answer. The first reason to end it wins; whatever happens after that is nobody's business. */
class Exchange {
  readonly #options: ExchangeOptions;
  readonly #listener: ExchangeListener;
  readonly #resolve: (end: ExchangeEnd) => void;
  readonly #reject: (error: unknown) => void;
  readonly #reader: AnswerReader;
  readonly #startedAt = performance.now();
  readonly #limit: Countdown;
  readonly #connectLimit: Countdown;
  #socket: Socket | undefined;
  #connectMs: number | undefined;
  #firstByteMs: number | undefined;
  #isSettled = false;
  /** While pieces are being taken; then the news that the connection has closed have to wait. */
  #isHeld = false;
  #closed: FastCgiErrorDetails | undefined;

  constructor(
    options: ExchangeOptions,
    listener: ExchangeListener,
    resolve: (end: ExchangeEnd) => void,
    reject: (error: unknown) => void,
  ) {
    this.#options = options;
    this.#listener = listener;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#reader = new AnswerReader(requestId, listener);
    const { timeoutMs, connectTimeoutMs = Number.POSITIVE_INFINITY } = options;
    this.#limit = new Countdown(timeoutMs, () => this.#timeOut(timeoutMs));
    this.#connectLimit = new Countdown(connectTimeoutMs, () => this.#timeOut(connectTimeoutMs));
  }

  start(): void {
    const { listen } = this.#options;
    if (isPathTooLong(listen)) {
      const message = `${this.#cannotConnect}: the path is longer than ${maxUnixPathBytes} bytes`;
      this.#fail("FCGI_CONNECT_FAILED", message, { errno: "ENAMETOOLONG" });
      return;
    }
    this.#limit.run();
    this.#connectLimit.run();
    this.#open(listen);
  }

  #open(listen: Address): void {
    const socket = createConnection({ ...toNetOptions(listen), allowHalfOpen: true, noDelay: true });
    this.#socket = socket;
    socket.on("connect", () => this.#connected(socket));
    socket.on("data", (chunk) => this.#receive(socket, chunk));
    socket.on("error", (error: NodeJS.ErrnoException) => this.#break(error));
    socket.on("end", () => this.#cutShort());
    socket.on("close", () => this.#cutShort());
  }

  #connected(socket: Socket): void {
    this.#connectMs = this.#elapsed();
    this.#connectLimit.hold();
    this.#listener.connected?.();
    this.#send(socket).catch((error: unknown) => this.#settle(() => this.#reject(error)));
  }

  async #send(socket: Socket): Promise<void> {
    const { params, stdin, data, role: asked = role.responder, keepConnection = false } = this.#options;
    socket.cork();
    this.#write(socket, beginRequest(requestId, { role: asked, keepConnection }));
    for (const record of encodeParams(requestId, toPairs(params))) this.#write(socket, record);
    if (stdin === undefined) this.#write(socket, endOfStream(recordType.stdin, requestId));
    socket.uncork();
    if (stdin !== undefined) await this.#upload(socket, recordType.stdin, stdin);
    if (asked === role.filter) await this.#upload(socket, recordType.data, data ?? new Uint8Array(0));
  }

  async #upload(socket: Socket, type: number, upload: Upload): Promise<void> {
    for await (const piece of piecesOf(upload)) {
      await this.#sendPiece(socket, type, piece);
      if (socket.destroyed) return;
    }
    this.#write(socket, endOfStream(type, requestId));
  }

  /**
   * Between two records the event loop gets to read. An application may answer without reading its stdin and close: a write that
   * fails then makes Node destroy the socket, and with it the answer that waits to be read. (What closes in the instant between
   * our read and our write is still lost, as it is for nginx.)
   */
  async #sendPiece(socket: Socket, type: number, piece: Uint8Array): Promise<void> {
    for (const record of encodeStream(type, requestId, piece)) {
      if (socket.destroyed) return;
      if (this.#write(socket, record)) continue;
      await drained(socket);
      await nextTurn();
    }
  }

  #write(socket: Socket, record: Uint8Array): boolean {
    this.#listener.sent?.(record);
    return socket.write(record);
  }

  /** Whoever takes the answer may block in it, as a write to a pipe does: the limit is held meanwhile. */
  #receive(socket: Socket, chunk: Buffer): void {
    this.#firstByteMs ??= this.#elapsed();
    this.#limit.hold();
    const failure = this.#push(chunk);
    const waits = this.#reader.takeWaits();
    if (waits.length === 0) this.#goOn(failure);
    else void this.#holdBack(socket, waits, failure);
  }

  #push(chunk: Buffer): AnswerFailure | undefined {
    try {
      return this.#reader.push(chunk);
    } catch (error) {
      this.#settle(() => this.#reject(error));
      return undefined;
    }
  }

  /** Reads nothing more until all that came has been taken: thus the application is held back, and memory is bounded. */
  async #holdBack(socket: Socket, waits: Promise<undefined>[], failure: AnswerFailure | undefined): Promise<void> {
    this.#isHeld = true;
    socket.pause();
    try {
      await Promise.all(waits);
    } catch (error) {
      this.#settle(() => this.#reject(error));
    }
    this.#isHeld = false;
    this.#goOn(failure);
    if (this.#isSettled) return;
    if (this.#closed !== undefined) this.#cutShort(this.#closed);
    else socket.resume();
  }

  #goOn(failure: AnswerFailure | undefined): void {
    if (this.#isSettled) return;
    if (failure !== undefined) this.#fail(failure.code, failure.message);
    else if (this.#reader.end !== undefined) this.#finish(this.#reader.end);
    else this.#limit.run();
  }

  #finish(end: EndRequest): void {
    if (end.protocolStatus === protocolStatus.requestComplete) {
      this.#settle(() => this.#resolve({ ...end, timing: this.#timing() }));
      return;
    }
    const name = nameProtocolStatus(end.protocolStatus);
    this.#fail("FCGI_REQUEST_REFUSED", `Cannot get an answer: the application refused the request (${name})`);
  }

  #break(cause: NodeJS.ErrnoException): void {
    const details = { errno: cause.code, cause };
    if (this.#connectMs !== undefined) this.#cutShort(details);
    else this.#fail("FCGI_CONNECT_FAILED", `${this.#cannotConnect}: ${cause.code ?? cause.message}`, details);
  }

  #cutShort(details: FastCgiErrorDetails = {}): void {
    this.#closed ??= details;
    if (this.#isHeld) return;
    const why = details.errno === undefined ? "" : ` (${details.errno})`;
    const message = `Cannot read the answer: the connection closed before FCGI_END_REQUEST${why}`;
    this.#fail("FCGI_ANSWER_CUT_SHORT", message, details);
  }

  #timeOut(limitMs: number): void {
    const doing = this.#connectMs === undefined ? this.#cannotConnect : "Cannot get an answer";
    this.#fail("FCGI_TIMED_OUT", `${doing}: not done in ${limitMs} ms`);
  }

  #fail(code: FastCgiErrorCode, message: string, details: FastCgiErrorDetails = {}): void {
    if (this.#isSettled) return;
    const { end } = this.#reader;
    const ended = { appStatus: end?.appStatus, protocolStatus: end?.protocolStatus };
    const partial = { ...this.#listener.kept(), ...ended, timing: this.#timing() };
    this.#settle(() => this.#reject(new FastCgiError(code, message, { ...details, partial })));
  }

  #settle(tell: () => void): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#limit.hold();
    this.#connectLimit.hold();
    this.#socket?.destroy();
    tell();
  }

  #timing(): Timing {
    return { connectMs: this.#connectMs, firstByteMs: this.#firstByteMs, totalMs: this.#elapsed() };
  }

  #elapsed(): number {
    return performance.now() - this.#startedAt;
  }

  get #cannotConnect(): string {
    return `Cannot connect to ${formatAddress(this.#options.listen)}`;
  }
}

function piecesOf(upload: Upload): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  if (typeof upload === "string") return [toBytes(upload)];
  return Symbol.asyncIterator in upload ? upload : [upload];
}

function toPairs(params: ExchangeOptions["params"]): Iterable<PairInput> {
  return Symbol.iterator in params ? (params as Iterable<PairInput>) : Object.entries(params);
}
