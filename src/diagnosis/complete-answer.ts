/** A sound CGI answer, and what may be wrong with it all the same. */
import { formatDuration } from "../units.ts";
import { type AnswerContext, type AnswerFacts, tryAgain } from "./answer-facts.ts";
import type { Finding } from "./finding.ts";
import { barred, linesOf, quoteBytes, took, wrote } from "./seen.ts";

type Complete = Extract<AnswerFacts, { kind: "complete" }>;
type Judge = (facts: Complete, context: AnswerContext) => Finding | undefined;

/** The first that holds says it all: what follows from it is not told as well. */
const wholes: readonly Judge[] = [scriptUnknown, bare, noHeaders, serverError, clientError];

/** Each is a thing of its own. */
const parts: readonly Judge[] = [wrongLength, noContentType, transferEncoding, slow, spoke];

export function judgeComplete(facts: Complete, context: AnswerContext): Finding[] {
  const judge = (judges: readonly Judge[]) => judges.flatMap((one) => one(facts, context) ?? []);
  const [whole] = judge(wholes);
  return [...(whole === undefined ? [] : [whole]), ...judge(whole === undefined ? parts : [wrongLength])];
}

function headerOf({ headers }: Complete, name: string): string | undefined {
  return headers.findLast(([candidate]) => candidate.toLowerCase() === name)?.[1];
}

/** php-cgi, php-fpm, fcgiwrap: they run what SCRIPT_FILENAME names. */
function scriptUnknown(facts: Complete, { script, witness }: AnswerContext): Finding | undefined {
  const says = /No input file specified|Primary script unknown|Cannot get script name|Unable to open primary script/i;
  if (facts.status < 400 || !says.test(facts.bodyStart + facts.stderr)) return undefined;
  const seen = [statusLine(facts), ...wrote(facts.stderr, witness?.lines ?? [])];
  return script === undefined ? unnamed(seen) : unfound(script, seen);
}

function unnamed(seen: readonly string[]): Finding {
  return {
    code: "answer.script-unknown",
    level: "note",
    what: "The program runs scripts, and it was not said which: nothing is known of yours",
    seen,
    remedy: ["name one: --script-filename /var/www/site/index.php, or --root /var/www/site --uri /index.php"],
  };
}

function unfound(script: string, seen: readonly string[]): Finding {
  return {
    code: "answer.script-unknown",
    level: "broken",
    what: `The program does not find the script ${script}, or may not read it`,
    seen: [`SCRIPT_FILENAME was ${script}`, ...seen],
    remedy: [
      `see whether it is there, and for whom: namei -l ${script}`,
      "nginx: fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name, with the root that the workers see",
    ],
  };
}

/** With that an authorizer lets a request pass (FastCGI 1.0, 6.3). One that does so for everybody protects nothing. */
function bare(facts: Complete): Finding | undefined {
  if (facts.headers.length > 0 || facts.bodyBytes > 0 || facts.status !== 200) return undefined;
  return {
    code: "answer.bare",
    level: "risk",
    what: "The answer is the status 200 and nothing else: right for an authorizer that lets this request pass, and for no other program",
    seen: [`${facts.request}: status 200, no headers, no body`],
    remedy: [
      "an authorizer: ask for a page that it is to protect, under the site's own name: --uri https://example.org/path; if it lets that pass, too, it protects nothing",
      'a responder: write "Content-Type: text/html; charset=utf-8\\r\\n", an empty line, and the page',
    ],
  };
}

/** The answer began with an empty line: what was meant as headers is body. */
function noHeaders(facts: Complete): Finding | undefined {
  if (facts.headers.length > 0 || facts.status !== 200) return undefined;
  const lost = /^(Content-Type|Status|Location|Set-Cookie):/i.test(facts.bodyStart);
  return {
    code: "answer.blank-line-first",
    level: "broken",
    what: lost
      ? "An empty line stands before the headers, so that they become part of the page"
      : "The answer has no headers, only an empty line",
    seen: [`${facts.request}: the answer begins with an empty line, then ${quoteBytes(facts.bodyStart)}`],
    remedy: [
      lost
        ? "find what prints the empty line: a stray newline before the headers, or outside <?php … ?> in an included file"
        : 'write "Content-Type: text/html; charset=utf-8\\r\\n" before that empty line',
    ],
  };
}

function serverError(facts: Complete, context: AnswerContext): Finding | undefined {
  const { witness } = context;
  if (facts.status < 500) return undefined;
  const said = wrote(facts.stderr, witness?.lines ?? []);
  return {
    code: "answer.server-error",
    level: "broken",
    what: `The application answers ${facts.status}: it fails by itself, FastCGI works`,
    seen: [statusLine(facts), ...pageOf(facts), ...said],
    remedy: [
      said.length > 0
        ? "mend what the application says above"
        : "the application says nothing of it: look into its own log, or switch its debug output on",
      ...remediesOfDatabase(said),
      tryAgain(context),
    ],
  };
}

