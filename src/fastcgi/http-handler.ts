/** Node's own `(req, res)` interface: what a handler gets. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ReadableStream } from "node:stream/web";
import type { RoleName } from "./application.ts";
import type { Pair } from "./wire/params.ts";

/** What FastCGI knows of a request and HTTP does not. */
export interface FastCgiSide {
  /** CGI/1.1 parameters as text: UTF-8, or a character for each byte where they are not UTF-8. Of doubles the last. */
  readonly params: Map<string, string>;
  /** The parameters as they came: in order, doubles and all, a character for each byte. */
  readonly rawParams: readonly Pair[];
  /** What the web server wants: "responder", unless the option `roles` allows others. */
  readonly role: RoleName;
  /** Aborted when the web server gives the request up or its connection closes. */
  readonly signal: AbortSignal;
  /** FCGI_DATA, of a filter alone (FastCGI 1.0, 6.4). It comes behind the body: read that first. */
  readonly data?: ReadableStream<Buffer> | undefined;
  /** Writes to the web server's error log (FCGI_STDERR). */
  stderr(text: string): void;
}

/** A real `http.IncomingMessage`, with one property more. */
export interface HttpRequest extends IncomingMessage {
  readonly fcgi: FastCgiSide;
}

/** A handler as `http.createServer` takes it: Express apps, Koa's `callback()` and Fastify's `routing` are such. */
export type HttpHandler = (req: HttpRequest, res: ServerResponse) => unknown;
