/** A FastCGI responder: takes connections from a listening socket and gives their requests to a handler. */
import { writeSync } from "node:fs";
import type { Socket } from "node:net";
import type { Address } from "./address.ts";
import type { Application, RoleName } from "./application.ts";
import { Connection, type ConnectionHost } from "./connection.ts";
import { FastCgiError } from "./errors.ts";
import { explain } from "./failure.ts";
import type { Handler } from "./fastcgi-request.ts";
import { makeHttpApplication } from "./http-exchange.ts";
import type { HttpHandler } from "./http-handler.ts";
import {
  closeListenerOnExit,
  explainMissingListener,
  listenerFd,
  markListenerTaken,
  stopOnSignals,
} from "./inherited-listener.ts";
import type { ConnectionLimits } from "./limits.ts";
import { Listener, type ListenerHost } from "./listener.ts";
import { findListeningPlace } from "./listening-socket.ts";
import { makeResponder } from "./responder.ts";
import { type HttpServeOptions, readBacklog, readLimits, type ServeOptions } from "./server-options.ts";
import { isWebServer, readWebServerAddresses } from "./web-server-addresses.ts";

export type { FastCgiRequest, FastCgiResponse, Handler } from "./fastcgi-request.ts";
export type { HttpHandler, HttpRequest } from "./http-handler.ts";
export type { HttpServeOptions, ServeOptions } from "./server-options.ts";
export { toWebRequest } from "./web-request.ts";

/** One end of FastCGI conversations: a listening socket and what answers there. */
export interface Server {
  /** Where it listens; undefined for an inherited Unix socket. */
  readonly address: Address | undefined;
  /** Takes connections from now on. Resolves once it listens. */
  listen(): Promise<void>;
  /** Takes no more connections, finishes what is in flight, closes what is idle. Resolves when all is closed. */
  stop(): Promise<void>;
}

/**
 * A server for Node's own `(req, res)` handlers, which does not listen yet: Express apps, Koa's `callback()`, Fastify's `routing`.
 */
export function createServer(handler: HttpHandler, options: HttpServeOptions = {}): Server {
  const { stripScriptName = false } = options;
  const lateFailure = (error: unknown) => say(`A handler failed after its answer: ${explain(error)}`);
  return new FastCgiServer(options, async () => {
    const http = await import("node:http");
    return makeHttpApplication(http, handler, { stripScriptName, lateFailure });
  });
}

/** A server for handlers of the lower interface, `(request) => response`, which does not listen yet. */
export function createResponder(handler: Handler, options: ServeOptions = {}): Server {
  return new FastCgiServer(options, async () => makeResponder(handler));
}

/**
 * Serves requests with this `(req, res)` handler until it is stopped. Resolves once it listens.
 *
 * Rejects with a FastCgiError of code FCGI_LISTENER_MISSING if there is no listening socket, or with the system's error if `path` or
 * `port` cannot be bound.
 */
export async function serve(handler: HttpHandler, options: HttpServeOptions = {}): Promise<Server> {
  const server = createServer(handler, options);
  await server.listen();
  return server;
}

/** The same as `serve`, for the lower interface. */
export async function respond(handler: Handler, options: ServeOptions = {}): Promise<Server> {
  const server = createResponder(handler, options);
  await server.listen();
  return server;
}

const nobody: Application = (exchange) => exchange.output.cut({ appStatus: 1, protocolStatus: 0 });

class FastCgiServer implements Server, ConnectionHost, ListenerHost {
  readonly #options: ServeOptions;
  readonly #load: () => Promise<Application>;
  #listener: Listener | undefined;
  #listening: Promise<void> | undefined;
  readonly #connections = new Set<Connection>();
  readonly #webServers = readWebServerAddresses(process.env["FCGI_WEB_SERVER_ADDRS"]);
  readonly roles: ReadonlySet<RoleName>;
  readonly limits: ConnectionLimits;
  application: Application = nobody;
  #ignoreSignals: () => void = () => {};
  #hasRefused = false;

  constructor(options: ServeOptions, load: () => Promise<Application>) {
    this.#load = load;
    this.#options = options;
    this.roles = new Set(options.roles ?? ["responder"]);
    this.limits = readLimits(options);
  }

  get address(): Address | undefined {
    return this.#listener?.address;
  }

  listen(): Promise<void> {
    this.#listening ??= this.#listen().catch((error: unknown) => {
      this.#listening = undefined;
      throw error;
    });
    return this.#listening;
  }

  /** Before the socket is touched, the guards are set: a signal or an exit may come at any moment. */
  async #listen(): Promise<void> {
    const { fd, options } = findListeningPlace(this.#options, process.env);
    // Before anything is awaited: whoever has imported the module that called us looks at it next.
    const forget = fd === undefined ? () => {} : markListenerTaken();
    this.application = await this.#load();
    // libuv does not close fd 0, and so this guard stays, even when the server has stopped.
    const keepListener = fd === listenerFd ? closeListenerOnExit() : () => {};
    if (this.#options.stopOnSignals ?? fd !== undefined) this.#ignoreSignals = stopOnSignals(() => this.stop());
    const listener = new Listener({ ...options, backlog: readBacklog(this.#options, process.env) }, this);
    this.#listener = listener;
    try {
      await listener.open();
    } catch (cause) {
      forget();
      keepListener();
      this.#ignoreSignals();
      throw fd === undefined ? cause : explainMissingListener(fd, cause as NodeJS.ErrnoException);
    }
  }

  /** What is about to listen is let do so first. */
  async stop(): Promise<void> {
    await this.#listening?.catch(() => {});
    this.#listening = undefined;
    const closed = this.#listener?.close();
    for (const connection of this.#connections) connection.stop();
    await closed;
    this.#ignoreSignals();
  }

  get maxConnections(): number {
    return this.limits.maxConnections;
  }

  accepted(socket: Socket): void {
    if (this.#listener?.isTcp === true && !isWebServer(this.#webServers, socket.remoteAddress)) {
      this.#refuse(socket);
      return;
    }
    this.#connections.add(new Connection(socket, this));
  }

  closed(connection: Connection): void {
    this.#connections.delete(connection);
  }

  failed(cause: Error): void {
    this.problem(new FastCgiError("FCGI_CONNECT_FAILED", cause.message, { cause }));
  }

  problem(error: FastCgiError): void {
    (this.#options.onProblem ?? report)(error);
  }

  /** Said once: whoever may not talk to us shall not be able to fill our log. */
  #refuse(socket: Socket): void {
    const from = socket.remoteAddress ?? "an address that is gone";
    socket.destroy();
    if (this.#hasRefused) return;
    this.#hasRefused = true;
    const message = `Cannot serve ${from}: it is not in FCGI_WEB_SERVER_ADDRS`;
    this.problem(new FastCgiError("FCGI_PEER_FORBIDDEN", message));
  }
}

function report(error: FastCgiError): void {
  say(error.message);
}

/** Straight to the descriptor: a write to `process.stderr` whose reader is gone would end the process. */
function say(message: string): void {
  try {
    writeSync(2, `fcgi-pm: ${message.trimEnd()}\n`);
  } catch {
    // Nobody is there to be told.
  }
}
