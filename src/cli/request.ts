/** `fcgi-pm request`: one request as a web server would send it, and its answer as it comes. */
import { FcgiPmError } from "../errors.ts";
import { type StreamEnd, type StreamListener, streamRequest } from "../fastcgi/client.ts";
import { FastCgiError } from "../fastcgi/errors.ts";
import type { ExchangeOptions } from "../fastcgi/exchange.ts";
import { complain } from "./complain.ts";
import { type Asked, findAsked } from "./request-address.ts";
import { Aside } from "./request-aside.ts";
import { explainFailure } from "./request-failure.ts";
import { type Ended, Gathered } from "./request-json.ts";
import { parseLimit, type RequestWords } from "./request-options.ts";
import { Output } from "./request-output.ts";
import { type Said, sayRequest } from "./request-params.ts";
import { printJson } from "./terminal.ts";

const usualLimitMs = 30_000;

/** Asks, and prints the answer; gives the exit status. */
export async function request(uri: string, words: RequestWords): Promise<number> {
  const limits = readLimits(words);
  const said = await sayRequest(uri, words);
  const asked = await findAsked(words);
  if (said.lacksLength) warnOfLength(words);
  const options: ExchangeOptions = {
    listen: asked.listen,
    params: said.params,
    role: said.role,
    stdin: said.stdin,
    data: said.data,
    keepConnection: words.keepConn === true,
    ...limits,
  };
  return words.json === true ? answerAsJson(asked, said, options, words) : answer(asked, said, options, words);
}

function readLimits({ timeout, connectTimeout }: RequestWords) {
  const timeoutMs = parseLimit("--timeout", timeout, usualLimitMs);
  return { timeoutMs, connectTimeoutMs: parseLimit("--connect-timeout", connectTimeout, timeoutMs) };
}

/** As nginx does it with `fastcgi_request_buffering off`. */
function warnOfLength({ silent }: RequestWords): void {
  const text = "the length of the body is not known, so CONTENT_LENGTH is empty: many programs take that for no body";
  if (silent !== true) process.stderr.write(`warning: ${text}\n  try: -H 'Content-Length: BYTES'\n`);
}

async function answer(asked: Asked, said: Said, options: ExchangeOptions, words: RequestWords): Promise<number> {
  const aside = new Aside(words);
  const output = new Output(words);
  let cameBytes = 0;
  const listener: StreamListener = {
    ...watch(aside, asked, said, words),
    head: (head) => {
      aside.endLine();
      return output.head(head);
    },
    body: (piece) => {
      cameBytes += piece.length;
      return output.body(piece);
    },
    stderr: (piece) => aside.stderr(piece),
  };
  try {
    const end = await streamRequest(options, listener);
    await output.end();
    aside.end(end.timing);
    return verdict(end);
  } catch (error) {
    if (cameBytes > 0) await output.end().catch(() => {});
    aside.end(error instanceof FastCgiError ? error.partial?.timing : undefined);
    return fail(explain(error, asked, cameBytes), words);
  }
}

/** Only who wants to see the records pays for them. */
function watch(aside: Aside, asked: Asked, said: Said, { verbose }: RequestWords) {
  if (verbose !== true) return {};
  return {
    connected: () => aside.connected(asked.listen),
    sent: (record: Uint8Array) => aside.sent(record, said.params),
    received: aside.received.bind(aside),
  };
}

function fail(error: unknown, { silent, showError }: RequestWords): number {
  return silent === true && showError !== true && error instanceof FcgiPmError ? error.exitStatus : complain(error);
}

async function answerAsJson(asked: Asked, said: Said, options: ExchangeOptions, words: RequestWords): Promise<number> {
  const aside = new Aside(words);
  const output = words.output === undefined ? undefined : new Output({ output: words.output });
  const gathered = new Gathered(output);
  const tell = (ended: Ended) => printJson(gathered.describe(asked, said, ended));
  try {
    const end = await streamRequest(options, {
      ...watch(aside, asked, said, words),
      head: (head) => gathered.head(head),
      body: (piece) => gathered.body(piece),
      stderr: (piece) => gathered.stderr(piece),
    });
    await output?.end();
    await tell(end);
    return verdict(end);
  } catch (caught) {
    const error = explain(caught, asked, 0);
    if (!(error instanceof FcgiPmError)) throw error;
    const partial = caught instanceof FastCgiError ? caught.partial : undefined;
    await tell({ ...partial, partial, error });
    return error.exitStatus;
  }
}

function explain(error: unknown, asked: Asked, cameBytes: number): unknown {
  if (!(error instanceof FastCgiError)) return error;
  return explainFailure(error, asked, Math.max(cameBytes, error.partial?.stdout.length ?? 0));
}

/** 0: answered. 4: answered with what HTTP calls an error. */
function verdict({ head }: StreamEnd): 0 | 4 {
  return head.status < 400 ? 0 : 4;
}
