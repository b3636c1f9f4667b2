/** One connection from a web server: which requests are open on it, and when it ends. */
import type { Socket } from "node:net";
import type { Application, RoleName } from "./application.ts";
import { FastCgiError } from "./errors.ts";
import type { ConnectionLimits } from "./limits.ts";
import { answerManagement } from "./management.ts";
import { Output } from "./output.ts";
import { onChunk } from "./read-buffer.ts";
import type { RequestInput } from "./request-input.ts";
import { type RequestHost, ServedRequest } from "./served-request.ts";
import { managementId, protocolStatus, recordType, role } from "./wire/constants.ts";
import { RecordDecoder, type WireRecord } from "./wire/decoder.ts";
import type { ParamsLimits } from "./wire/params.ts";
import { type BeginRequest, endOfStream, endRequest, readBeginRequest } from "./wire/record.ts";

/** What a connection tells its server. */
export interface ConnectionHost {
  readonly application: Application;
  readonly roles: ReadonlySet<RoleName>;
  readonly limits: ConnectionLimits;
  /** What a peer did wrong: the connection is closed. */
  problem(error: FastCgiError): void;
  /** The connection is no more. */
  closed(connection: Connection): void;
}

export class Connection implements RequestHost {
  readonly output: Output;
  readonly paramsLimits: ParamsLimits;
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #decoder = new RecordDecoder({ splitsStreams: true });
  readonly #open = new Map<number, ServedRequest>();
  /** Of the requests that were admitted: not ended, or their handlers still work. */
  #unreleased = 0;
  /** Their parameters are complete. */
  #ready: ServedRequest[] = [];
  /** The connection ends with its last open request. */
  #endsWhenIdle = false;
  /** The web server may send more: it keeps connections, or has not sent all of a request that has ended. */
  #mayHearMore = true;
  #isStopping = false;
  #isLeaving = false;
  /** The last request's; 0 before the first. */
  #lastId = 0;
  /** Runs while the server stops and the web server keeps the connection. */
  #patience: NodeJS.Timeout | undefined;
  /** Known when all is written. */
  #lingersUntilMs = Number.POSITIVE_INFINITY;

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket;
    this.#host = host;
    this.output = new Output(socket);
    this.paramsLimits = host.limits.params;
    onChunk(socket, (chunk) => this.#receive(chunk));
    socket.on("end", () => this.#peerEnded());
    socket.on("close", () => this.#closed());
    // A peer that went away is no error of ours; "close" follows.
    socket.on("error", () => {});
    socket.on("timeout", () => this.#judgeSilence());
    socket.setTimeout(host.limits.stallMs);
  }

  /**
   * Ends the connection as soon as no request is lost by it. One that has not had any yet gets a moment for its first; where the
   * web server keeps it, it is asked to close.
   */
  stop(): void {
    this.#isStopping = true;
    if (this.#lastId > 0) this.#rest();
    else if (this.#open.size === 0) this.#losePatienceInTime();
  }

  endsWith(request: ServedRequest): boolean {
    const isAlone = this.#open.size === 1 && this.#open.get(request.id) === request;
    if (isAlone) this.#endsWhenIdle = true;
    return isAlone;
  }

  requestEnded(request: ServedRequest): void {
    if (this.#open.get(request.id) === request) this.#open.delete(request.id);
    this.#mayHearMore ||= !request.isReceived;
    // Its handler may read on, but holds nobody up by that.
    if (this.#socket.isPaused()) this.flowChanged();
    this.#rest();
  }

  requestReleased(): void {
    this.#unreleased -= 1;
  }

  /**
   * Holds the socket back while a body waits to be read: until then an abort that stands behind that body is not seen either. The same
   * for a peer that asks and asks and takes no answer.
   */
  flowChanged(): void {
    const isHeld = this.output.isFlooded || this.#isSome((request) => request.isFull);
    if (isHeld && !this.#isLeaving) this.#socket.pause();
    else this.#socket.resume();
  }

  #receive(chunk: Buffer): void {
    if (this.#isLeaving) {
      if (performance.now() > this.#lingersUntilMs) this.#socket.destroy();
      return;
    }
    for (const record of this.#decoder.push(chunk)) {
      this.#take(record);
      if (this.#isLeaving || this.#socket.destroyed) return;
    }
    this.#startAll();
    if (this.output.isFlooded) this.#holdBack();
    if (this.#decoder.failure !== undefined) this.#refusePeer(this.#decoder.failure.message);
    else if (this.#isTrickling())
      this.#refusePeer(`Cannot go on: parameters take longer than ${this.#host.limits.stallMs} ms`);
    else if (this.#endsWhenIdle && this.#lastId > 0 && this.#decoder.isBetweenRecords) this.#leaveIfIdle();
  }

  #holdBack(): void {
    this.flowChanged();
    this.output.whenFree(() => this.flowChanged());
  }

  /** Handlers start when all that came in one piece is taken: often the body is complete then. */
  #startAll(): void {
    const ready = this.#ready;
    if (ready.length === 0) return;
    this.#ready = [];
    for (const request of ready) request.start(this.#host.application);
  }

  /** A byte now and then is no silence, and yet no request. */
  #isTrickling(): boolean {
    if (this.#open.size === 0) return false;
    const since = performance.now() - this.#host.limits.stallMs;
    return this.#isSome((request) => !request.isReady && request.beganAtMs < since);
  }

  #isSome(predicate: (request: ServedRequest) => boolean): boolean {
    for (const request of this.#open.values()) if (predicate(request)) return true;
    return false;
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
    else if (type === recordType.stdin) this.#takeInput(request, request.stdin, content);
    else if (type === recordType.data) this.#takeInput(request, request.data, content);
    else if (type === recordType.abortRequest) this.#abort(request);
  }

  /** FCGI_BEGIN_REQUEST (5.1). */
  #begin({ id, content }: WireRecord): void {
    const begin = readBeginRequest(content);
    if (begin === undefined) this.#refusePeer(`Cannot begin request ${id}: its record is too short`);
    else if (this.#open.has(id)) this.#refusePeer(`Cannot begin request ${id}: it is open already`);
    else this.#admit(id, begin);
  }

  #admit(id: number, begin: BeginRequest): void {
    this.#lastId = id;
    if (!begin.keepConnection) this.#endsWhenIdle = true;
    this.#mayHearMore = begin.keepConnection || this.#open.size > 0;
    const roleName = roleNames[begin.role];
    if (roleName === undefined || !this.#host.roles.has(roleName)) this.#decline(id, protocolStatus.unknownRole);
    else if (this.#unreleased >= this.#host.limits.maxRequestsPerConnection)
      this.#decline(id, protocolStatus.overloaded);
    else this.#open.set(id, this.#newRequest(id, roleName));
  }

  #newRequest(id: number, roleName: RoleName): ServedRequest {
    this.#unreleased += 1;
    return new ServedRequest(id, roleName, this, performance.now());
  }

  /** Ends a request that never was: the rest of it is ignored (5.5). */
  #decline(id: number, status: number): void {
    this.output.send([endRequest(id, { appStatus: 0, protocolStatus: status })]);
    this.#mayHearMore = true;
    this.#rest();
  }

  #takeParams(request: ServedRequest, content: Uint8Array): void {
    if (request.isReady) return;
    const failure = request.takeParams(content);
    if (request.isReady) this.#ready.push(request);
    if (failure === undefined) return;
    if (failure.reason === "cut") this.#refusePeer(failure.message);
    else request.refuse();
  }

  /** A body that waits for parameters behind it would wait for ever. */
  #takeInput(request: ServedRequest, stream: RequestInput | undefined, content: Uint8Array): void {
    request.take(stream, content);
    if (!request.isReady && request.isFull) {
      this.#refusePeer(`Cannot take request ${request.id}: its body comes before its parameters`);
    }
  }

  /** A handler whose request is complete is told of its end, even if both came in one piece. */
  #abort(request: ServedRequest): void {
    request.start(this.#host.application);
    request.abort();
  }

  #manage(record: WireRecord): void {
    const answer = answerManagement(record, this.#host.limits);
    if (answer instanceof Uint8Array) this.output.send([answer]);
    else this.#refusePeer(answer.message);
  }

  /** Nothing it says can be trusted now. */
  #refusePeer(message: string): void {
    this.#socket.destroy();
    this.#host.problem(new FastCgiError("FCGI_PROTOCOL_VIOLATED", message));
  }

  /**
   * The peer sends no more. A web server that closes has given up, so handlers are told; but one that has only ended its side may
   * still read, so requests that are complete may finish.
   */
  #peerEnded(): void {
    this.#endsWhenIdle = true;
    for (const request of [...this.#open.values()]) {
      if (request.isReceived) request.tellAborted("The web server closed the connection");
      else this.#drop(request);
    }
    if (this.#open.size > 0) this.#probe();
    this.#leaveIfIdle();
  }

  /** On a Unix socket an empty write fails at once if the peer is gone. On TCP only a write that it does not take tells that. */
  #probe(): void {
    this.#socket.write(nothing);
  }

  #drop(request: ServedRequest): void {
    this.#open.delete(request.id);
    request.disconnect();
  }

  #closed(): void {
    clearTimeout(this.#patience);
    this.#host.closed(this);
    for (const request of [...this.#open.values()]) this.#drop(request);
  }

  #leaveIfIdle(): void {
    if (this.#open.size === 0) this.#leave();
  }

  /** A request is over, or none was there to wait for. */
  #rest(): void {
    if (this.#endsWhenIdle) this.#leaveIfIdle();
    else if (this.#isStopping && this.#open.size === 0) this.#askToClose();
  }

  /**
   * Who closes a kept connection first may cross the web server's next request: nginx answers a POST with 502 then. An empty
   * FCGI_STDERR means nothing to a request that is just coming, which is served; without one nginx does not expect it, and closes.
   */
  #askToClose(): void {
    this.output.send([endOfStream(recordType.stderr, this.#lastId)]);
    this.#losePatienceInTime();
  }

  /** Not every web server takes notice. */
  #losePatienceInTime(): void {
    if (this.#patience !== undefined) return;
    this.#patience = setTimeout(() => {
      this.#endsWhenIdle = true;
      this.#leaveIfIdle();
    }, this.#host.limits.lingerMs);
  }

  /**
   * Ends our side when all is written. What comes in after a close makes the kernel send a reset, which can overtake the answer: so if
   * something is still to come, we read on into nothing until the peer ends its own side, or its time is over.
   */
  #leave(): void {
    if (this.#isLeaving || this.#socket.destroyed) return;
    this.#isLeaving = true;
    if (!this.#mayHearMore && this.#decoder.isBetweenRecords) {
      this.#socket.destroySoon();
      return;
    }
    this.#socket.resume();
    this.#socket.end(() => this.#linger());
  }

  #linger(): void {
    this.#lingersUntilMs = performance.now() + this.#host.limits.lingerMs;
    this.#socket.setTimeout(this.#host.limits.lingerMs);
  }

  /** Silence on a connection that is idle, or while a handler works, is no fault of the peer. */
  #judgeSilence(): void {
    const { stallMs } = this.#host.limits;
    if (this.#lingersUntilMs < Number.POSITIVE_INFINITY) {
      this.#socket.destroy();
      return;
    }
    const owesRecord = !this.#socket.isPaused() && !this.#decoder.isBetweenRecords;
    const owesRequest = this.#isSome((request) => request.isOwed);
    if (owesRequest || owesRecord || this.#socket.writableLength > 0) {
      this.#refusePeer(`Cannot go on: the web server has been silent for ${stallMs} ms`);
    } else {
      this.#socket.setTimeout(stallMs);
      // While it is held back we do not hear that it has gone.
      if (this.#socket.isPaused()) this.#probe();
    }
  }
}

const nothing = new Uint8Array(0);

const roleNames: Readonly<Record<number, RoleName>> = {
  [role.responder]: "responder",
  [role.authorizer]: "authorizer",
  [role.filter]: "filter",
};
