/** A control server on a real socket, and clients that can misbehave. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach } from "@jest/globals";
import { type ControlLimits, type ControlServer, openControl } from "../../src/control/server.ts";
import { type Played, playOperations } from "./operations.ts";

export interface Room {
  /** New for each test. */
  directory: string;
  path: string;
  operations: Played;
  /** What was given to onBug. */
  bugs: unknown[];
  open(limits?: Partial<ControlLimits>): Promise<ControlServer>;
  /** Whatever has to be ended after the test. */
  after(undo: () => unknown): void;
}

/** A directory, operations and a server for each test of the file; all is gone after it. */
export function useRoom(): Room {
  const undo: (() => unknown)[] = [];
  const room: Room = {
    directory: "",
    path: "",
    operations: playOperations(),
    bugs: [],
    open: async (limits = {}) => {
      const { operations, path, bugs } = room;
      const server = await openControl({ operations, listen: { path }, limits, onBug: (error) => bugs.push(error) });
      undo.push(() => server.close());
      return server;
    },
    after: (act) => void undo.push(act),
  };
  beforeEach(() => {
    room.directory = mkdtempSync(join(tmpdir(), "fpc-"));
    room.path = join(room.directory, "a.control");
    room.operations = playOperations();
    room.bugs = [];
  });
  afterEach(async () => {
    for (const act of undo.splice(0).toReversed()) await act();
    rmSync(room.directory, { recursive: true, force: true });
  });
  return room;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The text as JSON. */
  readonly value: unknown;
}

export interface Sent {
  readonly body?: string | Buffer;
  readonly headers?: Record<string, string>;
}

/** One request by Node's own client. */
export function send(path: string, method: string, target: string, { body, headers = {} }: Sent = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath: path, method, path: target, headers, agent: false }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk) => chunks.push(chunk));
      incoming.on("error", reject);
      incoming.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, value: asJson(text) });
      });
    });
    asking.on("error", reject);
    asking.end(body);
  });
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes that this process holds. What is thrown away leaves them late: buffers are swept by a thread of their own. */
export function heldMemory(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

export interface RawClient {
  readonly socket: Socket;
  /** All that came so far. */
  received(): string;
  readonly connected: Promise<void>;
  readonly closed: Promise<void>;
}

/** A bare connection that says what it is told to and keeps what it hears. */
export function raw(path: string, bytes: string | Buffer = ""): RawClient {
  const socket = connect(path);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => {});
  socket.write(bytes);
  const connected = new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return { socket, received: () => Buffer.concat(chunks).toString(), connected, closed };
}

/** The answer to bytes that end their connection, or make the server end it. */
export async function answerTo(path: string, bytes: string | Buffer): Promise<string> {
  const client = raw(path, bytes);
  await client.closed;
  return client.received();
}

/** A process that listens at the path. */
export async function startListening(path: string, backlog = 511): Promise<ChildProcess> {
  const program =
    "require('node:net').createServer().listen({ path: process.argv[1], backlog: +process.argv[2] }, () => console.log())";
  const args = ["-e", program, path, String(backlog)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return child;
}

/** A process that listened at the path and was killed: its socket is still there. */
export async function dieListening(path: string): Promise<void> {
  const child = await startListening(path);
  child.kill("SIGKILL");
  await once(child, "exit");
}
