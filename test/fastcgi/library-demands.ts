/** What the specification demands of an application's library, as questions to a program that runs. */
import { until } from "../helpers/wait.ts";
import * as raw from "./raw-peer.ts";
import { begin, type RawPeer, record, stream } from "./raw-peer.ts";

/** A program that answers with `query=` and `body=`, one line for each. */
export interface Subject {
  connect(): RawPeer;
  isAlive(): boolean;
  readonly scriptFilename: string;
}

/** "yes", or in few words what happened instead. */
export type Verdict = string;

export interface Demand {
  readonly title: string;
  ask(subject: Subject): Promise<Verdict>;
}

/** How long an answer may take; each of these programs answers in milliseconds. */
const timeoutMs = 1500;
const bodyLength = 5;

/** What a web server would send; Go wants the method, the protocol and the URI, php-cgi the script. */
function params({ scriptFilename }: Subject, query: string): Buffer {
  return raw.pairs({
    REQUEST_METHOD: "POST",
    SERVER_PROTOCOL: "HTTP/1.1",
    REQUEST_URI: `/x?${query}`,
    SCRIPT_NAME: "/x",
    SCRIPT_FILENAME: scriptFilename,
    QUERY_STRING: query,
    CONTENT_TYPE: "application/octet-stream",
    CONTENT_LENGTH: String(bodyLength),
    HTTP_HOST: "site.test",
    REDIRECT_STATUS: "200",
  });
}

/** A whole request with a query and a body of five bytes. */
function asking(subject: Subject, id: number, query: string, options: { flags?: number; size?: number } = {}): Buffer {
  const { flags = 1, size = 65_535 } = options;
  const all = [begin(id, { flags }), stream(raw.PARAMS, id, params(subject, query), size)];
  return Buffer.concat([...all, stream(raw.STDIN, id, "12345", size)]);
}

/** The same with so much padding on BEGIN_REQUEST, on records with content, and on empty ones. */
function padded(subject: Subject, onBegin: number, onContent: number, onEmpty: number): Buffer {
  return Buffer.concat([
    begin(1, {}, { padding: onBegin }),
    record(raw.PARAMS, 1, params(subject, "q=1"), { padding: onContent }),
    record(raw.PARAMS, 1, "", { padding: onEmpty }),
    record(raw.STDIN, 1, "12345", { padding: onContent }),
    record(raw.STDIN, 1, "", { padding: onEmpty }),
  ]);
}

/** Waits until something has come, or nothing can come any more, or it takes too long. */
async function comes(peer: RawPeer, condition: () => boolean): Promise<boolean> {
  await until(() => condition() || peer.isLeft, { what: "an answer", timeoutMs, everyMs: 2 }).catch(() => {});
  return condition();
}

const ends = (peer: RawPeer, id: number): number => peer.runs(id).length - 1;

/** How a connection stands that has not done what it should. */
function failure(subject: Subject, peer: RawPeer): Verdict {
  if (!subject.isAlive()) return "the process dies";
  return peer.isLeft ? "closes the connection" : "never answers";
}

/** Whether the n-th answer to this id is the right one. */
async function answered(subject: Subject, peer: RawPeer, id: number, query: string, nth = 1): Promise<Verdict> {
  if (!(await comes(peer, () => ends(peer, id) >= nth))) return failure(subject, peer);
  const { stdout, protocolStatus } = await peer.answer(id, nth);
  if (protocolStatus !== 0) return `protocol status ${protocolStatus}`;
  const lost = [`query=${query}\n`, `body=${bodyLength}\n`].map((line) => !stdout.includes(line));
  if (lost[0] && lost[1]) return "loses parameters and body";
  if (lost[0]) return "loses parameters";
  return lost[1] ? "loses the body" : "yes";
}

/** Sends this on a new connection and judges the answer to request 1. */
const plain =
  (bytes: (subject: Subject) => Buffer): Demand["ask"] =>
  async (subject) => {
    const peer = subject.connect();
    peer.send(bytes(subject));
    return answered(subject, peer, 1, "q=1");
  };

/** The first verdict that is not "yes"; one that came after others says so. */
async function all(...verdicts: readonly (() => Promise<Verdict>)[]): Promise<Verdict> {
  for (const [index, verdict] of verdicts.entries()) {
    const one = await verdict();
    if (one !== "yes") return index === 0 ? one : `yes, then ${one}`;
  }
  return "yes";
}

/** At a place in a request: these bytes, the record that they ask for, the rest of the request, and its answer. */
async function amid(subject: Subject, start: Buffer, bytes: Buffer, wanted: number): Promise<Verdict> {
  const peer = subject.connect();
  peer.send(start, bytes);
  const isTold = () => peer.records.some(({ type }) => type === wanted);
  const isTimely = await comes(peer, isTold);
  if (peer.isLeft) return failure(subject, peer);
  const all = asking(subject, 1, "q=1");
  peer.send(all.subarray(start.length));
  const rest = await answered(subject, peer, 1, "q=1");
  if (rest !== "yes") return isTold() ? `answers it, then ${rest}` : rest;
  if (isTimely) return "yes";
  return isTold() ? "answers it late, with the request" : "no answer to it; serves on";
}

