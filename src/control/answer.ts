/** From a request to its answer: reads what is asked, has it done, says what came of it. Knows of no HTTP library. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { FcgiPmError } from "../errors.ts";
import { readBody, readParameters, refuseNoName } from "./asked.ts";
import { commands, type Lines, questions } from "./commands.ts";
import { asBug, failureOf } from "./failure.ts";
import { LineStream, linesType } from "./line-stream.ts";
import {
  type BodyOf,
  noParameters,
  type Operations,
  type ParametersOf,
  type Query,
  queries,
  type Verb,
  verbs,
} from "./protocol.ts";

/** From what the answers come. */
export interface Desk {
  readonly operations: Operations;
  /** Those under way. */
  readonly streams: Set<LineStream>;
  readonly mostStreams: number;
  readonly onBug: (error: unknown) => void;
  /** A whole answer is on its way: it is the client's turn to take it. */
  readonly onAnswered: (outgoing: ServerResponse) => void;
}

export interface Asked {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** What stands in the path for `:app`. */
  readonly app: string | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly text: string;
}

/** Does what a POST request asks for. */
export async function obey<V extends Verb>(desk: Desk, verb: V, asked: Asked): Promise<Answer> {
  try {
    const app = nameOf(asked);
    readParameters(noParameters, targetOf(asked.incoming));
    const body = (await readBody(verbs[verb], asked.incoming)) as BodyOf<V>;
    return json(200, await commands[verb](desk.operations, body, app));
  } catch (error) {
    return fail(desk, error);
  }
}

/** Answers a GET request; `streaming`: lines are on their way. */
export async function tell<Q extends Query>(desk: Desk, query: Q, asked: Asked): Promise<Answer | "streaming"> {
  try {
    const app = nameOf(asked);
    const parameters = readParameters(queries[query], targetOf(asked.incoming)) as ParametersOf<Q>;
    const answered = questions[query](desk.operations, parameters, app);
    // Lines are followed in this very turn: none may come between those that are there and those that come.
    const told = answered instanceof Promise ? await answered : answered;
    if (!("past" in told)) return json(200, told);
    if (asked.incoming.method === "HEAD") return { status: 200, headers: { "Content-Type": linesType }, text: "" };
    stream(desk, told, asked.outgoing);
    return "streaming";
  } catch (error) {
    return fail(desk, error);
  }
}

export function refusePath(incoming: IncomingMessage): Answer {
  const message = `There is nothing at ${JSON.stringify(targetOf(incoming).slice(0, 200))}`;
  return refusal(new FcgiPmError("FCGI_PM_REQUEST_PATH_UNKNOWN", message));
}

export function refuseMethod(incoming: IncomingMessage, allowed: string): Answer {
  const message = `Cannot ${incoming.method} ${targetOf(incoming).slice(0, 200)}: it takes ${allowed}`;
  return refusal(new FcgiPmError("FCGI_PM_REQUEST_METHOD_WRONG", message), { Allow: allowed });
}

/** An expected failure as it is; anything else is a bug, which somebody has to hear of. */
function fail(desk: Desk, error: unknown): Answer {
  if (error instanceof FcgiPmError) return refusal(error);
  desk.onBug(error);
  return refusal(asBug(error));
}

function refusal(error: FcgiPmError, headers: Record<string, string> = {}): Answer {
  const { status, answer } = failureOf(error);
  return json(status, answer, headers);
}

/** Path and parameters, as they were sent. */
export function targetOf(incoming: IncomingMessage): string {
  return incoming.url ?? "";
}

/** Empty where the path has no app in it. */
function nameOf({ app = "" }: Asked): string {
  if (app !== "") refuseNoName(app);
  return app;
}

function json(status: number, value: object, headers: Record<string, string> = {}): Answer {
  return { status, headers: { "Content-Type": "application/json", ...headers }, text: `${JSON.stringify(value)}\n` };
}

function stream(desk: Desk, lines: Lines, outgoing: ServerResponse): void {
  // The client has gone already: nothing would tell us again that it has.
  if (outgoing.destroyed) return;
  if (desk.streams.size >= desk.mostStreams) {
    const message = `Cannot follow: ${desk.mostStreams} clients follow logs or events already`;
    throw new FcgiPmError("FCGI_PM_CONTROL_BUSY", message);
  }
  const opened = new LineStream(lines, outgoing, desk);
  desk.streams.add(opened);
  outgoing.once("close", () => desk.streams.delete(opened));
}
