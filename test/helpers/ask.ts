/** One request to an app of echoes, straight or through a web server, and whether its answer is the one that was asked for. */
import { createHash } from "node:crypto";
import { type Agent, request as httpRequest, type IncomingMessage } from "node:http";
import type { Address } from "../../src/fastcgi/address.ts";
import { request } from "../../src/fastcgi/client.ts";
import { FastCgiError } from "../../src/fastcgi/errors.ts";
import { webServerParams } from "../../src/fastcgi/web-server-params.ts";
import { type Echo, readEcho } from "./echo.ts";
import type { Program } from "./programs.ts";

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
  return checked(answer.status, answer.body.toString("latin1"), uri, body);
}

/** The same through a web server, on one of the agent's connections. Rejects with what node:http says, or with a WrongAnswer. */
export async function askWebServer(url: string, uri: string, agent: Agent, options: AskOptions = {}): Promise<Echo> {
  const { body, timeoutMs = patienceMs } = options;
  const method = body === undefined ? "GET" : "POST";
  const headers = body === undefined ? {} : { "Content-Length": body.length };
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = httpRequest(url + uri, { method, headers, agent, timeout: timeoutMs }, resolve);
    sent.on("timeout", () => sent.destroy(new TimedOut(`No answer from ${url}${uri} for ${timeoutMs} ms`)));
    sent.on("error", reject);
    sent.end(body);
  });
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return checked(answer.statusCode ?? 0, Buffer.concat(parts).toString("latin1"), uri, body);
}

class TimedOut extends Error {}

function checked(status: number, text: string, uri: string, body: Buffer | undefined): Echo {
  if (status !== 200) throw new WrongAnswer(`Status ${status} for ${uri}: ${text.slice(0, 500)}`);
  const echo = readEchoOf(text);
  const query = uri.split("?")[1] ?? "";
  if (echo.query !== query) throw new WrongAnswer(`The query ${query} was answered as ${echo.query}`);
  if (echo.body !== (body?.length ?? 0)) throw new WrongAnswer(`${echo.body} bytes of the body arrived`);
  if (body !== undefined && echo.sha !== undefined && echo.sha !== shaOf(body)) {
    throw new WrongAnswer("The body arrived changed");
  }
  const size = Number(/(?:^|&)size=(\d+)/.exec(query)?.[1] ?? 0);
  if (echo.extra !== size) throw new WrongAnswer(`${echo.extra} of ${size} bytes came`);
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

/** Which kind of loss this is. Throws what is none: a mistake in the test. */
export function failureOf(error: unknown): Failure {
  if (error instanceof WrongAnswer) return "wrong";
  if (error instanceof TimedOut) return "timeout";
  if (!(error instanceof FastCgiError)) return failureOfHttp(error as NodeJS.ErrnoException);
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

/** Node says ECONNRESET too where the connection was closed. */
function failureOfHttp(error: NodeJS.ErrnoException): Failure {
  if (error.syscall === "connect") return "refused";
  if (error.code === "ECONNRESET" || error.code === "EPIPE") return error.syscall === undefined ? "cut" : "reset";
  throw error;
}
