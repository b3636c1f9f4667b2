/** The head of a CGI response (RFC 3875, 6.3), as the application writes it. Pure. */
import { reasonPhrase } from "./reason-phrases.ts";

/** Pairs in order, or names with a value or several. As in node:http a value's characters are bytes: U+0000 to U+00FF. */
export type ResponseHeaders =
  | Iterable<readonly [name: string, value: string]>
  | Readonly<Record<string, string | number | readonly string[]>>;

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;
/** They speak of the connection between browser and web server, where we have no say (RFC 3875, 6.3.4). */
const hopByHop = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "trailer"]);

/** `Status:` and the headers, up to and with the empty line. Throws a TypeError for what would break or forge a header. */
export function encodeHead(status: number, headers: ResponseHeaders = []): Buffer {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new TypeError(`Cannot answer with status ${status}: it is no number from 200 to 599`);
  }
  let head = `Status: ${status} ${reasonPhrase(status)}\r\n`;
  for (const [name, value] of listHeaders(headers)) {
    checkHeader(name, value);
    if (!hopByHop.has(name.toLowerCase())) head += `${name}: ${value}\r\n`;
  }
  return Buffer.from(`${head}\r\n`, "latin1");
}

/** The headers as pairs, one for each value. */
export function listHeaders(headers: ResponseHeaders): (readonly [name: string, value: string])[] {
  if (isIterable(headers)) return Array.from(headers);
  return Object.entries(headers).flatMap(([name, value]) =>
    Array.isArray(value) ? value.map((one: string) => [name, one] as const) : [[name, String(value)] as const],
  );
}

function isIterable(headers: ResponseHeaders): headers is Iterable<readonly [string, string]> {
  return Symbol.iterator in headers;
}

function checkHeader(name: string, value: string): void {
  if (!token.test(name)) throw new TypeError(`Cannot send header ${JSON.stringify(name)}: it is no name`);
  if (name.toLowerCase() === "status")
    throw new TypeError("Cannot send header Status: the response's status is its place");
  if (!fieldValue.test(value)) {
    throw new TypeError(
      `Cannot send header ${name}: ${JSON.stringify(value)} has a character that a header cannot have`,
    );
  }
}
