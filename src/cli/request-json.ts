/** The answer of `fcgi-pm request --json`: all that is known of one request, as one object. */
import type { FcgiPmError } from "../errors.ts";
import { formatAddress } from "../fastcgi/address.ts";
import type { Taken } from "../fastcgi/answer.ts";
import type { CgiHead } from "../fastcgi/cgi-response.ts";
import type { PartialAnswer, Timing } from "../fastcgi/errors.ts";
import { nameProtocolStatus } from "../fastcgi/wire/constants.ts";
import { asText } from "../fastcgi/wire/describe.ts";
import { readText } from "../fastcgi/wire/text.ts";
import type { Asked } from "./request-address.ts";
import type { Output } from "./request-output.ts";
import type { Said } from "./request-params.ts";

/** The version of this shape. It rises when a field changes its meaning or goes; new fields do not raise it. */
const requestVersion = 1;

/** More than this is not kept in memory: `-o` takes it. */
const mostBodyBytes = 64 * 1024 * 1024;

/** Gathers the answer. */
export class Gathered {
  #head: CgiHead | undefined;
  readonly #body: Uint8Array[] = [];
  readonly #stderr: Uint8Array[] = [];
  readonly #output: Output | undefined;
  #bytes = 0;

  /** With an output the body goes there. */
  constructor(output: Output | undefined) {
    this.#output = output;
  }

  head(head: CgiHead): undefined {
    this.#head = head;
  }

  body(piece: Uint8Array): Taken {
    return this.#output === undefined ? this.#keep(this.#body, piece) : this.#output.body(piece);
  }

  stderr(piece: Uint8Array): Taken {
    return this.#keep(this.#stderr, piece);
  }

  /** How it ended, or why it did not: then what has come until that. */
  describe(asked: Asked, said: Said, ended: Ended): object {
    const head = this.#head;
    return {
      version: requestVersion,
      address: formatAddress(asked.listen),
      app: asked.app ?? null,
      status: head?.status ?? null,
      reason: head?.reason ?? null,
      headers: head?.headers.map(([name, value]) => [name, readText(value)]) ?? null,
      ...describeBody(this.#bodyAfter(ended)),
      stderr: Buffer.concat(this.#stderr).toString(),
      appStatus: ended.appStatus ?? null,
      protocolStatus: ended.protocolStatus === undefined ? null : nameProtocolStatus(ended.protocolStatus),
      timing: describeTiming(ended.timing),
      params: Array.from(said.params, ([name, value]) => [name, asText(value)]),
      error: ended.error === undefined ? null : describeError(ended.error),
    };
  }

  #bodyAfter({ partial }: Ended): Buffer | null {
    if (this.#head === undefined) return partial?.stdout ?? null;
    return this.#output === undefined ? Buffer.concat(this.#body) : null;
  }

  #keep(stream: Uint8Array[], piece: Uint8Array): Taken {
    this.#bytes += piece.length;
    if (this.#bytes > mostBodyBytes) {
      const message = `Cannot keep the answer: it is longer than ${mostBodyBytes} bytes`;
      return { code: "FCGI_ANSWER_TOO_LARGE", message };
    }
    stream.push(piece);
    return undefined;
  }
}

/** What the end of a request tells. */
export interface Ended {
  readonly appStatus?: number | undefined;
  readonly protocolStatus?: number | undefined;
  readonly timing?: Timing | undefined;
  readonly partial?: PartialAnswer | undefined;
  readonly error?: FcgiPmError | undefined;
}

/** As text where it is UTF-8, else as base64. Without a head it is the beginning of what the program wrote. */
function describeBody(body: Buffer | null): object {
  if (body === null) return { body: null, bodyEncoding: null };
  const text = body.toString();
  const isText = Buffer.from(text).equals(body);
  return isText ? { body: text, bodyEncoding: "utf-8" } : { body: body.toString("base64"), bodyEncoding: "base64" };
}

function describeTiming(timing: Timing | undefined): object {
  const { connectMs = null, firstByteMs = null, totalMs = null } = timing ?? {};
  return { connectMs, firstByteMs, totalMs };
}

function describeError({ code, message, remedy }: FcgiPmError): object {
  return { code, message, remedy };
}
