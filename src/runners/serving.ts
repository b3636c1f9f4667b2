/** Serves an application on the listener that the manager gave us, until a signal asks us to stop. */
import { inspect } from "node:util";
import type { FastCgiRequest } from "../fastcgi/fastcgi-request.ts";
import type { HttpRequest } from "../fastcgi/http-handler.ts";
import { respond, type Server, serve } from "../fastcgi/server.ts";
import { toWebRequest } from "../fastcgi/web-request.ts";
import { type Application, type FetchApplication, isResponse, type NodeApplication } from "./application.ts";
import { tell } from "./words.ts";

const stopSignals = ["SIGTERM", "SIGINT", "SIGUSR1"] as const;

/** What a fetch function has asked us to wait for. */
const pending = new Set<Promise<unknown>>();

/** Resolves when requests are taken. */
export async function serveApplication(application: Application, close: () => unknown): Promise<void> {
  // The signals are ours: what the application wants to close comes after its last answer.
  const options = { stopOnSignals: false };
  const server =
    application.style === "node"
      ? await serve(handlerOf(application), options)
      : await respond(responderOf(application), options);
  const ends = [...(application.style === "node" && application.close ? [application.close] : []), close];
  stopOnSignals(server, ends);
}

function handlerOf({ handle }: NodeApplication): NodeApplication["handle"] {
  return (request, response) => {
    const fail = (error: unknown) => tellAndThrow(error, (request as HttpRequest).fcgi.signal);
    try {
      const result = handle(request, response);
      return result instanceof Promise ? result.then(refuseResponse).catch(fail) : refuseResponse(result);
    } catch (error) {
      return fail(error);
    }
  };
}

/** The web server's log gets it from the server; this is for `fcgi-pm logs`. Of a request that was given up nothing is told. */
function tellAndThrow(error: unknown, signal: AbortSignal): never {
  if (!signal.aborted) tell(inspect(error));
  throw error;
}

/** Nobody would write it to `res`, and the request would never end. */
function refuseResponse(result: unknown): unknown {
  if (isResponse(result)) throw new TypeError(`${twoParameters}: export const kind = "fetch"`);
  return result;
}

const twoParameters =
  "The function has two parameters, so it is taken for (req, res), but it returns a Response. Say that it is none";

/** A fetch function of whatever platform: the environment holds the variables, and the FastCGI request as `fcgi`. */
function responderOf(application: FetchApplication) {
  const variables = { ...process.env };
  const context = { waitUntil, passThroughOnException: () => {} };
  return async (fcgi: FastCgiRequest): Promise<Response> => {
    const work = async () => refuseOther(await application.fetch(toWebRequest(fcgi), { ...variables, fcgi }, context));
    return work().catch((error: unknown) => tellAndThrow(error, fcgi.signal));
  };
}

function refuseOther(response: unknown): Response {
  if (isResponse(response)) return response;
  const hint = 'If it is meant as (req, res): export const kind = "node"';
  throw new TypeError(`The function returned ${inspect(response, { depth: 0 })} instead of a Response. ${hint}`);
}

function waitUntil(work: unknown): void {
  const settled = Promise.resolve(work)
    .catch((error: unknown) => tell(inspect(error)))
    .finally(() => pending.delete(settled));
  pending.add(settled);
}

/** Finishes what is in flight, then closes what the application holds, then exits. */
function stopOnSignals(server: Server, ends: readonly (() => unknown)[]): void {
  let isStopping = false;
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    await server.stop();
    await Promise.all(pending);
    process.exit(await closeAll(ends));
  };
  for (const signal of stopSignals) process.on(signal, () => void stop());
}

/** Gives the exit status. */
async function closeAll(ends: readonly (() => unknown)[]): Promise<0 | 1> {
  let status: 0 | 1 = 0;
  for (const end of ends) {
    try {
      await end();
    } catch (error) {
      tell(inspect(error));
      status = 1;
    }
  }
  return status;
}
