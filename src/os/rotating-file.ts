/**
 * A file that is rotated when it is too large or too old: FILE becomes FILE.1, that becomes FILE.2, up to FILE.N. There is
 * no timer: age is looked at when something is to be written.
 */
import { once } from "node:events";
import type { Stats } from "node:fs";
import { access, constants, type FileHandle, lstat, open, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { createStream, type RotatingFileStream } from "rotating-file-stream";
import { nowMs } from "./clock.ts";
import { foreignLink, isForeignLink } from "./log-file.ts";

export interface Rotation {
  readonly path: string;
  /** In bytes; a file that has reached it is rotated. */
  readonly maxSize: number;
  /** Absent: not rotated by age. */
  readonly maxAgeMs?: number;
  /** How many rotated files are kept; 0: none. */
  readonly keep: number;
}

/** While something is written, it is looked this often whether the file is still at its path. */
const lookEveryMs = 1000;

const newline = 10;

/** How far the library has come with a rotation, which is the end of a write. */
type Turn = "none" | "begun" | "done";

/** One call at a time. After one that rejects the file is of no use, but to be closed. */
export class RotatingFile {
  readonly #rotation: Rotation;
  #stream: RotatingFileStream;
  #size = 0;
  #begunMs = 0;
  #inode: number | undefined;
  #lookedMs = 0;
  #turn: Turn = "none";
  #failure: Error | undefined;

  static async open(rotation: Rotation): Promise<RotatingFile> {
    const file = new RotatingFile(rotation, await openStream(rotation));
    try {
      await file.#settle();
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  private constructor(rotation: Rotation, stream: RotatingFileStream) {
    this.#rotation = rotation;
    this.#stream = this.#watched(stream);
  }

  /** Bytes that the file may still take; never less than one. */
  get room(): number {
    return Math.max(1, this.#rotation.maxSize - this.#size);
  }

  /** Whole lines: those that `room` has a place for, or one. */
  async write(text: string): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    await this.#freshen();
    this.#turn = "none";
    try {
      await written(this.#stream, text);
    } catch (error) {
      if (this.#isAt("none")) throw error;
      this.#failure = error as Error; // the text is in the file that could not be rotated; what comes next has no place
    }
    this.#size += Buffer.byteLength(text);
    if (this.#isAt("done")) await this.#settle();
  }

  #watched(stream: RotatingFileStream): RotatingFileStream {
    stream.on("rotation", () => {
      this.#turn = "begun";
    });
    stream.on("rotated", () => {
      this.#turn = "done";
    });
    return stream;
  }

  #isAt(turn: Turn): boolean {
    return this.#turn === turn;
  }

  async reopen(): Promise<void> {
    await close(this.#stream);
    this.#stream = this.#watched(await openStream(this.#rotation));
    await this.#settle();
  }

  close(): Promise<void> {
    return close(this.#stream);
  }

  /** Too old: rotated. Renamed or deleted by somebody else: opened again. */
  async #freshen(): Promise<void> {
    const { path, maxAgeMs = Number.POSITIVE_INFINITY } = this.#rotation;
    if (Date.now() - this.#begunMs >= maxAgeMs) {
      await this.#rotate();
    } else if (nowMs() - this.#lookedMs >= lookEveryMs) {
      this.#lookedMs = nowMs();
      const there = await stat(path).catch(() => undefined);
      if (there === undefined || there.ino !== this.#inode) await this.reopen();
    }
  }

  /** The library rotates what is too large when it opens it: with one byte as the limit, it does so now. */
  async #rotate(): Promise<void> {
    await close(this.#stream);
    await close(await openStream({ ...this.#rotation, maxSize: 1 }));
    await this.reopen();
  }

  /** Takes note of a file that was just opened, ends a line that was torn, and removes rotated ones that are too many. */
  async #settle(): Promise<void> {
    const { path, keep } = this.#rotation;
    const { ino, dev, size, birthtimeMs } = await openedBy(this.#stream);
    const there = await lookAt(path);
    const isThere = there?.ino === ino && there.dev === dev;
    this.#inode = ino;
    this.#size = size;
    // An empty file begins with its first line. Not every file system knows when a file was made.
    this.#begunMs = size === 0 || birthtimeMs <= 0 ? Date.now() : birthtimeMs;
    // Renamed in the moment in which it was opened: then it is opened again before anything is written.
    this.#lookedMs = isThere ? nowMs() : Number.NEGATIVE_INFINITY;
    if (isThere && !(await endsWithLine(path, size))) await written(this.#stream, "\n");
    for (let number = keep + 1; await isRemoved(`${path}.${number}`); number += 1);
  }
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}

/** The file that the stream writes to, whatever lies at its path by now. */
function openedBy(stream: RotatingFileStream): Promise<Stats> {
  return (stream as unknown as { file: FileHandle }).file.stat();
}

/** What a path leads to. Throws where it is not to be followed; between two looks a link could be exchanged. */
async function lookAt(path: string): Promise<Stats | undefined> {
  const there = await lstat(path).catch(unlessMissing);
  if (isForeignLink(there)) throw new Error(foreignLink);
  return there?.isSymbolicLink() === true ? stat(path).catch(unlessMissing) : there;
}

async function openStream({ path, maxSize, keep }: Rotation): Promise<RotatingFileStream> {
  // The library would make a directory that is missing, with rights that nobody has chosen.
  await access(dirname(path), constants.X_OK);
  await lookAt(path);
  const stream = createStream(path, { size: `${maxSize}B`, rotate: Math.max(1, keep), mode: 0o640 });
  stream.on("error", () => {}); // whoever waits for the stream is told
  await once(stream, "open");
  return stream;
}

function written(stream: RotatingFileStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

async function close(stream: RotatingFileStream): Promise<void> {
  if (stream.destroyed) return;
  stream.end();
  await once(stream, "close");
}

/** A disk that was full, or a machine that lost its power, may have left half a line. */
async function endsWithLine(path: string, size: number): Promise<boolean> {
  if (size === 0) return true;
  const file = await open(path, "r");
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1).finally(() => file.close());
  return buffer[0] === newline;
}

async function isRemoved(path: string): Promise<boolean> {
  return unlink(path).then(
    () => true,
    () => false,
  );
}
