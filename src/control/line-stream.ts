/** Lines for one client: the past as it takes them, then what comes, with bounded memory however slowly it reads. */
import type { ServerResponse } from "node:http";
import type { Lines } from "./commands.ts";
import type { DroppedLine } from "./protocol.ts";

export const linesType = "application/x-ndjson";

/** When more bytes than these wait for the client, lines are dropped and counted. */
const mostWaitingBytes = 1024 * 1024;

/** Whom a stream tells. */
export interface StreamHost {
  readonly onBug: (error: unknown) => void;
  readonly onAnswered: (outgoing: ServerResponse) => void;
}

export class LineStream {
  readonly #outgoing: ServerResponse;
  readonly #host: StreamHost;
  readonly #unfollow: (() => void) | undefined;
  #past: Iterator<object>;
  #isPastOver = false;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #isFull = false;
  #isOver = false;

  /** Sends its first line at once. */
  constructor(lines: Lines, outgoing: ServerResponse, host: StreamHost) {
    this.#outgoing = outgoing;
    this.#host = host;
    this.#past = lines.past.values();
    outgoing.setHeader("Content-Type", linesType);
    outgoing.on("drain", () => this.#goOn());
    this.#unfollow = lines.follow?.((line) => this.#take(line));
    outgoing.once("close", () => this.#forget());
    outgoing.flushHeaders();
    this.#write();
  }

  /** The client sees the end of the lines, not a broken connection. */
  end(): void {
    this.#forget();
    this.#outgoing.end();
    this.#host.onAnswered(this.#outgoing);
  }

  #forget(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#unfollow?.();
    this.#past = [].values();
    this.#waiting = [];
  }

  /** Never throws: whoever tells us has other things to do. Once a line was dropped, so is the next until all that waits is written. */
  #take(line: object): void {
    if (this.#dropped > 0 || this.#waitingBytes + this.#outgoing.writableLength > mostWaitingBytes) {
      this.#dropped += 1;
      return;
    }
    const text = this.#format(line);
    this.#waiting.push(text);
    this.#waitingBytes += Buffer.byteLength(text);
    this.#write();
  }

  #format(line: object): string {
    try {
      return `${JSON.stringify(line)}\n`;
    } catch (error) {
      this.#host.onBug(error);
      return "";
    }
  }

  #goOn(): void {
    this.#isFull = false;
    this.#write();
  }

  #write(): void {
    while (!this.#isFull) {
      const text = this.#next();
      if (text === undefined) break;
      if (text !== "") this.#isFull = !this.#outgoing.write(text);
    }
    if (this.#isPastOver && this.#unfollow === undefined) this.#outgoing.end();
  }

  /** One line of the past, or all that waits, or how much is missing. */
  #next(): string | undefined {
    if (!this.#isPastOver) {
      const { done = false, value } = this.#past.next();
      this.#isPastOver = done;
      if (!done) return this.#format(value);
    }
    if (this.#waiting.length > 0) return this.#takeWaiting();
    if (this.#dropped === 0) return undefined;
    const notice: DroppedLine = { dropped: this.#dropped };
    this.#dropped = 0;
    return this.#format(notice);
  }

  #takeWaiting(): string {
    const text = this.#waiting.join("");
    this.#waiting = [];
    this.#waitingBytes = 0;
    return text;
  }
}