/** SQLite names no file, and needs more than the right to write to it. */
function remediesOfDatabase(said: readonly string[]): string[] {
  const isClosed = said.some((line) => /readonly database|unable to open database file/i.test(line));
  return isClosed
    ? [
        "the app's user has to write to the database's file and to its directory: chown both to it; ls -ld shows whose they are",
      ]
    : [];
}

/** The first words of a page that came; nothing where there are none. */
export function pageOf(facts: AnswerFacts): string[] {
  const text = facts.kind === "complete" ? textOf(facts.bodyStart) : "";
  return text === "" ? [] : [`the page says: ${quoteBytes(text)}`];
}

/** Tags out, so that the first words of an error page can be read. */
function textOf(html: string): string {
  return html
    .replace(/<(style|script|title)[^>]*>[\s\S]*?<\/\1>/gi, " ")
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim();
}

function clientError(facts: Complete): Finding | undefined {
  if (facts.status < 400) return undefined;
  return {
    code: "answer.client-error",
    level: "note",
    what: `The application answers ${facts.status} to this request; the FastCGI side of it works`,
    seen: [statusLine(facts)],
    remedy:
      facts.status === 400 || facts.status === 421 ? [nameTheSite] : ["ask for a page that is there: --uri /path"],
  };
}

/** Sympa answers 421 to any other name, Django 400. */
const nameTheSite =
  "name the site, too: many applications answer under their own name only: --uri https://example.org/path";

function wrongLength(facts: Complete): Finding | undefined {
  const said = headerOf(facts, "content-length");
  if (said === undefined || facts.isCut || /^HEAD /.test(facts.request) || facts.status === 304) return undefined;
  const length = Number(said);
  if (length === facts.bodyBytes) return undefined;
  return {
    code: "answer.content-length",
    level: "broken",
    what: `Content-Length does not fit: it says ${said}, the body has ${facts.bodyBytes} bytes`,
    seen: [
      `${facts.request}: Content-Length: ${said}, and ${facts.bodyBytes} bytes came`,
      length > facts.bodyBytes
        ? "the browser waits for the rest until the connection is closed"
        : "what is too much is cut off by the web server",
    ],
    remedy: [
      "count bytes, not characters, after encoding; or leave Content-Length out: the web server frames the answer",
    ],
  };
}

function noContentType(facts: Complete): Finding | undefined {
  const needsNone = facts.bodyBytes === 0 || headerOf(facts, "location") !== undefined || facts.status === 304;
  if (needsNone || headerOf(facts, "content-type") !== undefined) return undefined;
  return {
    code: "answer.no-content-type",
    level: "risk",
    what: "The answer has no Content-Type: browsers guess, and some web servers refuse it",
    seen: [
      `${facts.request}: headers ${facts.headers.map(([name]) => name).join(", ")}, and a body of ${facts.bodyBytes} bytes`,
    ],
    remedy: ['write "Content-Type: text/html; charset=utf-8\\r\\n" among the headers'],
  };
}

function transferEncoding(facts: Complete): Finding | undefined {
  const value = headerOf(facts, "transfer-encoding");
  if (value === undefined) return undefined;
  return {
    code: "answer.transfer-encoding",
    level: "risk",
    what: "The answer has a Transfer-Encoding, which is the web server's business and not a CGI program's (RFC 3875, 6.3.4)",
    seen: [`${facts.request}: Transfer-Encoding: ${value}`],
    remedy: ["leave Transfer-Encoding out and write the body as it is"],
  };
}

/** As slow as this share of the limit is too near to it. */
const nearLimit = 0.5;

function slow(facts: Complete, { timeoutMs, witness }: AnswerContext): Finding | undefined {
  const first = facts.firstByteMs ?? facts.totalMs;
  if (first < timeoutMs * nearLimit) return undefined;
  return {
    code: "answer.slow",
    level: "risk",
    what: `The answer takes ${took(first)}, and the web server waits no longer than ${formatDuration(timeoutMs)}`,
    seen: [`${facts.request}: first byte after ${took(first)}${witness === undefined ? "" : ", on an idle worker"}`],
    remedy: ["make it faster, or let the web server wait longer (nginx: fastcgi_read_timeout)"],
  };
}

function spoke(facts: Complete): Finding | undefined {
  const lines = linesOf(facts.stderr);
  if (lines.length === 0) return undefined;
  return {
    code: "answer.stderr",
    level: "note",
    what: "The application wrote to its error stream while it answered",
    seen: [statusLine(facts), ...barred(lines)],
    remedy: ["none, if it is meant; the web server writes it to its error log"],
  };
}

function statusLine({ request, status, totalMs }: Complete): string {
  return `${request}: answered ${status} after ${took(totalMs)}`;
}
