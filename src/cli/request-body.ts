/** The body of a request as `-d` and its like have it. */
import { createReadStream, fstatSync, openSync, readFileSync } from "node:fs";
import type { Upload } from "../fastcgi/exchange.ts";
import { type DataPart, wrongUsage } from "./request-options.ts";

export interface Body {
  readonly upload: Upload;
  /** In bytes; undefined: it will be known at the end only. */
  readonly length: number | undefined;
  /** When the file was changed last, in seconds since 1970. */
  readonly modified?: number;
}

/** A pipe that ends before this has a length that can be told; a longer one is sent without. */
const mostAhead = 16 * 1024 * 1024;

/** A single file is streamed; undefined: nothing is to be sent. */
export async function readBody(parts: readonly DataPart[] | undefined): Promise<Body | undefined> {
  if (parts === undefined) return undefined;
  const [only, ...others] = parts;
  const isFile = others.length === 0 && only?.kind === "binary" && only.text.startsWith("@");
  if (!isFile) return bodyOfBytes(joinData(parts));
  return only.text === "@-" ? bodyOfInput() : bodyOfFile(only.text.slice(1));
}

/** All of it with `&` between, for a body or a query. */
export function joinData(parts: readonly DataPart[]): Buffer {
  const read = parts.map(readPart);
  return Buffer.concat(read.flatMap((part, index) => (index === 0 ? [part] : [Buffer.from("&"), part])));
}

function readPart({ kind, text }: DataPart): Buffer {
  if (kind === "raw" || !text.startsWith("@")) return Buffer.from(text);
  const bytes = readFile(text.slice(1));
  return kind === "text" ? withoutLineEnds(bytes) : bytes;
}

/** Somebody else's file as it is, read no faster than it is sent. */
export function bodyOfFile(path: string): Body {
  const fd = attempt(path, () => openSync(path, "r"));
  const facts = fstatSync(fd);
  if (facts.isDirectory()) throw unreadable(path, "it is a directory");
  if (!facts.isFile()) return { upload: createReadStream(path, { fd }), length: undefined };
  const modified = Math.floor(facts.mtimeMs / 1000);
  if (facts.size === 0) return { ...bodyOfBytes(Buffer.alloc(0)), modified };
  return { upload: createReadStream(path, { fd, end: facts.size - 1 }), length: facts.size, modified };
}

/** Standard input: a file has its length, of a pipe the beginning is read to find it out. */
export async function bodyOfInput(): Promise<Body> {
  const facts = fstatSync(0);
  if (facts.isFile()) return { upload: process.stdin, length: facts.size };
  const ahead: Buffer[] = [];
  let bytes = 0;
  const pieces: AsyncIterator<Buffer> = process.stdin[Symbol.asyncIterator]();
  for (;;) {
    const next = await pieces.next();
    if (next.done === true) return bodyOfBytes(Buffer.concat(ahead));
    ahead.push(next.value);
    bytes += next.value.length;
    if (bytes > mostAhead) return { upload: continued(ahead, pieces), length: undefined };
  }
}

async function* continued(ahead: readonly Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Uint8Array> {
  yield* ahead;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

function bodyOfBytes(bytes: Buffer): Body {
  return { upload: bytes, length: bytes.length };
}

/** As curl reads text: line ends and zeros are not sent. */
function withoutLineEnds(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString("latin1").replaceAll(/[\r\n\0]/g, ""), "latin1");
}

function readFile(path: string): Buffer {
  return attempt(path, () => readFileSync(path === "-" ? 0 : path));
}

function attempt<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const why = { ENOENT: "there is no such file", EACCES: "no right to read it", EISDIR: "it is a directory" };
    const code = String((error as NodeJS.ErrnoException).code);
    throw unreadable(path, why[code as keyof typeof why] ?? code);
  }
}

function unreadable(path: string, why: string): Error {
  return wrongUsage(`Cannot read the data "${path}": ${why}`, "check the path after @");
}
