/** The control socket of a manager: HTTP and JSON for whoever may open it, which is the manager's user and root. */
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";
import { FcgiPmError } from "../errors.ts";
import type { Desk } from "./answer.ts";
import { type ConnectionLimits, Connections } from "./connections.ts";
import type { Operations } from "./protocol.ts";
import { refuse } from "./refuse.ts";
import { listenerFor } from "./routes.ts";
import { listenAt, type SocketFile } from "./socket-file.ts";

export interface ControlLimits extends ConnectionLimits {
  /** Clients that follow logs or events. */
  readonly mostStreams: number;
}

export const usualLimits: ControlLimits = { mostConnections: 128, mostStreams: 32, askMs: 10_000, takeMs: 60_000 };

export interface ControlOptions {
  readonly operations: Operations;
  /** A socket that listens already and whose path is somebody else's business, or a path in a directory that exists. */
  readonly listen: { readonly fd: number } | { readonly path: string };
  /** Told what an operation threw that is no expected failure. The server goes on. */
  readonly onBug: (error: unknown) => void;
  readonly limits?: Partial<ControlLimits>;
}

export interface ControlServer {
  /** Takes no more requests, ends who only listens, lets answers under way finish, removes the path. */
  close(): Promise<void>;
}

/** Node's own deadlines are off, and its look after them never comes: ours run only while there is a connection. */
const neverMs = 2 ** 31 - 1;
const mostHeaderBytes = 16 * 1024;

/** Resolves when it listens. Throws FCGI_PM_CONTROL_…: another manager listens there, or the path cannot be had. */
export async function openControl(options: ControlOptions): Promise<ControlServer> {
  const limits = { ...usualLimits, ...options.limits };
  const connections = new Connections(limits);
  const desk: Desk = {
    operations: options.operations,
    streams: new Set(),
    mostStreams: limits.mostStreams,
    onBug: options.onBug,
    onAnswered: (outgoing) => connections.answered(outgoing.socket),
  };
  const server = serverFor(desk, connections);
  const file = await listen(server, options.listen);
  // What accept reports later is the fault of one connection, or of a machine that is out of descriptors for a moment.
  server.on("error", options.onBug);
  return { close: () => close(server, connections, desk, file) };
}

function serverFor(desk: Desk, connections: Connections): Server {
  const server = createServer({
    requireHostHeader: false,
    maxHeaderSize: mostHeaderBytes,
    headersTimeout: 0,
    requestTimeout: 0,
    keepAliveTimeout: 0,
    connectionsCheckingInterval: neverMs,
  });
  const listener = listenerFor(desk);
  server.on("connection", (socket) => connections.admit(socket));
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    refuseNonsense(connections, error, socket as Socket);
  });
  const serve: RequestListener = (incoming, outgoing) => {
    if (connections.begin(incoming, outgoing)) listener(incoming, outgoing);
  };
  // What a client expects of us besides an answer does not matter; Node would refuse it with a bare 417.
  return server.on("request", serve).on("checkExpectation", serve);
}

/** What Node could not read as a request. Nobody is answered twice. */
function refuseNonsense(connections: Connections, error: NodeJS.ErrnoException, socket: Socket): void {
  if (!connections.isAsking(socket)) {
    socket.destroy();
    return;
  }
  const tooLong = error.code === "HPE_HEADER_OVERFLOW";
  const code = tooLong ? "FCGI_PM_REQUEST_TOO_LARGE" : "FCGI_PM_REQUEST_WRONG";
  const why = tooLong ? `its head is longer than ${mostHeaderBytes} bytes` : "it is no HTTP/1.1";
  refuse(socket, new FcgiPmError(code, `Cannot take this request: ${why}`));
}

async function listen(server: Server, where: ControlOptions["listen"]): Promise<SocketFile | undefined> {
  if ("path" in where) return listenAt(server, where.path);
  server.listen({ fd: where.fd });
  await once(server, "listening");
  return undefined;
}

async function close(
  server: Server,
  connections: Connections,
  desk: Desk,
  file: SocketFile | undefined,
): Promise<void> {
  file?.release();
  const closed = new Promise((resolve) => server.close(resolve));
  for (const stream of desk.streams) stream.end();
  connections.leave();
  await closed;
}
