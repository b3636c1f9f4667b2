/** The head of a CGI response out of an answer that comes in pieces; the body is handed on. Pure. */
import { isFailure, type Taken } from "./answer.ts";
import { type CgiHead, type CgiHeadResult, maxHeadBytes, parseCgiHead } from "./cgi-response.ts";

/** Who takes the parts. */
export interface PartsTaker {
  head(head: CgiHead): Taken;
  body(piece: Uint8Array): Taken;
}

const lineFeed = 0x0a;

/** Two line ends with nothing between them, or one at the very start. */
const headEnd = /^\r?\n|\n\r?\n/;

/** How much of an answer that is no CGI response is kept to be shown. */
const mostFirstBytes = 4096;

/** Takes FCGI_STDOUT. */
export class AnswerHeadReader {
  readonly #taker: PartsTaker;
  #first: Buffer = Buffer.alloc(0);
  /** What has come of a head that is not complete; undefined after it. */
  #begun: Buffer[] | undefined = [];
  #begunBytes = 0;
  #result: CgiHeadResult | undefined;

  constructor(taker: PartsTaker) {
    this.#taker = taker;
  }

  /** What the application wrote first. */
  get firstBytes(): Buffer {
    return this.#first;
  }

  stdout(piece: Uint8Array): Taken {
    if (this.#first.length < mostFirstBytes) this.#keepFirst(piece);
    if (this.#begun !== undefined) return this.#begin(this.#begun, piece);
    return this.#result?.ok === true ? this.#taker.body(piece) : undefined;
  }

  /** The head, or why there is none, now that the answer is over. */
  result(): CgiHeadResult {
    this.#result ??= parseCgiHead(Buffer.concat(this.#begun ?? []));
    return this.#result;
  }

  #keepFirst(piece: Uint8Array): void {
    this.#first = Buffer.concat([this.#first, piece.subarray(0, mostFirstBytes - this.#first.length)]);
  }

  #begin(begun: Buffer[], piece: Uint8Array): Taken {
    begun.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
    this.#begunBytes += piece.length;
    const isTooLong = this.#begunBytes > maxHeadBytes;
    if (!isTooLong && !piece.includes(lineFeed)) return undefined;
    const all = Buffer.concat(begun);
    if (!isTooLong && !headEnd.test(all.toString("latin1"))) return undefined;
    this.#begun = undefined;
    this.#result = parseCgiHead(all);
    return this.#result.ok ? this.#handOn(this.#result.head, all) : undefined;
  }

  #handOn(head: CgiHead, all: Buffer): Taken {
    const body = all.subarray(head.bodyOffset);
    const taken = this.#taker.head(head);
    if (body.length === 0 || (taken !== undefined && isFailure(taken))) return taken;
    const rest = this.#taker.body(body);
    if (taken === undefined || (rest !== undefined && isFailure(rest))) return rest;
    return Promise.all([taken, rest]).then(() => undefined);
  }
}
