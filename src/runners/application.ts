/** What a module exports, told apart: which kind of application it is, and how its requests reach it. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Server as NetServer } from "node:net";

/** Takes requests as Node's own http does. */
export interface NodeApplication {
  readonly style: "node";
  readonly handle: (request: IncomingMessage, response: ServerResponse) => unknown;
  /** What the module exported: a server that passes requests on to it is the application's own. */
  readonly origin: unknown;
  /** The server that belongs to it, which must not listen by itself. */
  readonly server?: NetServer;
  /** What has to be done before the first request, and after the last. */
  readonly open?: () => unknown;
  readonly close?: () => unknown;
}

/** Takes a web Request and gives a Response. */
export interface FetchApplication {
  readonly style: "fetch";
  readonly fetch: (request: Request, env: object, context: object) => unknown;
}

export type Application = NodeApplication | FetchApplication;
export type Style = Application["style"];

/** The application that this value is, or makes; undefined where it is none. `style` decides where a function may be both. */
export async function applicationOf(value: unknown, style?: Style): Promise<Application | undefined> {
  const known = asItIs(value, style);
  if (known !== undefined) return known;
  if (has(value, "then")) return ofPromise(value as PromiseLike<unknown>, style);
  return isFactory(value) ? ofFactory(value, style) : undefined;
}

/** The application that this value is by itself, without a call of anything in it that could have effects. */
export function asItIs(value: unknown, style?: Style): Application | undefined {
  return ofFastify(value) ?? ofServer(value) ?? ofKoa(value) ?? ofFetcher(value) ?? ofFunction(value, style);
}

/** Is it a web Response, of whatever copy of fetch? */
export function isResponse(value: unknown): value is Response {
  return Object.prototype.toString.call(value) === "[object Response]";
}

interface Fastify {
  routing(request: IncomingMessage, response: ServerResponse): void;
  ready(): Promise<unknown>;
  close(): Promise<unknown>;
  readonly server: NetServer;
}

function ofFastify(value: unknown): NodeApplication | undefined {
  if (!["routing", "ready", "inject", "close"].every((name) => has(value, name))) return undefined;
  const app = value as Fastify;
  return {
    style: "node",
    origin: app,
    server: app.server,
    handle: (request, response) => app.routing(request, response),
    // Wrapped: an instance that is returned from a promise would be awaited, since it has a method "then".
    open: async () => void (await app.ready()),
    close: async () => void (await app.close()),
  };
}

/** A server of node:http that listens nowhere: its listeners get the requests. */
function ofServer(value: unknown): NodeApplication | undefined {
  if (!(value instanceof NetServer) || !has(value, "setTimeout")) return undefined;
  const handle = (request: IncomingMessage, response: ServerResponse) => value.emit("request", request, response);
  // It was never open, which is an error to its callback, but its listeners of "close" are told.
  const close = () => new Promise<void>((resolve) => value.close(() => resolve()));
  return { style: "node", origin: value, server: value, handle, close };
}

function ofKoa(value: unknown): NodeApplication | undefined {
  if (!has(value, "callback") || !has(value, "handleRequest")) return undefined;
  const handle = (value as { callback(): NodeApplication["handle"] }).callback();
  return { style: "node", origin: value, handle };
}

/** Hono, and every object that is written as for Cloudflare, Bun or Deno. */
function ofFetcher(value: unknown): FetchApplication | undefined {
  if (!has(value, "fetch")) return undefined;
  const fetcher = value as { fetch: FetchApplication["fetch"] };
  return { style: "fetch", fetch: (request, env, context) => fetcher.fetch(request, env, context) };
}

/** Two parameters are (req, res), one is (request). A function without any may be a factory: `isFactory`. */
function ofFunction(value: unknown, style: Style | undefined): Application | undefined {
  if (typeof value !== "function" || isClass(value)) return undefined;
  const wanted = style ?? (value.length >= 2 ? "node" : value.length === 1 ? "fetch" : undefined);
  if (wanted === "node") return { style: "node", origin: value, handle: value as NodeApplication["handle"] };
  return wanted === "fetch" ? { style: "fetch", fetch: value as FetchApplication["fetch"] } : undefined;
}

/** Its value is wrapped at once, so that no Fastify instance is awaited twice. */
async function ofPromise(value: PromiseLike<unknown>, style: Style | undefined): Promise<Application | undefined> {
  return applicationOf(await value, style);
}

function isFactory(value: unknown): value is () => unknown {
  return typeof value === "function" && value.length === 0 && !isClass(value);
}

/** Called once: it gives an application, or, as a handler that needs to know nothing of the request, an answer. */
async function ofFactory(make: () => unknown, style: Style | undefined): Promise<Application | undefined> {
  const made = await make();
  if (isResponse(made)) return { style: "fetch", fetch: make };
  return typeof made === "function" && isFactory(made) ? undefined : applicationOf(made, style);
}

function isClass(value: object): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}

/** Does it have a method of this name? */
function has(value: unknown, name: string): boolean {
  const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
  return isObject && typeof (value as Record<string, unknown>)[name] === "function";
}
