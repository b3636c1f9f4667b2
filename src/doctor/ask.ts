/** One request, as the web server would make it, and what came of it. */
import { connect } from "node:net";
import { judgeAnswer } from "../diagnosis/answer.ts";
import type { AnswerContext, AnswerFacts } from "../diagnosis/answer-facts.ts";
import type { Finding } from "../diagnosis/finding.ts";
import { took } from "../diagnosis/seen.ts";
import { type Address, formatAddress, toNetOptions } from "../fastcgi/address.ts";
import { parseCgiHead } from "../fastcgi/cgi-response.ts";
import { type Answer, request } from "../fastcgi/client.ts";
import { FastCgiError, type PartialAnswer } from "../fastcgi/errors.ts";
import { type WebRequest, type WebServerParams, webServerParams } from "../fastcgi/web-server-params.ts";
import type { Patient, Wish } from "./patient.ts";

/** So much of an answer is kept to be looked at. */
const mostStartBytes = 2048;
/** A page is smaller; what is longer is judged by its start. */
const mostAnswerBytes = 16 * 1024 * 1024;

/** What is asked: the wish, or a part of it. */
export type Question = Pick<Wish, "uri" | "site" | "timeoutMs" | "data" | "root" | "scriptFilename" | "as"> & {
  readonly method?: string;
};

/** Asks once; whatever goes wrong is a fact. */
export async function ask(address: Address, question: Question): Promise<AnswerFacts> {
  const stdin = question.data === undefined ? undefined : Buffer.from(question.data);
  const startedAt = performance.now();
  const params = paramsOf(question);
  const { timeoutMs } = question;
  try {
    const answer = await request({ listen: address, params, stdin, timeoutMs, maxAnswerBytes: mostAnswerBytes });
    return factsOfAnswer(named(question), answer);
  } catch (error) {
    if (!(error instanceof FastCgiError)) throw error;
    const rawStart = error.code === "FCGI_PROTOCOL_VIOLATED" ? await speakHttp(address) : "";
    return factsOfError(named(question), error, performance.now() - startedAt, rawStart);
  }
}

/** Some HTTP servers say nothing to our records: they wait for the end of a line in them. */
async function askInHttp(facts: AnswerFacts, address: Address): Promise<AnswerFacts> {
  if (facts.kind !== "timed-out" || !facts.isConnected || facts.bytes > 0) return facts;
  const rawStart = await speakHttp(address);
  if (!/^HTTP\/\d/.test(rawStart)) return facts;
  const { request, totalMs, firstByteMs, stderr } = facts;
  return { kind: "no-fastcgi", request, totalMs, firstByteMs, stderr, why: "not a byte came", rawStart };
}

/** Asks a socket that is not watched from within, judges the answer, and notes what was done. */
export async function askAndJudge(address: Address, patient: Patient): Promise<Finding[]> {
  const { wish, journal } = patient;
  const where = formatAddress(address);
  journal.say(`asking ${named(wish)} at ${where}`);
  const asked = await ask(address, wish);
  // A worker of ours would only complain of HTTP in its log.
  const facts = patient.running === undefined ? await askInHttp(asked, address) : asked;
  journal.tried(`${named(wish)} at ${where}: ${summaryOf(facts)}`);
  return judgeAnswer(facts, contextOf(wish, where));
}

/** `GET /`. */
export function named({ method, data, ...wish }: Pick<Question, "method" | "data" | "uri" | "site">): string {
  return `${method ?? (data === undefined ? "GET" : "POST")} ${urlOf(wish)}`;
}

/** The path alone, where no site was named. */
function urlOf({ site, uri }: Pick<Question, "uri" | "site">): string {
  return `${site?.origin ?? ""}${uri}`;
}

/** What came of it, in a few words. */
export function summaryOf(facts: AnswerFacts): string {
  if (facts.kind === "complete") return `${facts.status} in ${took(facts.totalMs)}`;
  if (facts.kind === "timed-out") return "no complete answer in time";
  return facts.kind === "unreachable" ? facts.errno : "no sound answer";
}

/** Of a socket where nothing is known of the program behind it. */
function contextOf(wish: Wish, where: string): AnswerContext {
  const flag = where.startsWith("/") ? "--socket" : "--port";
  return {
    timeoutMs: wish.timeoutMs,
    witness: undefined,
    script: scriptOf(wish),
    language: "other",
    again: `fcgi-pm request '${urlOf(wish)}' ${flag} ${where}`,
  };
}

const headersFor = (host: string) =>
  [
    ["Host", host],
    ["User-Agent", "fcgi-pm doctor"],
    ["Accept", "*/*"],
  ] as const;

