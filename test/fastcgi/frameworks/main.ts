/** A process that serves one application twice: FastCGI on a Unix socket, HTTP on a port, which it prints. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { respond, serve, toWebRequest } from "../../../src/index.ts";
import type { FrameworkName, MakeApplication, NodeHandler } from "./application.ts";

/** Loaded when it is asked for: together they take a second. */
const makers: Readonly<Record<FrameworkName, () => Promise<MakeApplication>>> = {
  express: async () => (await import("./express.ts")).makeExpress,
  fastify: async () => (await import("./fastify.ts")).makeFastify,
  koa: async () => (await import("./koa.ts")).makeKoa,
  hono: async () => (await import("./hono.ts")).makeHono,
  plain: async () => (await import("./plain.ts")).makePlain,
};

// Node's own server leaves what a handler rejects to the process: a test that fails shall not take the others with it.
process.on("unhandledRejection", console.error);
const [name = "plain", files = "", path = ""] = process.argv.slice(2);
const make = await makers[name as FrameworkName]();
// A framework may keep something of its server: each has an application of its own.
const [served, judged] = [await make(files), await make(files)];
if (served.kind === "node") await serve(served.handler, { path });
else await respond((request) => served.fetch(toWebRequest(request)), { path });
const port = judged.kind === "node" ? await listen(judged.handler) : 0;
console.log(port);

function listen(handler: NodeHandler): Promise<number> {
  const server = createServer((req, res) => void handler(req, res));
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}
