/** A FastCGI responder: takes connections from a listening socket and gives their requests to a handler. */
import { writeSync } from "node:fs";
import { createServer, type ListenOptions, type Server as NetServer, type Socket } from "node:net";
import { type Address, isPathTooLong, maxUnixPathBytes } from "./address.ts";
import { Connection, type ConnectionLimits } from "./connection.ts";
import { FastCgiError } from "./errors.ts";
import { closeListenerOnExit, explainMissingListener, listenerFd, stopOnSignals } from "./inherited-listener.ts";
import type { Handler } from "./served-request.ts";
import { isWebServer, readWebServerAddresses } from "./web-server-addresses.ts";
import { defaultParamsLimits } from "./wire/params.ts";

/** All may be left out. Without `path` and `port` the listening socket is standard input, as every process manager gives it. */
export interface ServeOptions {
  /** A Unix socket to bind, for tests and development. */
  readonly path?: string;
  /** A TCP port to bind, for tests and development; 0 takes any. */
  readonly port?: number;
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /**
   * Listening on an inherited socket sets its queue's length again. Default: FCGI_PM_LISTEN_QUEUE_DEPTH from the environment,
   * else 511.
   */
  readonly backlog?: number;
  /** Default: 1000. More connections than that are closed at once. */
  readonly maxConnections?: number;
  /** Default: 100. More requests than that on one connection are refused as OVERLOADED. */
  readonly maxRequestsPerConnection?: number;
  /** Of all parameters of one request, in bytes. Default: 1 MiB. Longer ones are refused as OVERLOADED. */
  readonly maxParamsBytes?: number;
  /** How long we wait for the web server to close after the last answer, in milliseconds. Default: 2000. */
  readonly lingerMs?: number;
  /** How long a web server may be silent when it is its turn, in milliseconds. Default: 300,000. */
  readonly stallMs?: number;
  /** Stop on SIGTERM, SIGINT and SIGUSR1 and exit with 0. Default: true on an inherited socket, else false. */
  readonly stopOnSignals?: boolean;
  /** Told what a web server did wrong. Default: a line on standard error. */
  readonly onProblem?: (error: FastCgiError) => void;
}

/** A responder at work. */
export interface Server {
  /** Where it listens; undefined for an inherited Unix socket. */
  readonly address: Address | undefined;
  /** Takes no more connections, finishes what is in flight, closes what is idle. Resolves when all is closed. */
  stop(): Promise<void>;
}

/**
 * Serves requests with this handler until it is stopped. Resolves once it listens.
 *
 * Rejects with a FastCgiError of code FCGI_LISTENER_MISSING if standard input is no listening socket, or with the system's error
 * if `path` or `port` cannot be bound.
 */
export async function serve(handler: Handler, options: ServeOptions = {}): Promise<Server> {
  const responder = new Responder(handler, options);
  await responder.listen();
  return responder;
}

class Responder implements Server {
  readonly #options: ServeOptions;
  readonly #net: NetServer;
  readonly #connections = new Set<Connection>();
  readonly #webServers = readWebServerAddresses(process.env["FCGI_WEB_SERVER_ADDRS"]);
  readonly handler: Handler;
  readonly limits: ConnectionLimits;
  #hasRefused = false;

  constructor(handler: Handler, options: ServeOptions) {
    this.handler = handler;
    this.#options = options;
    this.limits = readLimits(options);
    this.#net = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    this.#net.maxConnections = this.limits.maxConnections;
  }

  get address(): Address | undefined {
    const address = this.#net.address();
    if (address === null) return undefined;
    if (typeof address === "string") return { kind: "unix", path: address };
    return { kind: "tcp", host: address.address, port: address.port };
  }

  /** Before the socket is touched, the guards are set: a signal or an exit may come at any moment. */
  async listen(): Promise<void> {
    const { stopOnSignals: wanted = this.#isInherited } = this.#options;
    const guards = this.#isInherited ? [closeListenerOnExit()] : [];
    if (wanted) guards.push(stopOnSignals(() => this.stop()));
    try {
      await listenOn(this.#net, { ...this.#place(), backlog: this.#backlog });
    } catch (cause) {
      for (const undo of guards) undo();
      throw this.#isInherited ? explainMissingListener(cause as NodeJS.ErrnoException) : cause;
    }
    // What accept() reports later is the fault of one connection, or of a machine that is out of descriptors for a moment.
    this.#net.on("error", (cause) => this.problem(new FastCgiError("FCGI_CONNECT_FAILED", cause.message, { cause })));
  }

  stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#net.close(() => resolve()));
    for (const connection of this.#connections) void connection.stop();
    return closed;
  }

  problem(error: FastCgiError): void {
    (this.#options.onProblem ?? report)(error);
  }

  get #isInherited(): boolean {
    return this.#options.path === undefined && this.#options.port === undefined;
  }

  #place(): ListenOptions {
    const { path, host = "127.0.0.1", port = 0 } = this.#options;
    if (this.#isInherited) return { fd: listenerFd } as ListenOptions;
    if (path === undefined) return { host, port };
    if (!isPathTooLong({ kind: "unix", path })) return { path };
    throw new RangeError(`Cannot listen on ${path}: the path is longer than ${maxUnixPathBytes} bytes`);
  }

  get #backlog(): number {
    const depth = this.#options.backlog ?? Number(process.env["FCGI_PM_LISTEN_QUEUE_DEPTH"]);
    return Number.isSafeInteger(depth) && depth > 0 ? depth : 511;
  }

  #accept(socket: Socket): void {
    const address = this.#net.address();
    const isTcp = address !== null && typeof address === "object";
    if (isTcp && !isWebServer(this.#webServers, socket.remoteAddress)) {
      this.#refuse(socket);
      return;
    }
    const connection = new Connection(socket, this);
    this.#connections.add(connection);
    socket.once("close", () => this.#connections.delete(connection));
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

function listenOn(server: NetServer, where: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function readLimits(options: ServeOptions): ConnectionLimits {
  const { maxConnections = 1000, maxRequestsPerConnection = 100, lingerMs = 2000, stallMs = 300_000 } = options;
  const params = { ...defaultParamsLimits, maxBytes: options.maxParamsBytes ?? defaultParamsLimits.maxBytes };
  return { maxConnections, maxRequestsPerConnection, lingerMs, stallMs, params };
}

/** Straight to the descriptor: a write to `process.stderr` whose reader is gone would end the process. */
function report(error: FastCgiError): void {
  try {
    writeSync(2, `fcgi-pm: ${error.message}\n`);
  } catch {
    // Nobody is there to be told.
  }
}
