/** The head of an HTTP response, as node:http writes it, to the head of a CGI response (RFC 3875, 6.3). Pure. */

/**
 * Headers that speak of the connection between browser and web server, where we have no say (RFC 3875, 6.3.4), and `Status`, which
 * would be a second one.
 */
const unwanted = /^(?:connection|keep-alive|proxy-connection|transfer-encoding|upgrade|trailer|status):/i;
const hasUnwanted = /\n(?:connection|keep-alive|proxy-connection|transfer-encoding|upgrade|trailer|status):/i;
const chunked = /\ntransfer-encoding:[^\r\n]*chunked/i;

/** What an HTTP head says. */
export interface HttpHead {
  /** True for 1xx: it announces, and the head that counts is still to come. A CGI response has no place for it. */
  readonly isInformational: boolean;
  /** True if the body comes in chunks, which CGI does not know. */
  readonly isChunked: boolean;
  /** The same as a CGI head, with the empty line. */
  readonly cgi: string;
}

/** Takes a head with its empty line: `HTTP/1.1 200 OK` and headers. */
export function readHttpHead(head: string): HttpHead {
  const isInformational = head.startsWith("1", "HTTP/1.1 ".length);
  const isChunked = chunked.test(head);
  const kept = hasUnwanted.test(head) ? dropUnwanted(head) : head;
  return { isInformational, isChunked, cgi: `Status: ${kept.slice("HTTP/1.1 ".length)}` };
}

function dropUnwanted(head: string): string {
  const lines = head.split("\r\n");
  return lines.filter((line) => !unwanted.test(line)).join("\r\n");
}
