/** An answer that came to its end and has no CGI headers: what the web servers call "premature end of headers". */
import type { AnswerContext, AnswerFacts, Language } from "./answer-facts.ts";
import type { Finding } from "./finding.ts";
import { quoteBytes, took, wrote } from "./seen.ts";

type Malformed = Extract<AnswerFacts, { kind: "malformed" }>;

/** How a program in that language writes the least that has to stand first. */
const headersFirst: Readonly<Record<Language, string>> = {
  python: 'sys.stdout.write("Content-Type: text/html; charset=utf-8\\r\\n\\r\\n"), or start_response(...) in WSGI',
  perl: 'print "Content-Type: text/html; charset=utf-8\\r\\n\\r\\n";',
  ruby: 'request.out.print "Content-Type: text/html; charset=utf-8\\r\\n\\r\\n"',
  php: 'header("Content-Type: text/html; charset=utf-8");',
  node: 'res.setHeader("Content-Type", "text/html; charset=utf-8"), or the same through the FastCGI library',
  sh: "printf 'Content-Type: text/html; charset=utf-8\\r\\n\\r\\n'",
  other: 'write "Content-Type: text/html; charset=utf-8\\r\\n\\r\\n"',
};

export function judgeMalformed(facts: Malformed, context: AnswerContext): Finding {
  if (facts.bytes === 0) return judgeEmpty(facts, context);
  const kind = kindOf(facts.start, facts.why);
  return {
    code: kind.code,
    level: "broken",
    what: kind.what,
    seen: [
      ...seenOf(facts),
      "nginx answers 502 to this, Apache 500; their logs say no more than that",
      ...words(facts, context),
    ],
    remedy: [kind.remedy(headersFirst[context.language])],
  };
}

interface Kind {
  readonly code: string;
  readonly what: string;
  remedy(headersFirst: string): string;
}

function kindOf(start: string, why: string): Kind {
  const [firstLine = ""] = start.split(/\r?\n/, 1);
  if (/^HTTP\/\d/.test(start)) return httpStatusLine(firstLine);
  if (/no empty line/.test(why) && headerLine.test(firstLine)) return headersWithoutEnd;
  if (/^(\xef\xbb\xbf|\xff\xfe|\xfe\xff)/.test(start)) return byteOrderMark;
  return /(^|\n)(Content-Type|Status|Location):/i.test(start) ? outputBeforeHeaders(firstLine) : bodyWithoutHeaders;
}

const headerLine = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:/;

function httpStatusLine(line: string): Kind {
  const status = /^HTTP\/\S+\s+(.*)$/.exec(line)?.[1] ?? "200 OK";
  return {
    code: "answer.http-status-line",
    what: `The answer begins with "${line.slice(0, 40)}", as HTTP does; a CGI answer says "Status: ${status}"`,
    remedy: () => `write "Status: ${status}\\r\\n" in the place of that line, or nothing: 200 is understood`,
  };
}

const headersWithoutEnd: Kind = {
  code: "answer.headers-without-end",
  what: "No empty line ends the headers: all of the answer is taken for headers",
  remedy: () => 'write one more "\\r\\n" after the last header, before the body',
};

const byteOrderMark: Kind = {
  code: "answer.byte-order-mark",
  what: "A byte order mark stands before the headers",
  remedy: () => "save the program, and what it includes, as UTF-8 without BOM: sed -i '1s/^\\xEF\\xBB\\xBF//' FILE",
};

function outputBeforeHeaders(line: string): Kind {
  return {
    code: "answer.output-before-headers",
    what: `Something is printed before the headers: ${quoteBytes(line)}`,
    remedy: () =>
      `find what prints ${quoteBytes(line)} and send it to the error stream instead, or print it after the headers`,
  };
}

const bodyWithoutHeaders: Kind = {
  code: "answer.no-headers",
  what: "The answer has no headers: the body comes at once",
  remedy: (first) => `before anything else: ${first}`,
};

/** "incomplete headers (0 bytes)". */
function judgeEmpty(facts: Malformed, context: AnswerContext): Finding {
  const { witness } = context;
  if (witness !== undefined && looksLikeCgi(witness.stdoutStart))
    return printedElsewhere(facts, witness.stdoutStart, context);
  return {
    code: "answer.empty",
    level: "broken",
    what: "The answer is empty: no header and no body, and yet it ended in order",
    seen: [
      ...seenOf(facts),
      "this is what Apache calls incomplete headers (0 bytes), nginx an upstream that prematurely closed",
      ...words(facts, context),
    ],
    remedy: [
      "see what it wrote above: as a rule the program failed before its first line of output",
      `then: ${headersFirst[context.language]}`,
    ],
  };
}

function looksLikeCgi(text: string): boolean {
  return /^\s*(Content-Type|Status|Location):|<(!doctype|html)/i.test(text);
}

function printedElsewhere(facts: Malformed, printed: string, context: AnswerContext): Finding {
  return {
    code: "answer.on-process-stdout",
    level: "broken",
    what: "The answer goes to the process's own standard output instead of the FastCGI stream, so that nobody gets it",
    seen: [
      ...seenOf(facts),
      `the worker's standard output, which goes to the log, has meanwhile: ${quoteBytes(printed)}`,
      ...words(facts, context),
    ],
    remedy: [
      context.language === "other"
        ? "C: include fcgi_stdio.h in the place of stdio.h, or write with FCGX_FPrintF to the request's stream"
        : "write to the stream that the FastCGI library gives for the request, not with print to the process's own",
    ],
  };
}

function seenOf({ request, bytes, start, totalMs }: Malformed): string[] {
  const size = `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
  return [
    `${request}: ended after ${took(totalMs)} with ${size}`,
    ...(bytes === 0 ? [] : [`the first bytes: ${quoteBytes(start)}`]),
  ];
}

function words({ stderr }: Malformed, { witness }: AnswerContext): string[] {
  return wrote(stderr, witness?.lines ?? []);
}
