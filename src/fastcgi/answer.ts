/** Reads the records that answer one request. It knows the rules of the conversation, but no socket and no clock. */
import type { FastCgiErrorCode } from "./errors.ts";
import { recordType } from "./wire/constants.ts";
import { RecordDecoder, type WireRecord } from "./wire/decoder.ts";
import { type EndRequest, readEndRequest } from "./wire/record.ts";

/** Why the answer is refused. */
export interface AnswerFailure {
  readonly code: FastCgiErrorCode;
  readonly message: string;
}

/** What came of taking a piece: nothing, a promise for when more may come, or why the answer is refused. */
export type Taken = undefined | Promise<undefined> | AnswerFailure;

/** Told apart by its code: a promise may come from anywhere. */
export function isFailure(taken: Exclude<Taken, undefined>): taken is AnswerFailure {
  return "code" in taken;
}

/** Who takes what the application says, in the order it came. Empty pieces, which end a stream, are not told. */
export interface AnswerTaker {
  stdout(piece: Uint8Array): Taken;
  stderr(piece: Uint8Array): Taken;
  /** Every record as it comes, before its content is taken. */
  received?(record: WireRecord): void;
}

/** Hands on an answer, a chunk at a time. */
export class AnswerReader {
  readonly #id: number;
  readonly #taker: AnswerTaker;
  readonly #decoder = new RecordDecoder();
  readonly #waits: Promise<undefined>[] = [];
  #stdoutEnded = false;
  #end: EndRequest | undefined;

  constructor(id: number, taker: AnswerTaker) {
    this.#id = id;
    this.#taker = taker;
  }

  /** How the request ended; undefined as long as FCGI_END_REQUEST has not come. */
  get end(): EndRequest | undefined {
    return this.#end;
  }

  /** What has to be settled before more may come, since this was asked last. */
  takeWaits(): Promise<undefined>[] {
    return this.#waits.splice(0);
  }

  /** Takes what the application sent. Returns why it is refused, if it is. After FCGI_END_REQUEST not a byte may follow. */
  push(chunk: Uint8Array): AnswerFailure | undefined {
    for (const record of this.#decoder.push(chunk)) {
      this.#taker.received?.(record);
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
    if (type === recordType.stderr) return this.#hand(content, (piece) => this.#taker.stderr(piece));
    if (type === recordType.endRequest) return this.#takeEnd(content);
    return violation(`Cannot read the answer: an application does not send records of type ${type}`);
  }

  #takeStdout(content: Uint8Array): AnswerFailure | undefined {
    if (this.#stdoutEnded && content.length > 0)
      return violation("Cannot read the answer: FCGI_STDOUT goes on after its end");
    this.#stdoutEnded ||= content.length === 0;
    return this.#hand(content, (piece) => this.#taker.stdout(piece));
  }

  #hand(content: Uint8Array, take: (piece: Uint8Array) => Taken): AnswerFailure | undefined {
    const taken = content.length > 0 ? take(content) : undefined;
    if (taken === undefined || isFailure(taken)) return taken;
    this.#waits.push(taken);
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
