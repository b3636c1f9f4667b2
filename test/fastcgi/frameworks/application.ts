/** What the four applications have in common: the same routes, so that one list of questions fits them all. */
import type { IncomingMessage, ServerResponse } from "node:http";

/** Node's own handler. */
export type NodeHandler = (req: IncomingMessage, res: ServerResponse) => unknown;
/** The frameworks, as main.ts is told of them. */
export type FrameworkName = "express" | "fastify" | "koa" | "hono" | "plain";

/** An application, as a server of its kind takes it. */
export type Application =
  | { readonly kind: "node"; readonly handler: NodeHandler }
  | { readonly kind: "fetch"; readonly fetch: (request: Request) => Response | Promise<Response> };

/**
 * Makes an application that serves files of `directory` under /static:
 *
 * - GET /hello/:name?q=         JSON of both
 * - POST /json, /form           what was sent, as JSON
 * - POST /multipart             JSON of its fields, and length and SHA-1 of its file
 * - POST /up                    length and SHA-1 of the body, read as a stream
 * - GET /down?size=             so many bytes, as a stream
 * - GET /cookies                JSON of the cookies that came; sets two
 * - GET /redirect, /empty, /not-modified
 * - GET /throws, /rejects, /breaks (after a part of the body)
 * - GET /about                  JSON of ip, protocol and host name, as the framework tells them
 */
export type MakeApplication = (directory: string) => Promise<Application>;

/** What /up and /multipart say of bytes. */
export interface Sum {
  readonly length: number;
  readonly sha: string;
}

/** Pieces of 10,000 bytes. */
export function* pieces(size: number): Generator<Buffer> {
  for (let left = size; left > 0; left -= 10_000) yield Buffer.alloc(Math.min(left, 10_000), "0123456789");
}

/** For /breaks: an error after the first piece. */
export async function* breaking(): AsyncGenerator<Buffer> {
  yield Buffer.from("begun");
  await new Promise((resolve) => setImmediate(resolve));
  throw new Error("on purpose");
}