/** Debian's, for all three web servers. */
const usualRoot = "/var/www/html";

function paramsOf(question: Question): WebServerParams {
  const { uri, site, root, scriptFilename, data, as, method } = question;
  const body = data === undefined ? {} : { contentLength: Buffer.byteLength(data), contentType: formType };
  return webServerParams({
    as,
    uri,
    method: method ?? (data === undefined ? "GET" : "POST"),
    headers: headersFor(site?.host ?? "localhost"),
    ...(site === undefined ? {} : { https: site.https, serverName: site.serverName, serverPort: site.serverPort }),
    documentRoot: root ?? usualRoot,
    ...mountOf(question),
    ...(scriptFilename === undefined ? {} : { scriptFilename }),
    ...body,
  });
}

const formType = "application/x-www-form-urlencoded";

/** An app that serves all its paths is mounted at the root, as the docs of frameworks have it; below a document root the path names a script. */
function mountOf({ uri, root }: Question): Pick<WebRequest, "scriptName" | "pathInfo" | "servesFiles"> {
  if (root === undefined) return { scriptName: "" };
  const [path = ""] = uri.split("?", 1);
  if (path.endsWith("/")) return { servesFiles: true, scriptName: `${path}index.php`, pathInfo: "" };
  const [, script] = /^(.+?\.php)\//.exec(path) ?? [];
  return { servesFiles: true, ...(script === undefined ? {} : { scriptName: script }) };
}

/** The script that is named to a program which runs scripts; undefined where none was given. */
export function scriptOf(question: Question): string | undefined {
  if (question.root === undefined && question.scriptFilename === undefined) return undefined;
  return String(paramsOf(question).get("SCRIPT_FILENAME"));
}

function factsOfAnswer(name: string, answer: Answer): AnswerFacts {
  const { status, headers, body, stderr, timing } = answer;
  return {
    kind: "complete",
    ...common(name, { ...answer, timing, stderr }),
    status,
    headers,
    bodyStart: body.toString("latin1", 0, mostStartBytes),
    bodyBytes: body.length,
    isCut: false,
  };
}

function common(request: string, { stderr, timing }: Pick<PartialAnswer, "stderr" | "timing">) {
  return {
    request,
    totalMs: timing.totalMs,
    firstByteMs: timing.firstByteMs,
    stderr: stderr.toString("latin1"),
  };
}

const nothing: PartialAnswer["stdout"] = Buffer.alloc(0);

function factsOfError(name: string, error: FastCgiError, totalMs: number, rawStart: string): AnswerFacts {
  const { message: why, partial, errno = "" } = error;
  const timing = partial?.timing ?? { connectMs: undefined, firstByteMs: undefined, totalMs };
  const stdout = partial?.stdout ?? nothing;
  const of = common(name, { stderr: partial?.stderr ?? nothing, timing });
  const piece = { start: stdout.toString("latin1", 0, mostStartBytes), bytes: stdout.length };
  switch (error.code) {
    case "FCGI_ANSWER_MALFORMED":
      return { kind: "malformed", ...of, ...piece, why };
    case "FCGI_ANSWER_CUT_SHORT":
      return { kind: "cut", ...of, ...piece };
    case "FCGI_TIMED_OUT":
      return { kind: "timed-out", ...of, ...piece, isConnected: timing.connectMs !== undefined };
    case "FCGI_ANSWER_TOO_LARGE":
      return tooLarge(of, stdout, piece);
    case "FCGI_REQUEST_REFUSED":
      return { kind: "refused", ...of, why };
    case "FCGI_CONNECT_FAILED":
      return { kind: "unreachable", ...of, errno, why };
    default:
      return { kind: "no-fastcgi", ...of, why, rawStart };
  }
}

type Common = ReturnType<typeof common>;

/** Its head is there, and is judged. */
function tooLarge(of: Common, stdout: Buffer, piece: { start: string; bytes: number }): AnswerFacts {
  const result = parseCgiHead(stdout);
  if (!result.ok) return { kind: "malformed", ...of, ...piece, why: result.message };
  const { status, headers, bodyOffset } = result.head;
  const bodyStart = stdout.toString("latin1", bodyOffset, bodyOffset + mostStartBytes);
  return { kind: "complete", ...of, status, headers, bodyStart, bodyBytes: stdout.length - bodyOffset, isCut: true };
}

const httpPatienceMs = 2000;

/** What an HTTP server would answer there; empty, where nothing comes. */
export function speakHttp(address: Address): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(toNetOptions(address));
    socket.setTimeout(httpPatienceMs, () => socket.destroy());
    socket.on("connect", () => socket.write("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"));
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (text.length >= mostStartBytes) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}
