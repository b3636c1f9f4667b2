/** The way out of one connection, which all its requests share. */
import type { Socket } from "node:net";

/** Told when what was written has been handed to the kernel, or with the reason why it never will be. */
export type Sent = (error?: Error | null) => void;

const floodBytes = 1_048_576;

/** A connection that is gone swallows what is sent: whoever sends is told elsewhere. */
export class Output {
  readonly #socket: Socket;
  #waiting: Set<() => void> | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** True while the peer has not taken what was sent before. */
  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** True when more waits than requests would ever write: a request stops when the connection is blocked, but queries do not. */
  get isFlooded(): boolean {
    return this.#socket.writableLength > floodBytes;
  }

  /** What is sent meanwhile goes out together. */
  inOneWrite(send: () => void): void {
    this.#socket.cork();
    send();
    this.#socket.uncork();
  }

  /** Sends these bytes in one write. */
  send(pieces: readonly Uint8Array[], sent?: Sent): void {
    const socket = this.#socket;
    if (!socket.writable) {
      if (sent !== undefined) process.nextTick(sent, new Error("Cannot send: the connection is closed"));
      return;
    }
    const last = pieces.length - 1;
    if (last < 0 && sent !== undefined) process.nextTick(sent);
    if (last > 0) socket.cork();
    for (const [at, piece] of pieces.entries()) socket.write(piece, at === last ? sent : undefined);
    if (last > 0) socket.uncork();
  }

  /** Calls once when the peer takes more, or is gone. */
  whenFree(call: () => void): void {
    this.#waiting ??= this.#listen();
    this.#waiting.add(call);
  }

  /** Most connections are never blocked, and need not listen. Those who are still blocked ask again. */
  #listen(): Set<() => void> {
    const waiting = new Set<() => void>();
    const tellAll = () => {
      const calls = [...waiting];
      waiting.clear();
      for (const call of calls) call();
    };
    this.#socket.on("drain", tellAll).on("close", tellAll);
    return waiting;
  }
}
