/** Gathers the records that answer one request. It knows the rules of the conversation, but no socket and no clock. */
import type { FastCgiErrorCode } from "./errors.ts";
import { recordType } from "./wire/constants.ts";
import { RecordDecoder, type WireRecord } from "./wire/decoder.ts";
import { type EndRequest, readEndRequest } from "./wire/record.ts";

/** Why the answer is refused. */
export interface AnswerFailure {
  readonly code: FastCgiErrorCode;
  readonly message: string;
}

/** What has come of an answer, a chunk at a time. */
export class AnswerReader {
  readonly #id: number;
  readonly #maxBytes: number;
  readonly #decoder = new RecordDecoder();
  readonly #stdout: Uint8Array[] = [];
  readonly #stderr: Uint8Array[] = [];
  #bytes = 0;
  #stdoutEnded = false;
  #end: EndRequest | undefined;

  constructor(id: number, maxBytes: number) {
    this.#id = id;
    this.#maxBytes = maxBytes;
  }

  /** How the request ended; undefined as long as FCGI_END_REQUEST has not come. */
  get end(): EndRequest | undefined {
    return this.#end;
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#stdout);
  }

  get stderr(): Buffer {
    return Buffer.concat(this.#stderr);
  }

  /** Takes what the application sent. Returns why it is refused, if it is. After FCGI_END_REQUEST not a byte may follow. */
  push(chunk: Uint8Array): AnswerFailure | undefined {
    for (const record of this.#decoder.push(chunk)) {
      const failure = this.#take(record);
      if (failure !== undefined) return failure;
    }
    if (this.#decoder.failure !== undefined) return violation(this.#decoder.failure.message);
    if (this.#end !== undefined && !this.#decoder.isBetweenRecords) return violation(afterEnd);
    return undefined;
  }

  #take(record: WireRecord): AnswerFailure | undefined {
    const { type, id, content } = record;
    if (this.#end !== undefined) return violation(afterEnd);
    if (id !== this.#id) {
      return violation(`Cannot read the answer: a record of type ${type} is for request ${id}, not ${this.#id}`);
    }
    if (type === recordType.stdout) return this.#takeStdout(content);
    if (type === recordType.stderr) return this.#keep(this.#stderr, content);
    if (type === recordType.endRequest) return this.#takeEnd(content);
    return violation(`Cannot read the answer: an application does not send records of type ${type}`);
  }

  #takeStdout(content: Uint8Array): AnswerFailure | undefined {
    if (this.#stdoutEnded && content.length > 0)
      return violation("Cannot read the answer: FCGI_STDOUT goes on after its end");
    this.#stdoutEnded ||= content.length === 0;
    return this.#keep(this.#stdout, content);
  }

  #keep(stream: Uint8Array[], content: Uint8Array): AnswerFailure | undefined {
    this.#bytes += content.length;
    if (this.#bytes > this.#maxBytes) {
      const message = `Cannot keep the answer: it is longer than ${this.#maxBytes} bytes`;
      return { code: "FCGI_ANSWER_TOO_LARGE", message };
    }
    if (content.length > 0) stream.push(content);
    return undefined;
  }

  #takeEnd(content: Uint8Array): AnswerFailure | undefined {
    this.#end = readEndRequest(content);
    if (this.#end === undefined)
      return violation(`Cannot read the answer: FCGI_END_REQUEST of ${content.length} bytes`);
    return undefined;
  }
}

const afterEnd = "Cannot read the answer: data follows FCGI_END_REQUEST";

function violation(message: string): AnswerFailure {
  return { code: "FCGI_PROTOCOL_VIOLATED", message };
}
