/** The lower interface: what a handler gets, and what it may answer. */
import type { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import type { RoleName } from "./application.ts";
import type { ResponseHeaders } from "./cgi-head.ts";
import type { Pair } from "./wire/params.ts";

/** What a handler gets. */
export interface FastCgiRequest {
  /** CGI/1.1 parameters as text: UTF-8, or a character for each byte where they are not UTF-8. Of doubles the last. */
  readonly params: Map<string, string>;
  /** The parameters as they came: in order, doubles and all, a character for each byte. */
  readonly rawParams: readonly Pair[];
  /** What the web server wants: "responder", unless the option `roles` allows others. */
  readonly role: RoleName;
  /** FCGI_STDIN, to be read once. What is not read is dropped. */
  readonly body: ReadableStream<Buffer>;
  /** FCGI_DATA, of a filter alone (FastCGI 1.0, 6.4). It comes behind the body: read that first. */
  readonly data?: ReadableStream<Buffer> | undefined;
  /** Aborted when the web server gives the request up or its connection closes. */
  readonly signal: AbortSignal;
  /** Writes to the web server's error log (FCGI_STDERR). */
  stderr(text: string): void;
}

/** A body that is made piece by piece. Each piece is sent when it comes; an empty one sends the head, if it has not gone yet. */
export type ResponseStream =
  | Readable
  | ReadableStream<Uint8Array | string>
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array | string>;

/** What a handler answers. Text is sent as UTF-8. */
export interface FastCgiResponse {
  /** Default: 200. */
  readonly status?: number | undefined;
  readonly headers?: ResponseHeaders | undefined;
  readonly body?: string | Uint8Array | ResponseStream | null | undefined;
}

/** Answers a request, with a response of its own or a web `Response`. */
export type Handler = (request: FastCgiRequest) => FastCgiResponse | Response | Promise<FastCgiResponse | Response>;
