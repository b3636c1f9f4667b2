/** The lower interface as an application: calls the handler, sends what it returns, and says so when it fails. */
import type { ReadableStream } from "node:stream/web";
import type { Application, Exchange } from "./application.ts";
import { explain, failExchange } from "./failure.ts";
import type { FastCgiRequest, Handler } from "./fastcgi-request.ts";
import { streamOf } from "./input-stream.ts";
import { RequestSide } from "./request-side.ts";
import { sendResponse } from "./response.ts";

/** Handlers that throw give a 500. */
export function makeResponder(handler: Handler): Application {
  return (exchange) => void answer(handler, exchange);
}

async function answer(handler: Handler, exchange: Exchange): Promise<void> {
  try {
    await sendResponse(await handler(new RespondRequest(exchange)), exchange);
  } catch (error) {
    failExchange(exchange, explain(error));
  }
  exchange.stdin.leave();
  exchange.data?.leave();
  exchange.release();
}

class RespondRequest extends RequestSide implements FastCgiRequest {
  readonly #exchange: Exchange;
  #body: ReadableStream<Buffer> | undefined;

  constructor(exchange: Exchange) {
    super(exchange);
    this.#exchange = exchange;
  }

  get body(): ReadableStream<Buffer> {
    this.#body ??= streamOf(this.#exchange.stdin);
    return this.#body;
  }
}
