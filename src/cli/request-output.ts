/** Where the answer of `fcgi-pm request` goes: standard output, or a file, piece by piece. */
import { createWriteStream } from "node:fs";
import type { Writable } from "node:stream";
import { FcgiPmError } from "../errors.ts";
import type { Taken } from "../fastcgi/answer.ts";
import type { CgiHead } from "../fastcgi/cgi-response.ts";
import { reasonPhrase } from "../fastcgi/reason-phrases.ts";
import { readText } from "../fastcgi/wire/text.ts";
import { visible } from "../observe/visible.ts";
import { wrongUsage } from "./request-options.ts";

export interface OutputOptions {
  readonly include?: true | undefined;
  readonly head?: true | undefined;
  /** A path; `-` is standard output. */
  readonly output?: string | undefined;
}

/** Takes the answer as it comes. What has been taken is on its way: the end has to be waited for. */
export class Output {
  readonly #options: OutputOptions;
  readonly #isTerminal: boolean;
  #stream: Writable | undefined;
  #failure: FcgiPmError | undefined;
  #isBegun = false;
  /** Who waits until more can be written. */
  readonly #waiting: (() => void)[] = [];

  constructor(options: OutputOptions) {
    this.#options = options;
    this.#isTerminal = options.output === undefined && process.stdout.isTTY === true;
  }

  head(head: CgiHead): Taken {
    if (this.#options.include !== true && this.#options.head !== true) return undefined;
    const text = headText(head);
    return this.#write(this.#isTerminal ? Buffer.from(visibleLines(text)) : Buffer.from(text, "latin1"));
  }

  body(piece: Uint8Array): Taken {
    if (this.#options.head === true) return undefined;
    if (this.#isTerminal && !this.#isBegun && piece.includes(0)) return Promise.reject(binary());
    this.#isBegun = true;
    return this.#write(piece);
  }

  /** When all of it has been written. Throws what kept it from that. */
  async end(): Promise<void> {
    if (this.#options.output !== undefined) this.#open();
    const stream = this.#stream;
    if (stream !== undefined) await new Promise<void>((resolve) => endStream(stream, resolve));
    if (this.#failure !== undefined) throw this.#failure;
  }

  #write(piece: Uint8Array): Taken {
    const stream = this.#open();
    if (stream.write(piece) && this.#failure === undefined) return undefined;
    return this.#drained(stream);
  }

  async #drained(stream: Writable): Promise<undefined> {
    if (this.#failure === undefined && stream.writableNeedDrain)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#failure !== undefined) throw this.#failure;
  }

  #open(): Writable {
    if (this.#stream !== undefined) return this.#stream;
    const { output = "-" } = this.#options;
    this.#stream = output === "-" ? process.stdout : createWriteStream(output);
    this.#stream.on("drain", () => this.#wake());
    this.#stream.on("error", (error: NodeJS.ErrnoException) => this.#fail(output, error));
    return this.#stream;
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** A reader that has gone ends the command without a word, as in `fcgi-pm request /big | head`. */
  #fail(output: string, error: NodeJS.ErrnoException): void {
    if (output === "-" && error.code === "EPIPE") process.exit(0);
    this.#failure = unwritable(output, error);
    this.#wake();
  }
}

const whys: Readonly<Record<string, string>> = {
  ENOENT: "there is no such directory",
  ENOTDIR: "a part of the path is no directory",
  EISDIR: "it is a directory",
  EACCES: "no right to write there",
  ENOSPC: "the disk is full",
};

function unwritable(output: string, { code = "" }: NodeJS.ErrnoException): FcgiPmError {
  const where = output === "-" ? "standard output" : `"${output}"`;
  return new FcgiPmError("FCGI_PM_SYSTEM_CALL_FAILED", `Cannot write the body to ${where}: ${whys[code] ?? code}`, {
    remedy: output === "-" ? "check where standard output goes" : "-o FILE with a path that can be written",
  });
}

/** Standard output is never closed; an empty write tells when all before it has gone. */
function endStream(stream: Writable, done: () => void): void {
  if (stream.destroyed) done();
  else if (stream === process.stdout) stream.write("", () => done());
  else stream.once("error", () => done()).end(done);
}

/** As curl shows it, and as the browser would have got it; values are binary strings. */
function headText({ status, reason, headers }: CgiHead): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `HTTP/1.1 ${status} ${reason === "" ? reasonPhrase(status) : reason}\r\n${lines}\r\n`;
}

function visibleLines(text: string): string {
  return text
    .split("\r\n")
    .map((line) => visible(readText(line)))
    .join("\n");
}

function binary(): FcgiPmError {
  return wrongUsage(
    "The body is binary, and is not printed on a terminal",
    "-o FILE, or -o - to print it all the same",
  );
}
