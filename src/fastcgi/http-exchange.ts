/** Node's own `(req, res)` interface as an application: real objects of node:http, of which ours is only the socket between them. */
import type * as Http from "node:http";
import type { Socket } from "node:net";
import type { Application, Exchange } from "./application.ts";
import { explain, failExchange } from "./failure.ts";
import type { HttpHandler, HttpRequest } from "./http-handler.ts";
import {
  type IncomingInternals,
  makeRequest,
  makeResponse,
  needDrainOf,
  type OutgoingInternals,
} from "./http-objects.ts";
import { HttpRequestParts } from "./http-request.ts";
import { HttpSocket } from "./http-socket.ts";
import { RequestSide } from "./request-side.ts";
import { protocolStatus } from "./wire/constants.ts";

export interface HttpApplicationOptions {
  readonly stripScriptName: boolean;
  /** Told of an error of a handler whose answer had ended before. */
  readonly lateFailure: (error: unknown) => void;
}

/** node:http is handed in: loading it costs 3 ms, and whoever uses the lower interface need not pay them. */
export function makeHttpApplication(
  http: typeof Http,
  handler: HttpHandler,
  options: HttpApplicationOptions,
): Application {
  return (exchange) => new HttpExchange(http, exchange, options).run(handler);
}

const complete = { appStatus: 0, protocolStatus: protocolStatus.requestComplete };
const cutShort = { appStatus: 1, protocolStatus: protocolStatus.requestComplete };

/** One request, its response, and the socket of both. */
class HttpExchange {
  readonly #exchange: Exchange;
  readonly #options: HttpApplicationOptions;
  readonly #socket: HttpSocket;
  readonly #req: HttpRequest;
  readonly #res: Http.ServerResponse;
  /** The response has been sent, or never will be. */
  #isOver = false;
  #wasCut = false;
  #hasReturned = false;

  constructor(http: typeof Http, exchange: Exchange, options: HttpApplicationOptions) {
    const parts = new HttpRequestParts(exchange.rawParams);
    this.#exchange = exchange;
    this.#options = options;
    this.#socket = new HttpSocket(exchange, parts);
    const req = makeRequest(http, this.#socket, parts, options.stripScriptName);
    this.#req = Object.assign(req, { fcgi: new RequestSide(exchange) });
    this.#res = makeResponse(http, this.#req, this.#socket);
    this.#res.on("prefinish", () => exchange.output.end(complete, (error) => this.#sent(error)));
    this.#socket.onWanted = () => this.#feed();
    this.#socket.onFree = () => this.#drain();
    this.#socket.onIdle = () => this.#judgeIdle();
    this.#socket.onDestroyed = () => this.#destroyed();
    exchange.onCut = () => this.#cut();
  }

  /** A handler that throws, or rejects, gets its request failed. */
  run(handler: HttpHandler): void {
    try {
      const result = handler(this.#req, this.#res);
      if (isThenable(result))
        result.then(
          () => this.#returned(),
          (error: unknown) => this.#returned(error),
        );
      else this.#returned();
    } catch (error) {
      this.#returned(error);
    }
    if (this.#exchange.stdin.isOver) this.#endBody();
  }

  #returned(...errors: unknown[]): void {
    this.#hasReturned = true;
    if (errors.length > 0) this.#fail(errors[0]);
    if (this.#isOver) this.#exchange.release();
  }

  /** What a handler throws after its request was cut comes of that. */
  #fail(error: unknown): void {
    if (this.#wasCut) return;
    if (this.#exchange.output.isClosed) {
      this.#options.lateFailure(error);
      return;
    }
    failExchange(this.#exchange, explain(error));
    this.#breakOff();
  }

  /** Gives the request what has come of its body, as much as it takes. */
  #feed(): void {
    const { stdin } = this.#exchange;
    stdin.onNews = undefined;
    for (let piece = stdin.take(); piece !== undefined; piece = stdin.take()) {
      if (!this.#req.push(piece)) return;
    }
    if (stdin.isOver) this.#endBody();
    else stdin.onNews = () => this.#hasNews();
  }

  #hasNews(): void {
    this.#socket.touch();
    this.#feed();
  }

  #endBody(): void {
    if (this.#req.complete || this.#req.destroyed) return;
    if (this.#exchange.stdin.failure !== undefined) {
      this.#req.destroy(resetError());
      return;
    }
    this.#req.complete = true;
    this.#req.push(null);
  }

  #drain(): void {
    if (this.#res.writableEnded || this.#res.destroyed) return;
    const needDrain = needDrainOf(this.#res);
    const res = this.#res as unknown as OutgoingInternals;
    if (needDrain !== undefined) {
      // Of many writes that had to wait each calls, and the first has told it.
      if (res[needDrain] !== true) return;
      res[needDrain] = false;
    }
    this.#res.emit("drain");
  }

  /** As node:http does it: whoever listens decides, and if nobody does, that is the end. */
  #judgeIdle(): void {
    const heard = [
      !this.#req.complete && this.#req.emit("timeout", this.#socket),
      this.#res.emit("timeout", this.#socket),
      this.#socket.emit("timeout"),
    ];
    if (!heard.includes(true)) this.#socket.destroy();
  }

  /** FCGI_END_REQUEST is with the kernel, or the connection broke before it was. */
  #sent(error: Error | null | undefined): void {
    if (error) {
      this.#cut();
      return;
    }
    this.#socket.setTimeout(0);
    this.#letGoOfBody();
    // "finish" comes first.
    process.nextTick(() => this.#close());
  }

  #close(): void {
    if (this.#res.socket !== null) this.#res.detachSocket(this.#socket as unknown as Socket);
    const res = this.#res as unknown as OutgoingInternals & Http.ServerResponse;
    if (!res._closed) {
      res.destroyed = true;
      res._closed = true;
      res.emit("close");
    }
    this.#over();
  }

  /** After its end the id is not ours any more: what has not come of the body never will. */
  #letGoOfBody(): void {
    const { stdin } = this.#exchange;
    if (!(this.#req as unknown as IncomingInternals)._consuming || stdin.isReceived) {
      if (!stdin.hasEnded) stdin.end();
      if (!(this.#req as unknown as IncomingInternals)._consuming) {
        stdin.drop();
        this.#endBody();
        this.#req.resume();
      }
    } else {
      this.#req.destroy(resetError());
    }
  }

  /** The request has ended before its answer: the web server gave it up, or is gone. */
  #cut(): void {
    this.#wasCut = true;
    this.#breakOff();
  }

  /** Tells the request and the response that their connection is gone, as node:http does it. */
  #breakOff(): void {
    this.#socket._hadError = true;
    if (!this.#req.destroyed) this.#req.destroy(resetError());
    this.#socket.destroy();
  }

  /** By us, or by the application: then the answer has been cut short on purpose. */
  #destroyed(): void {
    if (!this.#exchange.output.isClosed) {
      this.#wasCut = true;
      this.#socket._hadError = true;
      if (this.#exchange.output.hasBegun) this.#exchange.breakOff();
      else this.#exchange.output.cut(cutShort);
    }
    if (!this.#req.destroyed) this.#req.destroy(resetError());
    this.#over();
  }

  /** A handler may work on after its answer, even for ever. One that was cut is counted until its end: the next may come at once. */
  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#exchange.data?.leave();
    if (this.#hasReturned || !this.#wasCut) this.#exchange.release();
  }
}

/** As node:http has it for a connection that has gone away. */
function resetError(): Error {
  return Object.assign(new Error("aborted"), { code: "ECONNRESET" });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
