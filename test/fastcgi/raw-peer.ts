/**
 * A web server that writes its records byte by byte and trusts nothing it reads. It shares no code with src/fastcgi/wire, so that a
 * mistake there cannot hide itself: the layout is that of FastCGI 1.0, 3.3 and 3.4, written down a second time.
 */
import { connect, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Address, toNetOptions } from "../../src/fastcgi/address.ts";
import { until } from "../helpers/wait.ts";
import type { Undo } from "./peers.ts";

/** Record types (8). */
export const BEGIN = 1;
export const ABORT = 2;
export const END = 3;
export const PARAMS = 4;
export const STDIN = 5;
export const STDOUT = 6;
export const STDERR = 7;
export const DATA = 8;
export const GET_VALUES = 9;
export const GET_VALUES_RESULT = 10;
export const UNKNOWN_TYPE = 11;

/** What a record may have beside its type, id and content. Padding is filled with what looks like the start of a record. */
export interface Shape {
  readonly version?: number;
  readonly padding?: number;
  readonly reserved?: number;
}

/** One record (3.3). */
export function record(type: number, id: number, content: string | Uint8Array = "", shape: Shape = {}): Buffer {
  const { version = 1, padding = 0, reserved = 0 } = shape;
  const bytes = Buffer.from(content as string, "latin1");
  const header = Buffer.from([
    version,
    type,
    id >> 8,
    id & 255,
    bytes.length >> 8,
    bytes.length & 255,
    padding,
    reserved,
  ]);
  return Buffer.concat([header, bytes, Buffer.alloc(padding, Uint8Array.of(1, 6, 0, 1, 0, 3))]);
}

/** BEGIN_REQUEST (5.1): role 1 is the responder, flag 1 is FCGI_KEEP_CONN. */
export function begin(id = 1, { role = 1, flags = 1 } = {}, shape: Shape = {}): Buffer {
  return record(BEGIN, id, Uint8Array.of(role >> 8, role & 255, flags, 0, 0, 0, 0, 0), shape);
}

/** A length in one byte if it fits and nobody wants it long, else in four (3.4). */
export function length(value: number, isLong = value > 127): Buffer {
  if (!isLong) return Buffer.from([value]);
  return Buffer.from([((value >>> 24) & 127) | 128, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);
}

/** A name and its value (3.4). */
export function pair(
  name: string | Uint8Array,
  value: string | Uint8Array,
  long: { name?: boolean; value?: boolean } = {},
) {
  const [nameBytes, valueBytes] = [Buffer.from(name as string), Buffer.from(value as string)];
  const lengths = [length(nameBytes.length, long.name), length(valueBytes.length, long.value)];
  return Buffer.concat([...lengths, nameBytes, valueBytes]);
}

/** Several pairs, without a record around them. */
export const pairs = (all: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat(Object.entries(all).map(([name, value]) => pair(name, value)));

/** A stream cut into records of so many bytes, with the empty record that ends it. */
export function stream(
  type: number,
  id: number,
  content: string | Uint8Array,
  size = 65_535,
  shape: Shape = {},
): Buffer {
  const bytes = Buffer.from(content as string);
  const records: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) records.push(record(type, id, bytes.subarray(at, at + size), shape));
  return Buffer.concat([...records, record(type, id, "", shape)]);
}

/** A whole request: BEGIN_REQUEST, PARAMS and STDIN. */
export function whole(
  id = 1,
  params: Readonly<Record<string, string>> = {},
  body: string | Uint8Array = "",
  flags = 1,
): Buffer {
  return Buffer.concat([begin(id, { flags }), stream(PARAMS, id, pairs(params)), stream(STDIN, id, body)]);
}

/** One record as it came. */
export interface Received {
  readonly type: number;
  readonly id: number;
  readonly content: Buffer;
}

/** All that came for one request, from the first record to END_REQUEST. */
export interface Answer {
  readonly types: readonly number[];
  readonly stdout: string;
  readonly stderr: string;
  /** What follows the CGI head. */
  readonly body: string;
  readonly appStatus: number;
  readonly protocolStatus: number;
}

/** The other end of a connection to a FastCGI application. */
export class RawPeer {
  readonly socket: Socket;
  readonly records: Received[] = [];
  /** What the application sent that the specification does not allow. */
  readonly violations: string[] = [];
  error: NodeJS.ErrnoException | undefined;
  hasEnd = false;
  isClosed = false;
  #unread: Buffer = Buffer.alloc(0);

  constructor(address: Address, undo: Undo) {
    this.socket = connect({ ...toNetOptions(address), allowHalfOpen: true, noDelay: true });
    this.socket.on("data", (chunk) => this.#receive(chunk));
    this.socket.on("end", () => this.#ended());
    this.socket.on("error", (error) => {
      this.error = error;
    });
    this.socket.on("close", () => {
      this.isClosed = true;
    });
    undo.add(() => this.socket.destroy());
  }

  /** True when nothing more will come. */
  get isLeft(): boolean {
    return this.hasEnd || this.isClosed;
  }

  /** True if the last bytes were no whole record. */
  get isCut(): boolean {
    return this.#unread.length > 0;
  }

  send(...pieces: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(pieces));
  }

  /** Sends the bytes cut at these places, and lets the server, which is in this process, read each piece by itself. */
  async sendCut(bytes: Uint8Array, places: Iterable<number>): Promise<void> {
    let from = 0;
    for (const place of [...places, bytes.length]) {
      if (place <= from) continue;
      this.socket.write(bytes.subarray(from, place));
      from = place;
      await nextTurn();
      await nextTurn();
    }
  }

  /** Waits until somebody has accepted the connection and answers. */
  async greet(): Promise<void> {
    await this.values("");
  }

  /**
   * Sends a query and waits for its result: all that was sent before has been read then, and all that was written in answer to it
   * has come (4.1: "An application may receive a FCGI_GET_VALUES record at any time").
   */
  values(...names: readonly string[]): Promise<Buffer> {
    return this.query(Buffer.concat(names.map((name) => pair(name, ""))));
  }

  /** As `values`, with any content. */
  async query(content: Uint8Array): Promise<Buffer> {
    const count = () => this.records.filter(({ type }) => type === GET_VALUES_RESULT).length;
    const wanted = count() + 1;
    this.send(record(GET_VALUES, 0, content));
    await this.#until(() => count() >= wanted, "FCGI_GET_VALUES_RESULT");
    return this.records.filter(({ type }) => type === GET_VALUES_RESULT)[wanted - 1]?.content ?? Buffer.alloc(0);
  }

  /** Everything that came for an id, cut at each END_REQUEST; what is not complete stands last. */
  runs(id = 1): Received[][] {
    const runs: Received[][] = [[]];
    for (const one of this.records.filter((received) => received.id === id)) {
      runs.at(-1)?.push(one);
      if (one.type === END) runs.push([]);
    }
    return runs;
  }

  /** Waits for the n-th END_REQUEST of this id, and gives what came with it. */
  async answer(id = 1, nth = 1): Promise<Answer> {
    await this.#until(() => this.runs(id).length > nth, `answer ${nth} of request ${id}`);
    return read(this.runs(id)[nth - 1] ?? []);
  }

  /** Waits until the application ends its side or cuts the connection. */
  async left(): Promise<void> {
    await until(() => this.isLeft, { what: "the end of the connection", timeoutMs: 20_000, everyMs: 2 });
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    await until(() => condition() || this.isLeft, { what, timeoutMs: 20_000, everyMs: 1 });
    if (!condition())
      throw new Error(`Waited in vain for ${what}: the connection ended (${this.error?.code ?? "EOF"})`);
  }

  #ended(): void {
    this.hasEnd = true;
    if (this.isCut) this.violations.push(`the connection ended ${this.#unread.length} bytes into a record`);
  }

  #receive(chunk: Buffer): void {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    for (;;) {
      if (this.#unread.length < 8) return;
      const end = 8 + this.#unread.readUInt16BE(4) + this.#unread.readUInt8(6);
      if (this.#unread.length < end) return;
      this.#take(this.#unread.subarray(0, end));
      this.#unread = this.#unread.subarray(end);
    }
  }

  #take(bytes: Buffer): void {
    const [type = 0, id, size] = [bytes[1], bytes.readUInt16BE(2), bytes.readUInt16BE(4)];
    this.violations.push(...judge(bytes));
    this.records.push({ type, id, content: Buffer.from(bytes.subarray(8, 8 + size)) });
    const run = this.runs(id).at(-2);
    if (type === END && id !== 0 && run !== undefined) this.violations.push(...judgeAnswer(run));
  }
}

