/** One request of one connection, from FCGI_BEGIN_REQUEST to FCGI_END_REQUEST. */
import type { Application, Exchange, RoleName } from "./application.ts";
import type { Output } from "./output.ts";
import { RequestInput } from "./request-input.ts";
import { RequestOutput } from "./request-output.ts";
import { protocolStatus } from "./wire/constants.ts";
import { type Pair, ParamsDecoder, type ParamsFailure, type ParamsLimits } from "./wire/params.ts";
import { readText } from "./wire/text.ts";

/** What a request asks of its connection. */
export interface RequestHost {
  readonly output: Output;
  readonly paramsLimits: ParamsLimits;
  /** Is no other request open? Then the connection may end with this one. */
  endsWith(request: ServedRequest): boolean;
  /** A stream of a request became full, or is no longer. */
  flowChanged(): void;
  /** FCGI_END_REQUEST has been sent, or cannot be. */
  requestEnded(request: ServedRequest): void;
  /** The request has ended and its handler too. */
  requestReleased(): void;
}

/** State belongs to the request, not to its id: a handler that outlives its request cannot disturb the next one of that id. */
export class ServedRequest implements Exchange {
  readonly id: number;
  readonly role: RoleName;
  readonly stdin: RequestInput;
  readonly data: RequestInput | undefined;
  readonly output: RequestOutput;
  readonly beganAtMs: number;
  rawParams: readonly Pair[] = [];
  onCut: (() => void) | undefined;
  readonly #host: RequestHost;
  #decoder: ParamsDecoder | undefined;
  #params: Map<string, string> | undefined;
  #isReady = false;
  #hasStarted = false;
  #hasEnded = false;
  #isReleased = false;
  #controller: AbortController | undefined;
  #abortReason: Error | undefined;

  constructor(id: number, role: RoleName, host: RequestHost, nowMs: number) {
    this.id = id;
    this.role = role;
    this.beganAtMs = nowMs;
    this.#host = host;
    this.#decoder = new ParamsDecoder(host.paramsLimits);
    const flowChanged = () => host.flowChanged();
    this.stdin = new RequestInput(flowChanged);
    // An authorizer has no body (6.3). A filter has its data behind its body (6.4).
    if (role === "authorizer") this.stdin.end();
    this.data = role === "filter" ? new RequestInput(flowChanged) : undefined;
    this.output = new RequestOutput(id, host.output, () => this.#ended());
  }

  /** True once the parameters are complete. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** True once the web server owes nothing more for this request. */
  get isReceived(): boolean {
    return this.#isReady && this.stdin.hasEnded && (this.data?.hasEnded ?? true);
  }

  /** True while the web server's next record is what keeps the handler waiting. */
  get isOwed(): boolean {
    return !this.#isReady || this.stdin.isOwed || this.data?.isOwed === true;
  }

  get isFull(): boolean {
    return this.stdin.isFull || this.data?.isFull === true;
  }

  /** CGI/1.1 parameters as text: UTF-8, or a character for each byte where they are not UTF-8. Of doubles the last. */
  get params(): Map<string, string> {
    this.#params ??= new Map(this.rawParams.map(([name, value]) => [readText(name), readText(value)]));
    return this.#params;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    return this.#controller.signal;
  }

  /** Some of FCGI_PARAMS; nothing is its end. Returns why they are refused, if they are. */
  takeParams(content: Uint8Array): ParamsFailure | undefined {
    if (this.#decoder === undefined) return undefined;
    if (content.length > 0) return this.#decoder.push(content);
    const result = this.#decoder.end();
    if (!result.ok) return result.failure;
    this.#decoder = undefined;
    this.rawParams = result.pairs;
    this.#isReady = true;
    this.#expect();
    return undefined;
  }

  /** Hands it to the application, once. */
  start(application: Application): void {
    if (this.#hasStarted || !this.#isReady) return;
    this.#hasStarted = true;
    application(this);
  }

  /** Some of FCGI_STDIN or FCGI_DATA; nothing is its end. */
  take(stream: RequestInput | undefined, content: Uint8Array): void {
    if (content.length === 0) stream?.end();
    else stream?.push(content);
  }

  /** FCGI_ABORT_REQUEST: tells the handler and ends the request at once; what the handler still says is not sent (5.4). */
  abort(): void {
    this.#cut("The web server aborted the request", 1, protocolStatus.requestComplete);
  }

  /** The request cannot be served for want of room (5.5). */
  refuse(): void {
    this.#cut("The request is larger than we take", 0, protocolStatus.overloaded);
  }

  /** The connection is gone: nothing can be sent. */
  disconnect(): void {
    this.output.close();
    this.onCut?.();
    this.tellAborted("The connection closed");
  }

  /** Tells the handler that nobody waits for its answer; what it answers is still sent. */
  tellAborted(why: string): void {
    if (this.#abortReason !== undefined) return;
    const reason = new DOMException(why, "AbortError");
    this.#abortReason = reason;
    if (!this.stdin.hasEnded) this.stdin.fail(reason);
    if (this.data?.hasEnded === false) this.data.fail(reason);
    this.#controller?.abort(reason);
  }

  /**
   * Web servers pass over the application's status (nginx was seen to), and a browser would take what it got for the whole. What it
   * cannot overlook is a connection that ends without FCGI_END_REQUEST; where others share it, the status has to do (5.5).
   */
  breakOff(): void {
    this.output.flush();
    if (this.#host.endsWith(this)) this.output.close();
    else this.output.cut({ appStatus: 1, protocolStatus: protocolStatus.requestComplete });
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#host.requestReleased();
  }

  /** The end goes first: what a listener of the signal writes must not come before it. */
  #cut(why: string, appStatus: number, status: number): void {
    this.output.cut({ appStatus, protocolStatus: status });
    this.onCut?.();
    this.tellAborted(why);
  }

  /** Nobody reads any more. A request whose handler never ran has nobody to release it. */
  #ended(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#host.requestEnded(this);
    if (!this.#hasStarted) this.release();
  }

  /** What is promised (6.2, 6.4). */
  #expect(): void {
    for (const [name, value] of this.rawParams) {
      if (name === "CONTENT_LENGTH") this.stdin.expectedBytes = readLength(value);
      else if (name === "FCGI_DATA_LENGTH" && this.data !== undefined) this.data.expectedBytes = readLength(value);
    }
  }
}

function readLength(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
