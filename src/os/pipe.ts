/** Reads a worker's output from a real pipe, as it comes, with one buffer for all workers. */
import { readSync } from "node:fs";
import { Socket } from "node:net";

export interface PipeReader {
  /** Takes what is in the pipe right now, without waiting: the last words of a worker that has just died. */
  drain(): void;
  close(): void;
}

/** Reading is synchronous from libuv's read to our callback, so one buffer serves every pipe. */
const shared = Buffer.allocUnsafeSlow(64 * 1024);

/** At most this much is taken in one go by `drain`, in case a grandchild goes on writing. */
const mostDrained = 1024 * 1024;

/**
 * Calls `onChunk` with a view that is valid during the call only, and `onEnd` once, when the last writer has gone.
 * Takes over the descriptor.
 */
export function readPipe(fd: number, onChunk: (chunk: Buffer) => void, onEnd: () => void): PipeReader {
  const callback = (length: number): boolean => {
    onChunk(shared.subarray(0, length));
    return true;
  };
  // `onread` is documented for connections only, and works for every handle that is opened by its descriptor.
  const options = { fd, readable: true, writable: false, onread: { buffer: shared, callback } };
  const socket = new Socket(options as ConstructorParameters<typeof Socket>[0]);
  socket.on("error", () => socket.destroy());
  socket.on("close", onEnd);
  return {
    drain: () => {
      if (!socket.destroyed) drain(fd, onChunk);
    },
    close: () => socket.destroy(),
  };
}

function drain(fd: number, onChunk: (chunk: Buffer) => void): void {
  for (let taken = 0; taken < mostDrained; ) {
    let length = 0;
    try {
      length = readSync(fd, shared);
    } catch {
      return; // EAGAIN: nothing more for now; anything else is the event loop's to find
    }
    if (length === 0) return;
    onChunk(shared.subarray(0, length));
    taken += length;
  }
}