/** What 3.3 says of a single record, as an application may send it. */
function judge(bytes: Buffer): string[] {
  const [version, type = 0, id, size] = [bytes[0], bytes[1], bytes.readUInt16BE(2), bytes.readUInt16BE(4)];
  const found: string[] = [];
  if (version !== 1) found.push(`version ${version}`);
  if (bytes[7] !== 0) found.push(`a reserved byte of ${bytes[7]}`);
  if (bytes.subarray(8 + size).some((byte) => byte !== 0)) found.push("padding that is not zero");
  const ours = id === 0 ? [GET_VALUES_RESULT, UNKNOWN_TYPE] : [END, STDOUT, STDERR];
  if (!ours.includes(type)) found.push(`a record of type ${type} for id ${id}`);
  if ([END, UNKNOWN_TYPE].includes(type) && size !== 8) found.push(`a record of type ${type} with ${size} bytes`);
  if (type === END && bytes.subarray(13, 16).some((byte) => byte !== 0)) found.push("reserved bytes in END_REQUEST");
  if (type === UNKNOWN_TYPE && bytes.subarray(9, 16).some((byte) => byte !== 0))
    found.push("reserved bytes in UNKNOWN_TYPE");
  return found;
}

/**
 * What 3.3 and 6.1 say of the streams of a request: each ends with one empty record and has nothing after it; STDERR may be left
 * out, STDOUT may not, unless the request was refused (5.5).
 */
function judgeAnswer(run: readonly Received[]): string[] {
  const isRefused = read(run).protocolStatus !== 0;
  const found: string[] = [];
  for (const [type, name] of streamNames) {
    const sizes = run.filter((one) => one.type === type).map(({ content }) => content.length);
    const ends = sizes.filter((size) => size === 0).length;
    if (ends > 1 || (sizes.length > 0 && sizes.at(-1) !== 0))
      found.push(`${name} with ${ends} empty records at its end`);
    if (isRefused && sizes.some((size) => size > 0)) found.push(`${name} of a request that was refused`);
    if (type === STDOUT && sizes.length === 0 && !isRefused) found.push("no STDOUT");
  }
  return found;
}

const streamNames = [
  [STDOUT, "STDOUT"],
  [STDERR, "STDERR"],
] as const;

function read(run: readonly Received[]): Answer {
  const text = (type: number) =>
    Buffer.concat(run.filter((one) => one.type === type).map(({ content }) => content)).toString("latin1");
  const end = run.at(-1)?.content ?? Buffer.alloc(8);
  const stdout = text(STDOUT);
  const head = stdout.indexOf("\r\n\r\n");
  return {
    types: run.map(({ type }) => type),
    stdout,
    stderr: text(STDERR),
    body: head === -1 ? "" : stdout.slice(head + 4),
    appStatus: end.readUInt32BE(0),
    protocolStatus: end.readUInt8(4),
  };
}
