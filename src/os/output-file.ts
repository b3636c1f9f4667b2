/**
 * The file that the lines of an app's workers go to, with a bounded queue before it: a slow disk never stops a worker, a
 * full one never ends the manager. What writes the file is loaded with the first one.
 */
import type { LogFormat } from "../config/app.ts";
import type { Record } from "../observe/record.ts";
import { nowMs } from "./clock.ts";
import type { RotatingFile, Rotation } from "./rotating-file.ts";

export interface OutputSettings extends Rotation {
  /** Of the manager's log: the file looks as that would. */
  readonly format: LogFormat;
}

/** Hears what becomes of the file. */
export interface OutputHearer {
  /** It cannot be written. Said once, until it is mended. */
  failed(reason: string): void;
  mended(): void;
  /** Lines are lost since it is written too slowly. */
  dropped(lines: number): void;
  /** Lines that it did not take when it failed. */
  unwritten(records: readonly Record[]): void;
}

/** Bytes that may wait; lines of workers past it are dropped. */
const mostPending = 4 * 1024 * 1024;

/** What a record takes besides its text, about. */
const recordBytes = 256;

/** So much is written at once. */
const largestBatch = 64 * 1024;

/** A file that could not be written is tried again after this time, when there is something to write. */
const retryAfterMs = 2000;

interface Entry {
  readonly record: Record;
  readonly bytes: number;
  readonly isNotice: boolean;
}

export class OutputFile {
  /** Resolves when the file is open, or when it is known that it cannot be opened. */
  readonly opened: Promise<void>;
  readonly #settings: OutputSettings;
  readonly #hearer: OutputHearer;
  readonly #after: Promise<void>;
  #file: RotatingFile | undefined;
  #lineOf: (record: Record) => string = () => "";
  #queue: Entry[] = [];
  #pendingBytes = 0;
  #dropped = 0;
  #failedAtMs: number | undefined;
  #isStale = false;
  #isClosed = false;
  #work: Promise<void> | undefined;

  /** Opens the file after what it has to wait for, such as the same file being closed. Records wait until then. */
  constructor(settings: OutputSettings, hearer: OutputHearer, after: Promise<void>) {
    this.#settings = settings;
    this.#hearer = hearer;
    this.#after = after;
    this.opened = this.#start();
  }

  /** False: the file takes nothing at present. Notices are never dropped. */
  write(record: Record, isNotice: boolean): boolean {
    if (this.#isClosed || this.#isGivenUp()) return false;
    if (!isNotice && this.#pendingBytes > mostPending) {
      this.#dropped += 1;
      return true;
    }
    const bytes = recordBytes + record.text.length;
    this.#queue.push({ record, bytes, isNotice });
    this.#pendingBytes += bytes;
    void this.#start();
    return true;
  }

  /** Opens the file again, after somebody has renamed it. */
  reopen(): void {
    if (this.#isClosed) return;
    this.#isStale = true;
    void this.#start();
  }

  /** Writes what waits; what is not written after `timeoutMs` is lost. */
  async close(timeoutMs: number): Promise<void> {
    this.#isClosed = true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.#finish(), late]);
    clearTimeout(timer);
    this.#dropped += this.#empty().length;
    this.#sayDropped();
  }

  async #finish(): Promise<void> {
    await this.#work;
    await this.#file?.close().catch(() => {}); // what was written is written
  }

  #isGivenUp(): boolean {
    if (this.#failedAtMs === undefined || this.#file !== undefined) return false;
    return nowMs() - this.#failedAtMs < retryAfterMs;
  }

  #start(): Promise<void> {
    this.#work ??= this.#run();
    return this.#work;
  }

  async #run(): Promise<void> {
    try {
      await this.#after;
      while (this.#isStale || this.#file === undefined || this.#queue.length > 0) await this.#writeSome();
    } catch (error) {
      this.#fail(error as Error);
    }
    this.#work = undefined;
  }

  async #writeSome(): Promise<void> {
    if (this.#isStale) {
      this.#isStale = false;
      await this.#file?.reopen();
    }
    this.#file ??= await this.#open();
    const { text, count } = this.#gather(this.#file.room);
    if (count === 0) return;
    await this.#file.write(text);
    for (const { bytes } of this.#queue.splice(0, count)) this.#pendingBytes -= bytes;
    if (this.#pendingBytes < mostPending / 2) this.#sayDropped();
    this.#sayMended();
  }

  async #open(): Promise<RotatingFile> {
    const { RotatingFile } = await import("./rotating-file.ts");
    const { formatFor, jsonLine } = await import("./log-format.ts");
    const { format, path } = this.#settings;
    const shape = formatFor({ format, file: path });
    this.#lineOf = ({ fields, message }) => shape(jsonLine(fields, message));
    return RotatingFile.open(this.#settings);
  }

  /** The first records as text, up to `room`; one at least, if there is one. */
  #gather(room: number): { text: string; count: number } {
    let text = "";
    let bytes = 0;
    let count = 0;
    for (const { record } of this.#queue) {
      const line = this.#lineOf(record);
      bytes += Buffer.byteLength(line);
      text += line;
      count += 1;
      if (bytes >= Math.min(room, largestBatch)) break;
    }
    return { text, count };
  }

  #fail(error: Error): void {
    void this.#file?.close().catch(() => {}); // nothing waits for a disk that may hang
    this.#file = undefined;
    const isSaid = this.#failedAtMs !== undefined;
    this.#failedAtMs = nowMs();
    const lines = this.#empty();
    if (!isSaid) this.#hearer.failed(error.message);
    this.#sayDropped();
    if (lines.length > 0) this.#hearer.unwritten(lines);
  }

  /** Nothing waits any more. Gives the lines of workers that did; notices are in the manager's log as well. */
  #empty(): Record[] {
    const entries = this.#queue;
    this.#queue = [];
    this.#pendingBytes = 0;
    return entries.filter(({ isNotice }) => !isNotice).map(({ record }) => record);
  }

  #sayDropped(): void {
    if (this.#dropped === 0) return;
    const lines = this.#dropped;
    this.#dropped = 0;
    this.#hearer.dropped(lines);
  }

  #sayMended(): void {
    if (this.#failedAtMs === undefined) return;
    this.#failedAtMs = undefined;
    this.#hearer.mended();
  }
}
