/** Judges what came of one request: the findings that a web server's log would only hint at. */
import type { AnswerContext, AnswerFacts } from "./answer-facts.ts";
import { judgeComplete } from "./complete-answer.ts";
import type { Finding } from "./finding.ts";
import { judgeMalformed } from "./malformed-answer.ts";
import { judgeCut, judgeTimeout } from "./missing-answer.ts";
import { quoteBytes, wrote } from "./seen.ts";

export function judgeAnswer(facts: AnswerFacts, context: AnswerContext): Finding[] {
  switch (facts.kind) {
    case "complete":
      return judgeComplete(facts, context);
    case "malformed":
      return [judgeMalformed(facts, context)];
    case "cut":
      return [judgeCut(facts, context)];
    case "timed-out":
      return [judgeTimeout(facts, context)];
    case "refused":
      return [refused(facts, context)];
    case "no-fastcgi":
      return [noFastCgi(facts, context)];
    case "unreachable":
      return [unreachable(facts)];
  }
}

type Of<K extends AnswerFacts["kind"]> = Extract<AnswerFacts, { kind: K }>;

function refused({ request, why, stderr }: Of<"refused">, { witness, again }: AnswerContext): Finding {
  return {
    code: "answer.refused",
    level: "broken",
    what: "The program refuses the request",
    seen: [`${request}: ${why}`, ...wrote(stderr, witness?.lines ?? [])],
    remedy: ["ask for less at a time, or run more workers: --processes", ...lookAtRecords(again)],
  };
}

/** The decoder met something else than FastCGI records. */
function noFastCgi(facts: Of<"no-fastcgi">, { witness, again }: AnswerContext): Finding {
  const { request, why, rawStart, stderr } = facts;
  const more = wrote(stderr, witness?.lines ?? []);
  if (/^HTTP\/\d/.test(rawStart)) {
    return {
      code: "program.speaks-http",
      level: "broken",
      what: "The program is an HTTP server: it answers in HTTP where the web server speaks FastCGI",
      seen: [
        `asked in FastCGI (${request}): ${why}`,
        `asked in HTTP at the same place: ${quoteBytes(rawStart)}`,
        ...more,
      ],
      remedy: [
        "let the web server speak HTTP to it (nginx: proxy_pass instead of fastcgi_pass)",
        "or run the application itself under fcgi-pm: fcgi-pm start --wsgi module:app, or fcgi-pm start app.mjs",
      ],
    };
  }
  return {
    code: "answer.no-fastcgi",
    level: "broken",
    what: "What the program sends is not FastCGI",
    seen: [`${request}: ${why}`, ...more],
    remedy: ["use a FastCGI library, and let nothing else write to the connection", ...lookAtRecords(again)],
  };
}

function lookAtRecords(command: string | undefined): string[] {
  return command === undefined ? [] : [`look at it record by record: ${command} -v`];
}

const connectRemedies: Readonly<Record<string, string>> = {
  ENOENT: "start the app: fcgi-pm start; fcgi-pm status shows where running apps listen",
  ECONNREFUSED: "start the app: nobody listens there",
  EACCES: "namei -l shows which directory of the path, or the socket itself, is closed to this user",
  ENOTFOUND: "getent hosts NAME   # does this machine know the name?",
  EHOSTUNREACH: "ip route get ADDRESS   # is there a way to it, and does a firewall close it?",
  EAGAIN: "the queue is full: more --processes, or a larger --listen-queue-depth",
};

function unreachable({ request, why, errno }: Of<"unreachable">): Finding {
  return {
    code: "socket.connect-failed",
    level: "broken",
    what: `Nobody can be asked there: ${errno}`,
    seen: [`${request}: ${why}`],
    remedy: [connectRemedies[errno] ?? "see the reason above"],
  };
}
