/** Requests to an app of echoes, one by one or in a closed loop, through the project's own client. */
import { createHash } from "node:crypto";
import type { Address } from "../../src/fastcgi/address.ts";
import { request } from "../../src/fastcgi/client.ts";
import { FastCgiError } from "../../src/fastcgi/errors.ts";
import { webServerParams } from "../../src/fastcgi/web-server-params.ts";
import { type Echo, type Program, readEcho } from "./programs.ts";

/** An app that runs, and what its requests have to name. */
export interface Target {
  readonly listen: Address;
  readonly program: Pick<Program, "scriptFilename">;
}

export interface AskOptions {
  /** Sent as POST. */
  readonly body?: Buffer | undefined;
  readonly timeoutMs?: number;
}

/** How long a single request may take before it counts as stuck: much longer than a loaded machine needs. */
const patienceMs = 60_000;

/** The parameters a web server would send, with the app mounted at the root. */
export function paramsFor(program: Target["program"], uri: string, body?: Buffer) {
  return webServerParams({
    uri,
    method: body === undefined ? "GET" : "POST",
    scriptName: "",
    ...(program.scriptFilename === undefined ? {} : { scriptFilename: program.scriptFilename }),
    ...(body === undefined ? {} : { contentLength: body.length, contentType: "application/octet-stream" }),
  });
}

/** An answer that came in full and is not the echo that was asked for. */
export class WrongAnswer extends Error {}

/** One request on a connection of its own. Rejects with the client's FastCgiError, or with a WrongAnswer. */
export async function ask(target: Target, uri: string, options: AskOptions = {}): Promise<Echo> {
  const { body, timeoutMs = patienceMs } = options;
  const params = paramsFor(target.program, uri, body);
  const answer = await request({ listen: target.listen, params, stdin: body, timeoutMs });
  const text = answer.body.toString("latin1");
  if (answer.status !== 200) throw new WrongAnswer(`Status ${answer.status} for ${uri}: ${text.slice(0, 500)}`);
  return checked(text, uri, body);
}

function checked(text: string, uri: string, body: Buffer | undefined): Echo {
  const echo = readEchoOf(text);
  const query = uri.split("?")[1] ?? "";
  if (echo.query !== query) throw new WrongAnswer(`The query ${query} was answered as ${echo.query}`);
  if (echo.body !== (body?.length ?? 0)) throw new WrongAnswer(`${echo.body} bytes of the body arrived`);
  if (body !== undefined && echo.sha !== undefined && echo.sha !== shaOf(body)) {
    throw new WrongAnswer("The body arrived changed");
  }
  return echo;
}

function readEchoOf(text: string): Echo {
  try {
    return readEcho(text);
  } catch (error) {
    throw new WrongAnswer((error as Error).message);
  }
}

export function shaOf(body: Buffer): string {
  return createHash("sha1").update(body).digest("hex");
}

/**
 * How a request is lost: nobody listens or the queue is full; the connection is reset; it closes before the end of the
 * answer; nothing comes in time; the answer is not the one that was asked for.
 */
export type Failure = "refused" | "reset" | "cut" | "timeout" | "wrong";

/** What became of the requests of a load. */
export interface LoadResult {
  readonly answered: number;
  readonly failed: Readonly<Record<Failure, number>>;
  /** Who answered. */
  readonly pids: ReadonlySet<number>;
  /** Of the answered requests, in milliseconds, as they ended. */
  readonly latencies: readonly number[];
  /** Messages of the first failures. */
  readonly complaints: readonly string[];
}

export const nothingFailed: LoadResult["failed"] = { refused: 0, reset: 0, cut: 0, timeout: 0, wrong: 0 };

export interface LoadOptions extends AskOptions {
  /** Requests that are under way at any time; each has a connection of its own. */
  readonly connections: number;
  /** How many requests there are in all. Absent: until `stop`. */
  readonly requests?: number;
  /** What the n-th request asks for, from 0. Default: a query with its number. */
  readonly uri?: (n: number) => string;
}

/** A load at work. */
export interface Load {
  /** So far. */
  readonly result: LoadResult;
  /** Lets the requests under way end, and begins no more. */
  stop(): Promise<LoadResult>;
  /** Resolves when all requests are done. */
  readonly finished: Promise<LoadResult>;
}

/** Which kind of loss this is. Throws what is none: a mistake in the test. */
export function failureOf(error: unknown): Failure {
  if (error instanceof WrongAnswer) return "wrong";
  if (!(error instanceof FastCgiError)) throw error;
  switch (error.code) {
    case "FCGI_CONNECT_FAILED":
      return "refused";
    case "FCGI_TIMED_OUT":
      return "timeout";
    case "FCGI_ANSWER_CUT_SHORT":
      return error.errno === undefined ? "cut" : "reset";
    default:
      return "wrong";
  }
}

const mostComplaints = 20;

/** Keeps `connections` requests under way; as soon as one is done, the next begins. */
export function startLoad(target: Target, options: LoadOptions): Load {
  const { connections, requests = Number.POSITIVE_INFINITY, uri = (n) => `/load?n=${n}` } = options;
  const pids = new Set<number>();
  const latencies: number[] = [];
  const complaints: string[] = [];
  const failed = { ...nothingFailed };
  const result = { answered: 0, failed, pids, latencies, complaints };
  let begun = 0;
  let stopped = false;
  const one = async (path: string): Promise<void> => {
    const from = performance.now();
    try {
      pids.add((await ask(target, path, options)).pid);
      latencies.push(performance.now() - from);
      result.answered += 1;
    } catch (error) {
      failed[failureOf(error)] += 1;
      if (complaints.length < mostComplaints) complaints.push(`${path}: ${(error as Error).message}`);
    }
  };
  const loop = async (): Promise<void> => {
    while (!stopped && begun < requests) await one(uri(begun++));
  };
  const finished = Promise.all(Array.from({ length: connections }, loop)).then(() => result);
  const stop = (): Promise<LoadResult> => {
    stopped = true;
    return finished;
  };
  return { result, stop, finished };
}
