/** What the server can be told. */
import type { RoleName } from "./application.ts";
import type { FastCgiError } from "./errors.ts";
import type { ConnectionLimits } from "./limits.ts";
import { defaultParamsLimits } from "./wire/params.ts";

/**
 * All may be left out. The listening socket comes from LISTEN_FDS, or is standard input, as every process manager gives it; only if it
 * is neither, `path` and `port` count.
 */
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
  /** Which roles the handler serves; a request for another is answered with UNKNOWN_ROLE. Default: responder. */
  readonly roles?: readonly RoleName[];
  /** Told what a web server did wrong. Default: a line on standard error. */
  readonly onProblem?: (error: FastCgiError) => void;
}

/** What `serve` takes besides. */
export interface HttpServeOptions extends ServeOptions {
  /** Leaves SCRIPT_NAME out of `req.url`, as if the application were mounted there. Default: false. */
  readonly stripScriptName?: boolean;
}

/** The length of the listener's queue. Listening on an inherited socket sets it again, so the manager tells it. */
export function readBacklog(options: ServeOptions, env: NodeJS.ProcessEnv): number {
  const depth = options.backlog ?? Number(env["FCGI_PM_LISTEN_QUEUE_DEPTH"]);
  return Number.isSafeInteger(depth) && depth > 0 ? depth : 511;
}

/** With the defaults for what is left out. */
export function readLimits(options: ServeOptions): ConnectionLimits {
  const { maxConnections = 1000, maxRequestsPerConnection = 100, lingerMs = 2000, stallMs = 300_000 } = options;
  const params = { ...defaultParamsLimits, maxBytes: options.maxParamsBytes ?? defaultParamsLimits.maxBytes };
  return { maxConnections, maxRequestsPerConnection, lingerMs, stallMs, params };
}
