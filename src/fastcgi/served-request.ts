/** One request of one connection, from FCGI_BEGIN_REQUEST to FCGI_END_REQUEST. */
import { inspect } from "node:util";
import { type Output, RequestOutput } from "./output.ts";
import { RequestBody } from "./request-body.ts";
import { type FastCgiResponse, sendResponse } from "./response.ts";
import { protocolStatus } from "./wire/constants.ts";
import { type Pair, ParamsDecoder, type ParamsFailure, type ParamsLimits } from "./wire/params.ts";
import { readText, toBytes } from "./wire/text.ts";

/** What a handler gets. */
export interface FastCgiRequest {
  /** CGI/1.1 parameters as text: UTF-8, or a character for each byte where they are not UTF-8. Of doubles the last. */
  readonly params: Map<string, string>;
  /** The parameters as they came: in order, doubles and all, a character for each byte. */
  readonly rawParams: readonly Pair[];
  /** FCGI_STDIN, to be read once. What is not read is dropped. */
  readonly body: AsyncIterable<Buffer>;
  /** Aborted when the web server gives the request up or its connection closes. */
  readonly signal: AbortSignal;
  /** Writes to the web server's error log (FCGI_STDERR). */
  stderr(text: string): void;
}

export type Handler = (request: FastCgiRequest) => FastCgiResponse | Promise<FastCgiResponse>;

/** What a request asks of its connection. */
export interface RequestHost {
  readonly output: Output;
  readonly paramsLimits: ParamsLimits;
  /** A body became full, or is no longer. */
  flowChanged(): void;
  /** FCGI_END_REQUEST has been sent, or cannot be. Said again when a handler outlives its request. */
  requestEnded(request: ServedRequest): void;
}

/** State belongs to the request, not to its id: a handler that outlives its request cannot disturb the next one of that id. */
export class ServedRequest {
  readonly id: number;
  readonly #host: RequestHost;
  readonly #params: ParamsDecoder;
  readonly #body: RequestBody;
  readonly #output: RequestOutput;
  readonly #controller = new AbortController();
  #hasStarted = false;
  #method = "GET";

  constructor(id: number, host: RequestHost) {
    this.id = id;
    this.#host = host;
    this.#params = new ParamsDecoder(host.paramsLimits);
    this.#body = new RequestBody(() => host.flowChanged());
    this.#output = new RequestOutput(id, host.output);
  }

  /** True once the parameters are complete and the handler was called. */
  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** True once the web server owes nothing more for this request. */
  get isReceived(): boolean {
    return this.#hasStarted && this.#body.hasEnded;
  }

  get isBodyFull(): boolean {
    return this.#body.isFull;
  }

  /** Some of FCGI_PARAMS (not its end). Returns why they are refused, if they are. */
  takeParams(content: Uint8Array): ParamsFailure | undefined {
    return this.#hasStarted ? undefined : this.#params.push(content);
  }

  /** The end of FCGI_PARAMS: calls the handler. Returns why the parameters are refused, or the end of the handler's work. */
  start(handler: Handler): ParamsFailure | Promise<void> {
    const result = this.#params.end();
    if (!result.ok) return result.failure;
    this.#hasStarted = true;
    return this.#run(handler, result.pairs);
  }

  /** Some of FCGI_STDIN; nothing is its end. */
  takeStdin(content: Uint8Array): void {
    if (content.length === 0) this.#body.end();
    else this.#body.push(content);
  }

  /** FCGI_ABORT_REQUEST: tells the handler and ends the request at once; what the handler still says is not sent (5.4). */
  abort(): void {
    this.tellAborted("The web server aborted the request");
    this.#end(1, protocolStatus.requestComplete);
  }

  /** The request cannot be served for want of room (5.5). */
  refuse(): void {
    this.tellAborted("The request is larger than we take");
    this.#end(0, protocolStatus.overloaded);
  }

  /** The connection is gone: nothing can be sent. */
  disconnect(): void {
    this.tellAborted("The connection closed");
    this.#output.close();
  }

  /** Tells the handler that nobody waits for its answer; what it answers is still sent. */
  tellAborted(why: string): void {
    if (this.#controller.signal.aborted) return;
    const reason = new DOMException(why, "AbortError");
    if (!this.isReceived) this.#body.fail(reason);
    this.#controller.abort(reason);
  }

  async #run(handler: Handler, rawParams: readonly Pair[]): Promise<void> {
    const params = new Map(rawParams.map(([name, value]) => [readText(name), readText(value)]));
    this.#method = params.get("REQUEST_METHOD") ?? this.#method;
    this.#body.expectedBytes = readContentLength(params.get("CONTENT_LENGTH"));
    try {
      const response = await handler(this.#describe(params, rawParams));
      if (!isObject(response)) throw new TypeError(`Cannot answer: the handler returned ${inspect(response)}`);
      this.#destroyOnAbort(response.body);
      await sendResponse(response, this.#method, this.#output);
    } catch (error) {
      await this.#fail(error);
    }
    this.#finish();
  }

  #describe(params: Map<string, string>, rawParams: readonly Pair[]): FastCgiRequest {
    const stderr = (text: string) => this.#output.writeStderr(toBytes(text));
    return { params, rawParams, body: this.#body, signal: this.#controller.signal, stderr };
  }

  /** A Node stream that waits for something does not hear of it otherwise. */
  #destroyOnAbort(body: unknown): void {
    if (!isObject(body) || !("destroy" in body)) return;
    const { destroy } = body;
    if (typeof destroy !== "function") return;
    const { signal } = this.#controller;
    if (signal.aborted) destroy.call(body);
    else signal.addEventListener("abort", () => destroy.call(body), { once: true });
  }

  /** The reason goes to the web server's log; the browser gets a 500, or an answer whose end does not look clean (6.2, 5.5). */
  async #fail(error: unknown): Promise<void> {
    if (this.#output.isClosed) return;
    this.#output.writeStderr(toBytes(explain(error)));
    if (this.#output.hasBegun) this.#output.end({ appStatus: 1, protocolStatus: protocolStatus.requestComplete });
    else await sendResponse({ status: 500, body: "Internal Server Error\n" }, this.#method, this.#output);
  }

  #end(appStatus: number, status: number): void {
    this.#output.end({ appStatus, protocolStatus: status });
    this.#finish();
  }

  #finish(): void {
    this.#body.drop();
    this.#host.requestEnded(this);
  }
}

function readContentLength(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** A stack for the log. What is thrown may be anything, even something that cannot be shown. */
function explain(error: unknown): string {
  try {
    return `${inspect(error)}\n`;
  } catch {
    return "The handler threw something that cannot be shown\n";
  }
}
