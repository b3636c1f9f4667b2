/** One request to a FastCGI application, as a web server makes it. */
import { createConnection, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Address, formatAddress, isPathTooLong, maxUnixPathBytes, toNetOptions } from "./address.ts";
import { AnswerReader } from "./answer.ts";
import { findHeader, type Header, parseCgiHead } from "./cgi-response.ts";
import { FastCgiError, type FastCgiErrorCode, type FastCgiErrorDetails, type Timing } from "./errors.ts";
import { drained } from "./socket.ts";
import { nameProtocolStatus, protocolStatus, recordType, role } from "./wire/constants.ts";
import type { PairInput } from "./wire/params.ts";
import {
  beginRequest,
  type EndRequest,
  params as encodeParams,
  stdin as encodeStdin,
  endOfStream,
} from "./wire/record.ts";

/** What to ask, and of whom. */
export interface RequestOptions {
  readonly listen: Address;
  /** Strings are sent as UTF-8, bytes as they are; `webServerParams` makes the usual ones. */
  readonly params: Iterable<PairInput> | Readonly<Record<string, string>>;
  /** The request's body. An iterable is read no faster than the application takes it; if it throws, so does `request`. */
  readonly stdin?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** For the whole request, from the call on. */
  readonly timeoutMs: number;
  /** Sets FCGI_KEEP_CONN. The connection is closed by us after the answer in any case. */
  readonly keepConnection?: boolean;
  /** Of stdout and stderr together. Default: 64 MiB. */
  readonly maxAnswerBytes?: number;
}

/** A complete answer. */
export interface Answer {
  readonly status: number;
  /** What the program wrote after the number; often empty. */
  readonly reason: string;
  /** In the order they came, without `Status`. Values are binary strings: a character for each byte. */
  readonly headers: readonly Header[];
  /** The last value of this header, whatever its case. */
  header(name: string): string | undefined;
  readonly body: Buffer;
  readonly stderr: Buffer;
  /** The application's own status in FCGI_END_REQUEST: by custom what it would have given to exit(). */
  readonly appStatus: number;
  readonly protocolStatus: number;
  readonly timing: Timing;
}

const requestId = 1;
const defaultMaxAnswerBytes = 64 * 1024 * 1024;

/**
 * Sends one request on a connection of its own and resolves with the complete answer.
 *
 * Rejects with a FastCgiError: see FastCgiErrorCode for each way to fail. What had come until then is in its `partial`.
 */
export function request(options: RequestOptions): Promise<Answer> {
  return new Promise((resolve, reject) => new Exchange(options, resolve, reject).start());
}

/** One request and its answer. The first reason to end it wins; whatever happens after that is nobody's business. */
class Exchange {
  readonly #options: RequestOptions;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: unknown) => void;
  readonly #reader: AnswerReader;
  readonly #startedAt = performance.now();
  readonly #settled = new AbortController();
  #socket: Socket | undefined;
  #connectMs: number | undefined;
  #firstByteMs: number | undefined;

  constructor(options: RequestOptions, resolve: (answer: Answer) => void, reject: (error: unknown) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#reader = new AnswerReader(requestId, options.maxAnswerBytes ?? defaultMaxAnswerBytes);
  }

  start(): void {
    const { listen, timeoutMs } = this.#options;
    if (isPathTooLong(listen)) {
      const message = `${this.#cannotConnect}: the path is longer than ${maxUnixPathBytes} bytes`;
      this.#fail("FCGI_CONNECT_FAILED", message, { errno: "ENAMETOOLONG" });
      return;
    }
    const timer = setTimeout(() => this.#timeOut(), timeoutMs);
    this.#settled.signal.addEventListener("abort", () => clearTimeout(timer));
    this.#open(listen);
  }

  #open(listen: Address): void {
    const socket = createConnection({ ...toNetOptions(listen), allowHalfOpen: true, noDelay: true });
    this.#socket = socket;
    socket.on("connect", () => this.#connected(socket));
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", (error: NodeJS.ErrnoException) => this.#break(error));
    socket.on("end", () => this.#cutShort());
    socket.on("close", () => this.#cutShort());
  }

  #connected(socket: Socket): void {
    this.#connectMs = this.#elapsed();
    this.#send(socket).catch((error: unknown) => this.#settle(() => this.#reject(error)));
  }

  async #send(socket: Socket): Promise<void> {
    const { params, stdin, keepConnection = false } = this.#options;
    socket.cork();
    socket.write(beginRequest(requestId, { role: role.responder, keepConnection }));
    for (const record of encodeParams(requestId, toPairs(params))) socket.write(record);
    if (stdin === undefined) socket.write(endOfStream(recordType.stdin, requestId));
    socket.uncork();
    if (stdin !== undefined) await this.#sendStdin(socket, stdin);
  }

  async #sendStdin(socket: Socket, stdin: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
    for await (const piece of Symbol.asyncIterator in stdin ? stdin : [stdin]) {
      await this.#sendPiece(socket, piece);
      if (socket.destroyed) return;
    }
    socket.write(endOfStream(recordType.stdin, requestId));
  }

