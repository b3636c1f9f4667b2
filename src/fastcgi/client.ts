/** One request to a FastCGI application, as a web server makes it: the answer as a whole, or as it comes. */
import type { AnswerTaker, Taken } from "./answer.ts";
import { AnswerHeadReader } from "./answer-head.ts";
import { type CgiHead, findHeader, type Header, parseCgiHead } from "./cgi-response.ts";
import { FastCgiError, type FastCgiErrorDetails, type Timing } from "./errors.ts";
import { type ExchangeEnd, type ExchangeListener, type ExchangeOptions, exchange } from "./exchange.ts";

/** What to ask, and of whom. */
export interface RequestOptions extends ExchangeOptions {
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

const defaultMaxAnswerBytes = 64 * 1024 * 1024;

/**
 * Sends one request on a connection of its own and resolves with the complete answer.
 *
 * Rejects with a FastCgiError: see FastCgiErrorCode for each way to fail. What had come until then is in its `partial`.
 */
export async function request(options: RequestOptions): Promise<Answer> {
  const answer = new KeptAnswer(options.maxAnswerBytes ?? defaultMaxAnswerBytes);
  const end = await exchange(options, answer);
  const { stdout, stderr } = answer.kept();
  const result = parseCgiHead(stdout);
  if (!result.ok) throw malformed(result.message, end, { stdout, stderr });
  const { status, reason, headers, bodyOffset } = result.head;
  const header = (name: string) => findHeader(headers, name);
  return { status, reason, headers, header, body: stdout.subarray(bodyOffset), stderr, ...end };
}

/** The whole answer in memory, as far as it may be. */
class KeptAnswer implements ExchangeListener {
  readonly #maxBytes: number;
  readonly #stdout: Uint8Array[] = [];
  readonly #stderr: Uint8Array[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  stdout(piece: Uint8Array): Taken {
    return this.#keep(this.#stdout, piece);
  }

  stderr(piece: Uint8Array): Taken {
    return this.#keep(this.#stderr, piece);
  }

  kept(): { stdout: Buffer; stderr: Buffer } {
    return { stdout: Buffer.concat(this.#stdout), stderr: Buffer.concat(this.#stderr) };
  }

  #keep(stream: Uint8Array[], piece: Uint8Array): Taken {
    this.#bytes += piece.length;
    if (this.#bytes > this.#maxBytes) {
      const message = `Cannot keep the answer: it is longer than ${this.#maxBytes} bytes`;
      return { code: "FCGI_ANSWER_TOO_LARGE", message };
    }
    stream.push(piece);
    return undefined;
  }
}

/** Who takes an answer as it comes. A promise holds the application back until it is settled. */
export interface StreamListener extends Pick<ExchangeListener, "connected" | "sent" | "received"> {
  /** Once, before the first piece of the body. */
  head(head: CgiHead): Taken;
  body: AnswerTaker["stdout"];
  stderr: AnswerTaker["stderr"];
}

/** How a streamed answer ended. */
export interface StreamEnd extends ExchangeEnd {
  readonly head: CgiHead;
}

/**
 * Sends one request as `request` does, and hands the answer on as it comes, in bounded memory.
 *
 * Rejects with a FastCgiError whose `partial` has the first bytes of stdout, or with what the listener threw. What is no CGI
 * response is refused at its end, so that what the application has to say on stderr is heard.
 */
export async function streamRequest(options: ExchangeOptions, listener: StreamListener): Promise<StreamEnd> {
  const reader = new AnswerHeadReader(listener);
  const kept = () => ({ stdout: reader.firstBytes, stderr: Buffer.alloc(0) });
  const end = await exchange(options, {
    connected: () => listener.connected?.(),
    ...(listener.sent && { sent: (record) => listener.sent?.(record) }),
    ...(listener.received && { received: (record) => listener.received?.(record) }),
    stdout: (piece) => reader.stdout(piece),
    stderr: (piece) => listener.stderr(piece),
    kept,
  });
  const result = reader.result();
  if (!result.ok) throw malformed(result.message, end, kept());
  return { head: result.head, ...end };
}

function malformed(message: string, end: ExchangeEnd, kept: { stdout: Buffer; stderr: Buffer }): FastCgiError {
  const details: FastCgiErrorDetails = { partial: { ...kept, ...end } };
  return new FastCgiError("FCGI_ANSWER_MALFORMED", message, details);
}
