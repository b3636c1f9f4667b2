/** The manager's log in the journal, with a bounded queue before it; on standard error where journald is gone. */
import { type JournalEntry, journalEntry } from "../observe/journal-entry.ts";
import { nowMs } from "./clock.ts";
import { encodeEntry, type Journald } from "./journald.ts";
import type { Fields, Log } from "./log-format.ts";

/** Bytes past which lines of workers are dropped, as they are in a log of another form. */
const mostWaiting = 4 * 1024 * 1024;

/**
 * journald's queue has room for 512 datagrams, or for 10 where systemd did not set net.unix.max_dgram_qlen, and the kernel
 * does not tell Node when there is room again. The waits grow from the first to the second, so that a journald that hangs
 * costs nothing; the first is short, since ten lines each 5 ms were too few for one busy worker.
 */
const firstRetryMs = 1;
const longestRetryMs = 200;

/** So many are sent before the manager looks at something else. */
const largestBatch = 1000;

interface Waiting {
  readonly bytes: Buffer;
  /** Says it on standard error. */
  readonly sayPlainly: () => void;
}

export class JournalLog implements Log {
  readonly #journald: Journald;
  readonly #openPlain: () => Log;
  #plain: Log | undefined;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #retryMs = firstRetryMs;

  /** `openPlain` gives the log for what journald does not take, at its first use. */
  constructor(journald: Journald, openPlain: () => Log) {
    this.#journald = journald;
    this.#openPlain = openPlain;
  }

  say(level: "debug" | "info" | "warn" | "error", fields: Fields, message: string): void {
    if (level === "debug") return; // is not written in the other forms, either
    this.#write(journalEntry({ level, ...fields }, message), (plain) => plain.say(level, fields, message));
  }

  pass(fields: Fields, message: string): boolean {
    if (this.#waitingBytes > mostWaiting) return false;
    let isTaken = true;
    this.#write(journalEntry(fields, message), (plain) => {
      isTaken = plain.pass(fields, message);
    });
    return isTaken;
  }

  /** There is no file. */
  reopen(): void {}

  async close(timeoutMs: number): Promise<void> {
    const endMs = nowMs() + timeoutMs;
    while (this.#waiting.length > 0 && nowMs() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, firstRetryMs));
    }
    clearTimeout(this.#timer);
    this.#journald.close();
    await this.#plain?.close(Math.max(0, endMs - nowMs()));
  }

  #write(entry: JournalEntry, say: (plain: Log) => void): void {
    const sayPlainly = () => {
      this.#plain ??= this.#openPlain();
      say(this.#plain);
    };
    const waiting = { bytes: encodeEntry(entry), sayPlainly };
    if (this.#waiting.length > 0 || !this.#send(waiting)) this.#wait(waiting);
  }

  /** False: it has to wait. */
  #send({ bytes, sayPlainly }: Waiting): boolean {
    const delivery = this.#journald.send(bytes);
    if (delivery === "gone") sayPlainly();
    return delivery !== "full";
  }

  #wait(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#waitingBytes += waiting.bytes.length;
    this.#timer ??= setTimeout(() => this.#sendWaiting(), this.#retryMs);
  }

  #sendWaiting(): void {
    this.#timer = undefined;
    const batch = this.#waiting.slice(0, largestBatch);
    const stuck = batch.findIndex((waiting) => !this.#send(waiting));
    for (const { bytes } of this.#waiting.splice(0, stuck === -1 ? batch.length : stuck)) {
      this.#waitingBytes -= bytes.length;
    }
    this.#retryMs = stuck === 0 ? Math.min(2 * this.#retryMs, longestRetryMs) : firstRetryMs;
    if (this.#waiting.length > 0) {
      this.#timer = setTimeout(() => this.#sendWaiting(), stuck === -1 ? 0 : this.#retryMs);
    }
  }
}
