/** The tables of the protocol as an HTTP listener. The only file that knows Hono. */
import type { RequestListener } from "node:http";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context } from "hono";
import { Hono } from "hono/tiny";
import { type Answer, type Desk, obey, refuseMethod, refusePath, targetOf, tell } from "./answer.ts";
import { pathOf } from "./asked.ts";
import { queries, verbs } from "./protocol.ts";

interface Env {
  readonly Bindings: HttpBindings;
}

export function listenerFor(desk: Desk): RequestListener {
  const send = ({ env }: Context<Env>, answer: Answer | "streaming") => {
    if (answer === "streaming") return RESPONSE_ALREADY_SENT;
    desk.onAnswered(env.outgoing);
    return new Response(answer.text, { status: answer.status, headers: answer.headers });
  };
  const app = new Hono<Env>();
  for (const verb of keysOf(verbs)) {
    app.post(verb, async (context) => send(context, await obey(desk, verb, askedOf(context))));
    app.all(verb, (context) => send(context, refuseMethod(context.env.incoming, "POST")));
  }
  for (const query of keysOf(queries)) {
    app.get(query, (context) => send(context, tell(desk, query, askedOf(context))));
    app.all(query, (context) => send(context, refuseMethod(context.env.incoming, "GET, HEAD")));
  }
  app.notFound((context) => send(context, refusePath(context.env.incoming)));
  const listener = getRequestListener(app.fetch);
  return (incoming, outgoing) => {
    // The name that the client calls us by does not matter; the adapter would refuse what is no name.
    incoming.headers.host = "localhost";
    // And it would put the path in order, as `new URL` does: /v1/apps/../stop would be /v1/stop.
    if (pathOf(targetOf(incoming)) !== undefined) return void listener(incoming, outgoing);
    const { status, headers, text } = refusePath(incoming);
    desk.onAnswered(outgoing);
    outgoing.writeHead(status, headers).end(text);
  };
}

function askedOf({ env, req }: Context<Env>) {
  return { incoming: env.incoming, outgoing: env.outgoing, app: req.param("app") };
}

function keysOf<T extends object>(table: T): (keyof T & string)[] {
  return Object.keys(table) as (keyof T & string)[];
}
