/** An answer that was cut off, or did not come in time. */
import { formatDuration } from "../units.ts";
import { type AnswerContext, type AnswerFacts, tryAgain, type Witness } from "./answer-facts.ts";
import type { Finding } from "./finding.ts";
import { quoteBytes, took, wrote } from "./seen.ts";

type Of<K extends AnswerFacts["kind"]> = Extract<AnswerFacts, { kind: K }>;

export function judgeCut(facts: Of<"cut">, context: AnswerContext): Finding {
  const { request, totalMs, stderr } = facts;
  const { witness } = context;
  const seen = [`${request}: the connection was closed after ${took(totalMs)}, ${before(facts)}`];
  const words = wrote(stderr, witness?.lines ?? []);
  if (witness?.end !== undefined) {
    return {
      code: "answer.worker-died",
      level: "broken",
      what: `The worker ends in the middle of the request: ${witness.end}`,
      seen: [...seen, `the worker ended: ${witness.end}`, ...words],
      remedy: remediesOfDeath(witness, context),
    };
  }
  return {
    code: "answer.cut-short",
    level: "broken",
    what: "The connection is closed before the answer has come to its end",
    seen: [...seen, ...(witness === undefined ? [] : ["the worker lives on"]), ...words],
    remedy: remediesOfCut(witness, context),
  };
}

function before({ bytes, start }: { bytes: number; start: string }): string {
  if (bytes === 0) return "before a byte of the answer";
  return `after ${bytes} bytes of the answer, with no end; it began with ${quoteBytes(start)}`;
}

function remediesOfDeath({ end = "", lines }: Witness, context: AnswerContext): string[] {
  if (/SIGSEGV|SIGBUS|SIGABRT|SIGILL|SIGFPE/.test(end)) {
    return ["the program, or a library of it, crashes: --rlimits core=unlimited, then look at the core with gdb"];
  }
  if (/SIGKILL/.test(end))
    return ["see whether the kernel ran out of memory: dmesg | grep -i oom; then a larger limit"];
  if (/SIGXCPU|SIGPIPE|SIGALRM/.test(end))
    return [`see who sends ${end.replace("killed by ", "")}: a limit, or a timer of the program`];
  if (lines.length > 0) return ["mend what the last lines above name"];
  return [`find the exit in the program's code for this request; ${tryAgain(context)}`];
}

function remediesOfCut(witness: Witness | undefined, context: AnswerContext): string[] {
  const more =
    witness === undefined || witness.lines.length > 0
      ? []
      : ["the program wrote nothing about it: switch its debug output on"];
  return [`mend what it says above; ${tryAgain(context)}`, ...more];
}

/** Which setting of which web server stands behind the limit. */
const limits = "nginx: fastcgi_read_timeout 60s, Apache: ProxyTimeout (Timeout) 60, mod_fastcgi: -idle-timeout 30";

export function judgeTimeout(facts: Of<"timed-out">, context: AnswerContext): Finding {
  if (!facts.isConnected) return neverConnected(facts, context);
  return facts.bytes > 0 ? endless(facts) : silent(facts, context);
}

function neverConnected({ request }: Of<"timed-out">, { timeoutMs }: AnswerContext): Finding {
  return {
    code: "socket.connect-timed-out",
    level: "broken",
    what: "Nobody takes the connection",
    seen: [`${request}: no connection within ${formatDuration(timeoutMs)}`],
    remedy: ["see whether the address is right, and whether a firewall drops it"],
  };
}

/** A stream of events, or a very long download: the web server counts from byte to byte. */
function endless({ request, bytes, firstByteMs }: Of<"timed-out">): Finding {
  return {
    code: "answer.long",
    level: "note",
    what: "The answer was still coming when the doctor stopped to wait for its end",
    seen: [`${request}: first byte after ${took(firstByteMs ?? 0)}, ${bytes} bytes so far`],
    remedy: [`none, if it is a stream; a web server counts from one byte to the next (${limits})`],
  };
}

function silent({ request, stderr }: Of<"timed-out">, context: AnswerContext): Finding {
  const { timeoutMs, witness } = context;
  const limit = formatDuration(timeoutMs);
  const activity = witness?.activity;
  return {
    code: "answer.timed-out",
    level: "broken",
    what: `No answer within ${limit}: the web server would have given up (504, idle timeout)`,
    seen: [
      `${request}: not a byte within ${limit}`,
      ...(activity === undefined ? [] : [`the worker ${activity}`]),
      ...wrote(stderr, witness?.lines ?? []),
    ],
    remedy: [
      ...remediesOfActivity(activity),
      `see how long it takes: the same command with --timeout 10m; then a longer limit in the web server (${limits})`,
    ],
  };
}

function remediesOfActivity(activity: string | undefined): string[] {
  if (activity === undefined) return [];
  if (activity.startsWith("uses the processor"))
    return ["it computes: look for an endless loop, or a query that is too large"];
  const target = /^(?:reads from|connects to) (\S+:\d+) /.exec(activity)?.[1];
  if (target !== undefined) return [`it waits for ${target}: see whether that service runs and answers`];
  if (activity.startsWith("waits for a lock"))
    return ["another process holds the lock: fuser -v on that file shows which"];
  if (activity.startsWith("waits for several things"))
    return [
      "its event loop waits: for a service that does not answer, or the handler never ends its answer (Node: res.end())",
    ];
  return activity.startsWith("sleeps") ? ["it sleeps: look for sleep in the program's code for this request"] : [];
}
