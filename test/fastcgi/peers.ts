/** The other side of the wire for these tests: raw records over a real socket, and processes that are ended with the test. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Address, toNetOptions } from "../../src/fastcgi/address.ts";
import { recordType } from "../../src/fastcgi/wire/constants.ts";
import { RecordDecoder, type WireRecord } from "../../src/fastcgi/wire/decoder.ts";
import { beginRequest, type EndRequest, endOfStream, params, readEndRequest } from "../../src/fastcgi/wire/record.ts";
import type { Undo } from "../helpers/undo.ts";

export { Undo } from "../helpers/undo.ts";

/** A directory of its own for a test. */
export function makeDirectory(undo: Undo): string {
  const directory = mkdtempSync(join(tmpdir(), "fcgi-pm-test-"));
  undo.add(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Waits for a condition, however long it takes: the test's own timeout is the limit. */
export async function until(condition: () => unknown): Promise<void> {
  while (!condition()) await pause(2);
}

/** Waits until a number has stayed the same for so many turns of the event loop that nothing in this process can be under way. */
export async function untilStill(measure: () => number): Promise<number> {
  let before = Number.NaN;
  for (let still = 0; still < 200; still += 1) {
    if (measure() !== before) still = 0;
    before = measure();
    await nextTurn();
  }
  return before;
}

/** What came for one request. */
export interface Received {
  readonly stdout: string;
  readonly stderr: string;
  readonly types: readonly number[];
  readonly end: EndRequest | undefined;
}

/** A web server that sends exactly what the test tells it to. */
export class RawPeer {
  readonly socket: Socket;
  readonly records: WireRecord[] = [];
  readonly bytes: Buffer[] = [];
  error: NodeJS.ErrnoException | undefined;
  hasEnd = false;
  isClosed = false;
  readonly #decoder = new RecordDecoder();

  constructor(address: Address, undo: Undo) {
    this.socket = connect({ ...toNetOptions(address), allowHalfOpen: true });
    this.socket.on("data", (chunk) => {
      this.bytes.push(chunk);
      this.records.push(...this.#decoder.push(chunk));
    });
    this.socket.on("error", (error) => {
      this.error = error;
    });
    this.socket.on("end", () => {
      this.hasEnd = true;
    });
    this.socket.on("close", () => {
      this.isClosed = true;
    });
    undo.add(() => this.socket.destroy());
  }

  send(...records: (Uint8Array | Iterable<Uint8Array>)[]): void {
    const flat = records.flatMap((record) => (record instanceof Uint8Array ? [record] : [...record]));
    this.socket.write(Buffer.concat(flat));
  }

  received(id = 1): Received {
    const mine = this.records.filter((record) => record.id === id);
    const text = (type: number) =>
      Buffer.concat(mine.filter((record) => record.type === type).map((record) => record.content)).toString();
    const ends = mine.filter((record) => record.type === recordType.endRequest);
    const end = ends[0] === undefined ? undefined : readEndRequest(ends[0].content);
    return { stdout: text(6), stderr: text(7), types: mine.map((record) => record.type), end };
  }

  /** True when nothing more will come. */
  get isLeft(): boolean {
    return this.hasEnd || this.isClosed;
  }

  /** Waits for FCGI_END_REQUEST of this request. */
  async answer(id = 1): Promise<Received> {
    await until(() => this.received(id).end !== undefined || this.isLeft);
    return this.received(id);
  }
}

/** BEGIN_REQUEST and all PARAMS of a request. */
export function opening(id: number, options: { keep?: boolean; role?: number; params?: Record<string, string> } = {}) {
  const begin = beginRequest(id, { role: options.role ?? 1, keepConnection: options.keep ?? true });
  return Buffer.concat([begin, ...params(id, Object.entries({ REQUEST_METHOD: "GET", ...options.params }))]);
}

/** The end of STDIN. */
export function ending(id: number): Uint8Array {
  return endOfStream(recordType.stdin, id);
}

/** A process that is killed, and waited for, when the test ends. */
export function run(undo: Undo, command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
  const gone = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  });
  child.stdin?.on("error", () => {});
  undo.add(() => {
    child.kill("SIGKILL");
    return gone;
  });
  return child;
}

/** All that a process writes to a stream, as it grows. */
export function collect(stream: NodeJS.ReadableStream | null): { text: string } {
  const collected = { text: "" };
  stream?.on("data", (chunk: Buffer) => {
    collected.text += chunk.toString();
  });
  return collected;
}

/** Compiles a program of this directory's `programs` for a Node of its own. */
export function bundle(name: string, directory: string): string {
  const require = createRequire(import.meta.url);
  const source = fileURLToPath(new URL(`./programs/${name}.ts`, import.meta.url));
  const outfile = join(directory, `${name}.mjs`);
  const args = [source, "--bundle", "--platform=node", "--format=esm", `--outfile=${outfile}`, "--log-level=warning"];
  execFileSync(require.resolve("esbuild/bin/esbuild"), args);
  return outfile;
}

/** A port that is free now. */
export async function findPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** The path of a program that the tests need. A missing one fails them, it never skips them. */
export function needProgram(name: string): string {
  const found = (process.env["PATH"] ?? "")
    .split(":")
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new Error(`Cannot find the program "${name}"\n  try: bash test/install-peers.sh`);
}
