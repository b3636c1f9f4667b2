/** The log, which is loaded after the first spawns, since that costs some 20 ms: what is said before waits here. */
import type { Record } from "../observe/record.ts";
import type { Fields, Log } from "../os/log.ts";
import type { Level } from "./notices.ts";

/** Lines of workers that are kept until the log is there; it takes some milliseconds. */
const mostWaiting = 10_000;

export class LateLog {
  readonly #tellDropped: (lines: number) => void;
  #log: Log | undefined;
  #isClosed = false;
  #waiting: ((log: Log) => void)[] = [];
  #dropped = 0;

  /** `tellDropped` is called when there is room again for what it has to say. */
  constructor(tellDropped: (lines: number) => void) {
    this.#tellDropped = tellDropped;
  }

  say(level: Level, fields: Fields, sentence: string): void {
    this.#do((log) => log.say(level, fields, sentence));
  }

  /** A line of a worker, which is dropped where the log cannot keep up. */
  pass(record: Record): void {
    if (this.#log === undefined && this.#waiting.length >= mostWaiting) this.#dropped += 1;
    else this.#do((log) => this.#passTo(log, record));
  }

  attach(log: Log): void {
    this.#log = log;
    for (const action of this.#waiting.splice(0)) action(log);
  }

  reopen(): void {
    if (!this.#isClosed) this.#log?.reopen();
  }

  /** What is said later is lost. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#isClosed) return;
    this.#sayDropped();
    this.#isClosed = true;
    await this.#log?.close(timeoutMs);
  }

  #do(action: (log: Log) => void): void {
    if (this.#isClosed) return;
    if (this.#log === undefined) this.#waiting.push(action);
    else action(this.#log);
  }

  #passTo(log: Log, record: Record): void {
    if (log.pass(record.fields, record.message)) this.#sayDropped();
    else this.#dropped += 1;
  }

  #sayDropped(): void {
    if (this.#dropped === 0) return;
    const lines = this.#dropped;
    this.#dropped = 0;
    this.#tellDropped(lines);
  }
}
