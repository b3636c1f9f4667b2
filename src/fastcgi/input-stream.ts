/** A request's stream as a web stream. */
import { ReadableStream } from "node:stream/web";
import type { RequestInput } from "./request-input.ts";

/** Takes from the input when it is read, and not before. Whoever cancels it drops the rest. */
export function streamOf(input: RequestInput): ReadableStream<Buffer> {
  return new ReadableStream<Buffer>(
    {
      pull: async (controller) => {
        const piece = await nextPiece(input);
        if (piece !== undefined) controller.enqueue(piece);
        else if (input.failure !== undefined) controller.error(input.failure);
        else controller.close();
      },
      cancel: () => input.drop(),
    },
    { highWaterMark: 0 },
  );
}

/** The next piece of the input; undefined at its end, whatever that is. */
async function nextPiece(input: RequestInput): Promise<Buffer | undefined> {
  for (;;) {
    const piece = input.take();
    if (piece !== undefined || input.isOver) return piece;
    await new Promise<void>((resolve) => {
      input.onNews = resolve;
    });
  }
}
