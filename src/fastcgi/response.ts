/** From what a handler returned to FCGI_STDOUT. */
import { encodeHead, listHeaders, type ResponseHeaders } from "./cgi-head.ts";
import type { RequestOutput } from "./output.ts";
import { maxAlignedContentLength, protocolStatus } from "./wire/constants.ts";
import { toBytes } from "./wire/text.ts";

/** A body that is made piece by piece. Each piece is sent when it comes; an empty one sends the head, if it has not gone yet. */
export type ResponseStream = AsyncIterable<Uint8Array | string>;

/** What a handler answers. Text is sent as UTF-8. */
export interface FastCgiResponse {
  /** Default: 200. */
  readonly status?: number | undefined;
  readonly headers?: ResponseHeaders | undefined;
  readonly body?: string | Uint8Array | ResponseStream | undefined;
}

const complete = { appStatus: 0, protocolStatus: protocolStatus.requestComplete };
const nothing = new Uint8Array(0);

/**
 * Sends a response and ends its request. A request whose method is HEAD gets no body (RFC 3875, 4.3.3). Throws what the body
 * throws; whether anything was sent until then is known to the output.
 */
export async function sendResponse(response: FastCgiResponse, method: string, output: RequestOutput): Promise<void> {
  const { body } = response;
  const head = encodeHead(response.status ?? 200, withDefaults(response));
  if (body === undefined || method === "HEAD") return output.end(complete, head);
  if (typeof body === "string" || body instanceof Uint8Array) return sendWhole(head, toBytes(body), output);
  return sendStream(head, body, output);
}

async function sendWhole(head: Buffer, body: Uint8Array, output: RequestOutput): Promise<void> {
  if (head.length + body.length <= maxAlignedContentLength) return output.end(complete, Buffer.concat([head, body]));
  await output.write(head);
  await output.write(body);
  output.end(complete);
}

/** The head waits for the first piece: if making that fails, a clean 500 is still possible. */
async function sendStream(head: Buffer, body: ResponseStream, output: RequestOutput): Promise<void> {
  let unsent: Uint8Array = head;
  for await (const piece of body) {
    if (output.isClosed) return;
    const bytes = toBytes(piece);
    await output.write(unsent.length === 0 ? bytes : Buffer.concat([unsent, bytes]));
    unsent = nothing;
  }
  output.end(complete, unsent);
}

/** A body needs a Content-Type (RFC 3875, 6.3.1); one whose length is known gets it told. */
function withDefaults(response: FastCgiResponse): (readonly [string, string])[] {
  const headers = listHeaders(response.headers ?? []);
  const { body } = response;
  if (body === undefined) return headers;
  const isText = typeof body === "string";
  const has = (wanted: string) => headers.some(([name]) => name.toLowerCase() === wanted);
  if (!has("content-type")) {
    headers.push(["Content-Type", isText ? "text/plain; charset=utf-8" : "application/octet-stream"]);
  }
  const isWhole = isText || body instanceof Uint8Array;
  if (isWhole && !has("content-length")) headers.push(["Content-Length", String(toBytes(body).length)]);
  return headers;
}
