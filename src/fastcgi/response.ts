/** From what a handler returned to FCGI_STDOUT. */

import type { ReadableStream } from "node:stream/web";
import { inspect } from "node:util";
import type { Exchange } from "./application.ts";
import { encodeHead, listHeaders, type ResponseHeaders } from "./cgi-head.ts";
import type { FastCgiResponse, ResponseStream } from "./fastcgi-request.ts";
import type { RequestOutput } from "./request-output.ts";
import { protocolStatus } from "./wire/constants.ts";
import { toBytes } from "./wire/text.ts";

const complete = { appStatus: 0, protocolStatus: protocolStatus.requestComplete };

/** They have no body (RFC 9110, 15.3.5, 15.4.5). */
const bodiless = new Set([204, 304]);

/**
 * Sends a response and ends its request. A request whose method is HEAD gets no body (RFC 3875, 4.3.3). Throws what the body
 * throws; whether anything was sent until then is known to the output.
 */
export async function sendResponse(response: FastCgiResponse | Response, exchange: Exchange): Promise<void> {
  if (!isObject(response)) throw new TypeError(`Cannot answer: the handler returned ${inspect(response)}`);
  const { body, status = 200 } = response;
  const { output } = exchange;
  const bytes = (typeof body === "string" ? toBytes(body) : body) as Body;
  const head = makeHead(response, status, bytes);
  const hasBody = !bodiless.has(status) && exchange.params.get("REQUEST_METHOD") !== "HEAD";
  if (!isStream(bytes)) {
    output.write(head);
    if (hasBody && bytes) output.write(bytes);
  } else if (!hasBody) {
    output.write(head);
    letGo(bytes);
  } else {
    await sendStream(head, bytes, exchange);
  }
  output.end(complete);
}

/** A head that cannot be sent leaves nobody to read the body, which may be an open file. */
function makeHead(response: FastCgiResponse | Response, status: number, bytes: Body): Buffer {
  try {
    return encodeHead(status, withDefaults(response, bodiless.has(status) ? undefined : bytes));
  } catch (error) {
    if (isStream(bytes)) letGo(bytes);
    throw error;
  }
}

/** The head waits for the first piece: if making that fails, a clean 500 is still possible. */
async function sendStream(head: Buffer, body: ResponseStream, { output, signal }: Exchange): Promise<void> {
  let isFirst = true;
  for await (const piece of piecesOf(body, signal)) {
    if (output.isClosed) return;
    if (isFirst) output.write(head);
    isFirst = false;
    output.write(toBytes(piece));
    output.flush();
    if (output.isBlocked) await freed(output);
  }
  if (isFirst) output.write(head);
}

/** A stream that waits for something does not hear otherwise that nobody wants it any more. */
function piecesOf(body: ResponseStream, signal: AbortSignal): AsyncIterable<Uint8Array | string> {
  const [pieces, stop] = isWebStream(body) ? readWebStream(body) : [body, () => letGo(body)];
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  return pieces as AsyncIterable<Uint8Array | string>;
}

/** Text has become bytes. */
type Body = Uint8Array | ResponseStream | null | undefined;

function isStream(body: Body): body is ResponseStream {
  return body !== undefined && body !== null && !(body instanceof Uint8Array);
}

function isWebStream(body: ResponseStream): body is ReadableStream<Uint8Array | string> {
  return "getReader" in body && typeof body.getReader === "function";
}

/** Its pieces, and how to stop it while somebody waits for the next: its own iterator cannot be stopped then. */
function readWebStream<T>(stream: ReadableStream<T>): [pieces: AsyncIterable<T>, stop: () => void] {
  const reader = stream.getReader();
  const stop = () => void reader.cancel().catch(() => {});
  async function* pieces() {
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
    } finally {
      stop();
    }
  }
  return [pieces(), stop];
}

function freed(output: RequestOutput): Promise<void> {
  return new Promise((resolve) => output.whenFree(resolve));
}

/** Nobody wants it. */
function letGo(body: ResponseStream): void {
  if ("destroy" in body && typeof body.destroy === "function") body.destroy();
  else if (isWebStream(body)) void body.cancel().catch(() => {});
}

/** A body needs a Content-Type (RFC 3875, 6.3.1); one whose length is known gets it told. */
function withDefaults(response: FastCgiResponse | Response, body: unknown): Iterable<readonly [string, string]> {
  const headers = listHeaders((response.headers ?? []) as ResponseHeaders);
  if (body === undefined || body === null) return headers;
  const has = (wanted: string) => headers.some(([name]) => name.toLowerCase() === wanted);
  if (!has("content-type")) {
    const isText = typeof response.body === "string";
    headers.push(["Content-Type", isText ? "text/plain; charset=utf-8" : "application/octet-stream"]);
  }
  if (body instanceof Uint8Array && !has("content-length")) headers.push(["Content-Length", String(body.length)]);
  return headers;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
