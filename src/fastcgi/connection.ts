/** One connection from a web server: which requests are open on it, and when it ends. */
import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { FastCgiError } from "./errors.ts";
import { Output } from "./output.ts";
import { type Handler, type RequestHost, ServedRequest } from "./served-request.ts";
import { managementId, protocolStatus, recordType, role, valueName } from "./wire/constants.ts";
import { RecordDecoder, type WireRecord } from "./wire/decoder.ts";
import { decodePairs, type ParamsFailure, type ParamsLimits } from "./wire/params.ts";
import { type BeginRequest, endRequest, getValuesResult, readBeginRequest, unknownType } from "./wire/record.ts";

/** What one connection may ask of us. Times are in milliseconds. */
export interface ConnectionLimits {
  /** Told in answer to FCGI_GET_VALUES; kept by the server. */
  readonly maxConnections: number;
  /** Handlers at work for one connection, those of aborted requests included. One more is OVERLOADED. */
  readonly maxRequestsPerConnection: number;
  readonly params: ParamsLimits;
  /** After the last answer we wait so long for the peer to close, so that no reset overtakes what it has not read. */
  readonly lingerMs: number;
  /** A peer that stops in the middle of what it owes, or does not take its answer, is left after this time. */
  readonly stallMs: number;
}

/** What a connection tells its server. */
export interface ConnectionHost {
  readonly handler: Handler;
  readonly limits: ConnectionLimits;
  /** What a peer did wrong: the connection is closed. */
  problem(error: FastCgiError): void;
}

