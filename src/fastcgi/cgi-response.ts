/** A CGI response (RFC 3875, 6) out of the bytes of FCGI_STDOUT, as a web server reads it. Pure. */

/** One header, as it was written: the name keeps its case, the value is a binary string (a character for each byte). */
export type Header = readonly [name: string, value: string];

/** The head of a CGI response, and where in the bytes its body starts. */
export interface CgiHead {
  readonly status: number;
  /** What stood after the number in `Status:`; often empty. */
  readonly reason: string;
  /** In order, doubles and all, without `Status`. */
  readonly headers: readonly Header[];
  readonly bodyOffset: number;
}

export type CgiHeadResult =
  | { readonly ok: true; readonly head: CgiHead }
  | { readonly ok: false; readonly message: string };

/** More than any web server takes: nginx stops at one buffer of 4 or 8 KiB, Apache at 100 lines of 8 KiB. */
export const maxHeadBytes = 65_536;
export const maxHeaders = 1000;

const headerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/s;
const lineFeed = 0x0a;

/**
 * Reads the head: lines that end in LF or CRLF, up to an empty one. Without `Status` it is 200, or 302 with a `Location` (RFC 3875,
 * 6.2.3, as nginx and Apache do). Refused: a head without end, a line that is no header, control characters, a status that is none.
 */
export function parseCgiHead(stdout: Buffer): CgiHeadResult {
  const lines = readLines(stdout);
  if (typeof lines === "string") return { ok: false, message: lines };
  const headers: Header[] = [];
  for (const line of lines.lines) {
    const [, name, value] = headerLine.exec(line) ?? [];
    if (name === undefined || value === undefined) return refuse(`${quote(line)} is no header`);
    if (/[\x00-\x08\x0a-\x1f\x7f]/.test(value)) return refuse(`header ${name} has a control character`);
    headers.push([name, value]);
  }
  return judge(headers, lines.bodyOffset);
}

/** The value of a header whatever its case; the last one, if there are several. */
export function findHeader(headers: readonly Header[], name: string): string | undefined {
  const wanted = name.toLowerCase();
  return headers.findLast(([candidate]) => candidate.toLowerCase() === wanted)?.[1];
}

function readLines(stdout: Buffer): { lines: string[]; bodyOffset: number } | string {
  const lines: string[] = [];
  let start = 0;
  for (;;) {
    const end = stdout.indexOf(lineFeed, start);
    if (end === -1) return explainMissingEnd(stdout);
    if (end >= maxHeadBytes) return refuse(`its headers are longer than ${maxHeadBytes} bytes`).message;
    const line = stdout.toString("latin1", start, end).replace(/\r$/, "");
    start = end + 1;
    if (line === "") return { lines, bodyOffset: start };
    if (lines.length >= maxHeaders) return refuse(`it has more than ${maxHeaders} headers`).message;
    lines.push(line);
  }
}

function explainMissingEnd(stdout: Buffer): string {
  if (stdout.length === 0) return refuse("it is empty").message;
  return refuse(`no empty line ends its headers, it starts with ${quote(stdout.toString("latin1", 0, 200))}`).message;
}

function judge(all: readonly Header[], bodyOffset: number): CgiHeadResult {
  const written = findHeader(all, "Status");
  const headers = all.filter(([name]) => name.toLowerCase() !== "status");
  if (written === undefined) {
    const status = findHeader(all, "Location") === undefined ? 200 : 302;
    return { ok: true, head: { status, reason: "", headers, bodyOffset } };
  }
  const [, digits, reason = ""] = /^([1-9]\d\d)(?: (.*))?$/s.exec(written) ?? [];
  if (digits === undefined) return refuse(`Status ${quote(written)} is no status`);
  return { ok: true, head: { status: Number(digits), reason: reason.trim(), headers, bodyOffset } };
}

function refuse(why: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message: `Cannot read the answer: ${why}` };
}

/** For people and logs: short, one line, nothing but printable characters. */
function quote(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 80)}...` : text;
  return JSON.stringify(short).replace(/[^\x20-\x7e]/g, "?");
}