  /**
   * Between two records the event loop gets to read. An application may answer without reading its stdin and close: a write that
   * fails then makes Node destroy the socket, and with it the answer that waits to be read. (What closes in the instant between
   * our read and our write is still lost, as it is for nginx.)
   */
  async #sendPiece(socket: Socket, piece: Uint8Array): Promise<void> {
    for (const record of encodeStdin(requestId, piece)) {
      if (socket.destroyed) return;
      if (socket.write(record)) continue;
      await drained(socket);
      await nextTurn();
    }
  }

  #receive(chunk: Buffer): void {
    this.#firstByteMs ??= this.#elapsed();
    const failure = this.#reader.push(chunk);
    if (failure !== undefined) this.#fail(failure.code, failure.message);
    else if (this.#reader.end !== undefined) this.#finish(this.#reader.end);
  }

  #finish(end: EndRequest): void {
    if (end.protocolStatus === protocolStatus.requestComplete) {
      this.#finishComplete(end);
      return;
    }
    const name = nameProtocolStatus(end.protocolStatus);
    this.#fail("FCGI_REQUEST_REFUSED", `Cannot get an answer: the application refused the request (${name})`);
  }

  #finishComplete(end: EndRequest): void {
    const { stdout, stderr } = this.#reader;
    const result = parseCgiHead(stdout);
    if (!result.ok) {
      this.#fail("FCGI_ANSWER_MALFORMED", result.message);
      return;
    }
    const { status, reason, headers, bodyOffset } = result.head;
    const header = (name: string) => findHeader(headers, name);
    const body = stdout.subarray(bodyOffset);
    const timing = this.#timing();
    this.#settle(() => this.#resolve({ status, reason, headers, header, body, stderr, ...end, timing }));
  }

  #break(cause: NodeJS.ErrnoException): void {
    const details = { errno: cause.code, cause };
    if (this.#connectMs !== undefined) this.#cutShort(details);
    else this.#fail("FCGI_CONNECT_FAILED", `${this.#cannotConnect}: ${cause.code ?? cause.message}`, details);
  }

  #cutShort(details: FastCgiErrorDetails = {}): void {
    const why = details.errno === undefined ? "" : ` (${details.errno})`;
    const message = `Cannot read the answer: the connection closed before FCGI_END_REQUEST${why}`;
    this.#fail("FCGI_ANSWER_CUT_SHORT", message, details);
  }

  #timeOut(): void {
    const doing = this.#connectMs === undefined ? this.#cannotConnect : "Cannot get an answer";
    this.#fail("FCGI_TIMED_OUT", `${doing}: not done in ${this.#options.timeoutMs} ms`);
  }

  #fail(code: FastCgiErrorCode, message: string, details: FastCgiErrorDetails = {}): void {
    if (this.#settled.signal.aborted) return;
    const { stdout, stderr, end } = this.#reader;
    const ended = { appStatus: end?.appStatus, protocolStatus: end?.protocolStatus };
    const partial = { stdout, stderr, ...ended, timing: this.#timing() };
    this.#settle(() => this.#reject(new FastCgiError(code, message, { ...details, partial })));
  }

  #settle(tell: () => void): void {
    if (this.#settled.signal.aborted) return;
    this.#settled.abort();
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

function toPairs(params: RequestOptions["params"]): Iterable<PairInput> {
  return Symbol.iterator in params ? (params as Iterable<PairInput>) : Object.entries(params);
}