async function abortAndGoOn(subject: Subject): Promise<Verdict> {
  const peer = subject.connect();
  peer.send(begin(), stream(raw.PARAMS, 1, params(subject, "q=1")), record(raw.STDIN, 1, "12"), record(raw.ABORT, 1));
  if (!(await comes(peer, () => ends(peer, 1) >= 1))) return failure(subject, peer);
  peer.send(asking(subject, 2, "q=2"));
  const next = await answered(subject, peer, 2, "q=2");
  if (next !== "yes") return `ends it, then ${next}`;
  return peer.runs(1).flat().at(-1) === peer.runs(1)[0]?.at(-1) ? "yes" : "goes on to answer after the end";
}

async function multiplex(subject: Subject): Promise<Verdict> {
  const peer = subject.connect();
  const body = (id: number) => stream(raw.STDIN, id, "12345");
  peer.send(
    begin(1),
    begin(2),
    stream(raw.PARAMS, 1, params(subject, "q=1")),
    stream(raw.PARAMS, 2, params(subject, "q=2")),
  );
  peer.send(body(2), body(1));
  const first = await answered(subject, peer, 1, "q=1");
  if (first !== "yes") return first;
  const second = await answered(subject, peer, 2, "q=2");
  if (second === "yes") return "both answered";
  return second === "protocol status 1" ? "refused (CANT_MPX_CONN)" : `the second: ${second}`;
}

async function roleIsUnknown(subject: Subject): Promise<Verdict> {
  const peer = subject.connect();
  peer.send(begin(1, { role: 9 }), stream(raw.PARAMS, 1, params(subject, "q=1")), stream(raw.STDIN, 1, "12345"));
  if (!(await comes(peer, () => ends(peer, 1) >= 1))) return failure(subject, peer);
  const { protocolStatus } = await peer.answer(1);
  return protocolStatus === 3 ? "yes" : "serves it all the same";
}

async function closesUnlessKept(subject: Subject): Promise<Verdict> {
  const closed = subject.connect();
  closed.send(asking(subject, 1, "q=1", { flags: 0 }));
  return all(
    () => answered(subject, closed, 1, "q=1"),
    async () => ((await comes(closed, () => closed.isLeft)) ? "yes" : "does not close without it"),
    async () => {
      // libfcgi waits until the peer has closed too, up to two seconds.
      closed.socket.destroy();
      const kept = subject.connect();
      kept.send(asking(subject, 1, "q=1"));
      const first = await answered(subject, kept, 1, "q=1");
      if (first !== "yes") return first;
      kept.send(asking(subject, 1, "q=2"));
      const second = await answered(subject, kept, 1, "q=2", 2);
      return second === "yes" ? "yes" : `${second} in spite of it`;
    },
  );
}

async function outputIsClean(subject: Subject): Promise<Verdict> {
  const peer = subject.connect();
  for (let n = 1; n <= 5; n += 1) {
    peer.send(asking(subject, 1, "q=1", { flags: n === 5 ? 0 : 1 }));
    if ((await answered(subject, peer, 1, "q=1", n)) !== "yes") break;
  }
  return peer.violations.length === 0 ? "yes" : [...new Set(peer.violations)].join(", ");
}

const query = record(raw.GET_VALUES, 0, raw.pair("FCGI_MPXS_CONNS", ""));

export const demands: readonly Demand[] = [
  { title: "a request as nginx sends it (6.2)", ask: plain((subject) => asking(subject, 1, "q=1")) },
  {
    title: "255 bytes of padding on records with content (3.3)",
    ask: plain((subject) => padded(subject, 0, 255, 0)),
  },
  {
    title: "8 bytes of padding on the empty records that end PARAMS and STDIN (3.3)",
    ask: plain((subject) => padded(subject, 0, 0, 8)),
  },
  { title: "8 bytes of padding on BEGIN_REQUEST (3.3)", ask: plain((subject) => padded(subject, 8, 0, 0)) },
  {
    title: "parameters cut anywhere, records of 10 bytes (3.3, 5.2)",
    ask: plain((subject) => asking(subject, 1, "q=1", { size: 10 })),
  },
  {
    title: "parameters and body in records of 1 byte (3.3)",
    ask: plain((subject) => asking(subject, 1, "q=1", { size: 1 })),
  },
  { title: "abort while STDIN comes; the connection goes on (5.4)", ask: abortAndGoOn },
  { title: "FCGI_KEEP_CONN set and not set (5.1)", ask: closesUnlessKept },
  {
    title: "GET_VALUES before a request (4.1)",
    ask: (subject) => amid(subject, Buffer.alloc(0), query, raw.GET_VALUES_RESULT),
  },
  {
    title: "GET_VALUES after BEGIN_REQUEST (4.1)",
    ask: (subject) => amid(subject, begin(), query, raw.GET_VALUES_RESULT),
  },
  {
    title: "UNKNOWN_TYPE for a management record nobody knows (4.2)",
    ask: (subject) => amid(subject, Buffer.alloc(0), record(99, 0, "what"), raw.UNKNOWN_TYPE),
  },
  { title: "two requests at once on one connection (3.3, 5.5)", ask: multiplex },
  { title: "UNKNOWN_ROLE (5.5)", ask: roleIsUnknown },
  { title: "records of its own: zeroed padding, ended streams (3.3)", ask: outputIsClean },
];
