/**
 * The tables of the protocol as an HTTP listener: Hono's router tells which path is meant. The only file that knows it.
 * All of Hono, with its adapter and Node's classes for requests and answers, would cost 13 MB and 50 ms with the first
 * request; this costs 5 MB and 22 ms, most of it node:http.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { PatternRouter } from "hono/router/pattern-router";
import { type Answer, type Asked, type Desk, obey, refuseMethod, refusePath, targetOf, tell } from "./answer.ts";
import { pathOf } from "./asked.ts";
import { queries, verbs } from "./protocol.ts";

type Route = (asked: Asked) => Promise<Answer | "streaming"> | Answer;

export function listenerFor(desk: Desk): RequestListener {
  const router = routerFor(desk);
  return (incoming, outgoing) => {
    const { route, app } = find(router, incoming);
    answerOf(route, { incoming, outgoing, app }).then((answer) => send(desk, outgoing, answer), desk.onBug);
  };
}

async function answerOf(route: Route, asked: Asked): Promise<Answer | "streaming"> {
  return route(asked);
}

function routerFor(desk: Desk): PatternRouter<Route> {
  const router = new PatternRouter<Route>();
  for (const verb of keysOf(verbs)) {
    router.add("POST", verb, (asked) => obey(desk, verb, asked));
    router.add("ALL", verb, ({ incoming }) => refuseMethod(incoming, "POST"));
  }
  for (const query of keysOf(queries)) {
    router.add("GET", query, (asked) => tell(desk, query, asked));
    router.add("ALL", query, ({ incoming }) => refuseMethod(incoming, "GET, HEAD"));
  }
  return router;
}

/** The first that fits, in the order in which they were added. */
function find(router: PatternRouter<Route>, incoming: IncomingMessage): { route: Route; app: string | undefined } {
  const path = pathOf(targetOf(incoming));
  const method = incoming.method === "HEAD" ? "GET" : (incoming.method ?? "");
  const [first] = path === undefined ? [] : router.match(method, path)[0];
  if (first === undefined) return { route: ({ incoming: asked }) => refusePath(asked), app: undefined };
  const [route, parameters] = first;
  return { route, app: (parameters as Record<string, string>)["app"] };
}

function send(desk: Desk, outgoing: ServerResponse, answer: Answer | "streaming"): void {
  if (answer === "streaming") return;
  const { status, headers, text } = answer;
  desk.onAnswered(outgoing);
  outgoing.writeHead(status, { ...headers, "Content-Length": Buffer.byteLength(text) }).end(text);
}

function keysOf<T extends object>(table: T): (keyof T & string)[] {
  return Object.keys(table) as (keyof T & string)[];
}