export class Connection implements RequestHost {
  readonly output: Output;
  readonly paramsLimits: ParamsLimits;
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #decoder = new RecordDecoder();
  readonly #open = new Map<number, ServedRequest>();
  /** Handlers that have not come to an end. */
  #working = 0;
  #hasServed = false;
  /** The connection ends with its last open request. */
  #endsWhenIdle = false;
  #isLeaving = false;

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket;
    this.#host = host;
    this.output = new Output(socket);
    this.paramsLimits = host.limits.params;
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("end", () => this.#peerEnded());
    socket.on("close", () => this.#closed());
    // A peer that went away is no error of ours; "close" follows.
    socket.on("error", () => {});
    socket.setTimeout(host.limits.stallMs, () => this.#judgeSilence());
  }

  /** Ends the connection as soon as no request is lost by it. One that has not had any yet gets a moment for its first. */
  async stop(): Promise<void> {
    this.#endsWhenIdle = true;
    if (!this.#hasServed && this.#open.size === 0) {
      const timer = setTimeout(() => this.#leaveIfIdle(), this.#host.limits.lingerMs);
      this.#socket.once("close", () => clearTimeout(timer));
      return;
    }
    // What has arrived already is read first: a web server may have just sent its next request.
    await nextTurn();
    await nextTurn();
    if (this.#decoder.isBetweenRecords) this.#leaveIfIdle();
  }

  requestEnded(request: ServedRequest): void {
    if (this.#open.get(request.id) === request) this.#open.delete(request.id);
    if (this.#endsWhenIdle) this.#leaveIfIdle();
  }

  /** Holds the socket back while a body waits to be read. Until then an abort that stands behind that body is not seen either. */
  flowChanged(): void {
    const isFull = !this.#isLeaving && [...this.#open.values()].some((request) => request.isBodyFull);
    if (isFull) this.#socket.pause();
    else this.#socket.resume();
  }

  #receive(chunk: Buffer): void {
    if (this.#isLeaving) return;
    for (const record of this.#decoder.push(chunk)) {
      this.#take(record);
      if (this.#isLeaving || this.#socket.destroyed) return;
    }
    if (this.#decoder.failure !== undefined) this.#refusePeer(this.#decoder.failure.message);
    else if (this.#endsWhenIdle && this.#hasServed && this.#decoder.isBetweenRecords) this.#leaveIfIdle();
  }

  #take(record: WireRecord): void {
    if (record.id === managementId) this.#manage(record);
    else if (record.type === recordType.beginRequest) this.#begin(record);
    else this.#pass(record, this.#open.get(record.id));
  }

  /** Records of a request that is not open, or of types that are not for us, are ignored (3.3): it may have just ended. */
  #pass({ type, content }: WireRecord, request: ServedRequest | undefined): void {
    if (request === undefined) return;
    if (type === recordType.params) this.#takeParams(request, content);
    else if (type === recordType.stdin) this.#takeStdin(request, content);
    else if (type === recordType.abortRequest) request.abort();
  }

  /** FCGI_BEGIN_REQUEST (5.1). */
  #begin({ id, content }: WireRecord): void {
    const begin = readBeginRequest(content);
    if (begin === undefined) this.#refusePeer(`Cannot begin request ${id}: its record is too short`);
    else if (this.#open.has(id)) this.#refusePeer(`Cannot begin request ${id}: it is open already`);
    else this.#admit(id, begin);
  }

  #admit(id: number, begin: BeginRequest): void {
    this.#hasServed = true;
    if (!begin.keepConnection) this.#endsWhenIdle = true;
    if (begin.role !== role.responder) this.#decline(id, protocolStatus.unknownRole);
    else if (this.#isOverloaded) this.#decline(id, protocolStatus.overloaded);
    else this.#open.set(id, new ServedRequest(id, this));
  }

  get #isOverloaded(): boolean {
    const waiting = [...this.#open.values()].filter((request) => !request.hasStarted).length;
    return this.#working + waiting >= this.#host.limits.maxRequestsPerConnection;
  }

  /** Ends a request that never was: the rest of it is ignored (5.5). */
  #decline(id: number, status: number): void {
    this.output.send([endRequest(id, { appStatus: 0, protocolStatus: status })]);
    if (this.#endsWhenIdle) this.#leaveIfIdle();
  }

  #takeParams(request: ServedRequest, content: Uint8Array): void {
    const outcome = content.length === 0 ? this.#start(request) : request.takeParams(content);
    if (outcome === undefined) return;
    if (outcome.reason === "cut") this.#refusePeer(outcome.message);
    else request.refuse();
  }

  #start(request: ServedRequest): ParamsFailure | undefined {
    if (request.hasStarted) return undefined;
    const outcome = request.start(this.#host.handler);
    if (!(outcome instanceof Promise)) return outcome;
    this.#working += 1;
    void outcome.finally(() => {
      this.#working -= 1;
    });
    return undefined;
  }

  /** A body that waits for parameters behind it would wait for ever. */
  #takeStdin(request: ServedRequest, content: Uint8Array): void {
    request.takeStdin(content);
    if (!request.hasStarted && request.isBodyFull) {
      this.#refusePeer(`Cannot take request ${request.id}: its body comes before its parameters`);
    }
  }

  /** Management records (4.1, 4.2). */
  #manage({ type, content }: WireRecord): void {
    if (type === recordType.getValues) this.#tellValues(content);
    else this.output.send([unknownType(type)]);
  }

  /** One record, with what was asked for and is known. */
  #tellValues(content: Uint8Array): void {
    const asked = decodePairs(content);
    if (!asked.ok) {
      this.#refusePeer(asked.failure.message);
      return;
    }
    const names = new Set(asked.pairs.map(([name]) => name));
    this.output.send([getValuesResult(this.#knownValues().filter(([name]) => names.has(name)))]);
  }

  #knownValues(): (readonly [string, string])[] {
    const { maxConnections, maxRequestsPerConnection } = this.#host.limits;
    return [
      [valueName.maxConnections, String(maxConnections)],
      [valueName.maxRequests, String(maxConnections * maxRequestsPerConnection)],
      [valueName.multiplexes, "1"],
    ];
  }

  /** Nothing it says can be trusted now. */
  #refusePeer(message: string): void {
    this.#socket.destroy();
    this.#host.problem(new FastCgiError("FCGI_PROTOCOL_VIOLATED", message));
  }

  /**
   * The peer sends no more. A web server that closes has given up, so handlers are told; but one that has only ended its side may
   * still read, so requests that are complete may finish. The first write to a peer that is gone ends it.
   */
  #peerEnded(): void {
    this.#endsWhenIdle = true;
    for (const request of [...this.#open.values()]) {
      if (request.isReceived) request.tellAborted("The web server closed the connection");
      else this.#drop(request);
    }
    this.#leaveIfIdle();
  }

  #drop(request: ServedRequest): void {
    request.disconnect();
    this.#open.delete(request.id);
  }

  #closed(): void {
    for (const request of [...this.#open.values()]) this.#drop(request);
  }

  #leaveIfIdle(): void {
    if (this.#open.size === 0) this.#leave();
  }

  /** Ends our side when all is written, then reads on into nothing until the peer ends its own. */
  #leave(): void {
    if (this.#isLeaving || this.#socket.destroyed) return;
    this.#isLeaving = true;
    this.#socket.resume();
    this.#socket.end(() => this.#linger());
  }

  #linger(): void {
    const timer = setTimeout(() => this.#socket.destroy(), this.#host.limits.lingerMs);
    if (this.#socket.closed) clearTimeout(timer);
    else this.#socket.once("close", () => clearTimeout(timer));
  }

  /** Silence on a connection that is idle, or while a handler works, is no fault of the peer. */
  #judgeSilence(): void {
    const owesParams = [...this.#open.values()].some((request) => !request.hasStarted);
    const owesRecord = !this.#socket.isPaused() && !this.#decoder.isBetweenRecords;
    if (!owesParams && !owesRecord && this.#socket.writableLength === 0) return;
    this.#refusePeer(`Cannot go on: the web server has been silent for ${this.#host.limits.stallMs} ms`);
  }
}
