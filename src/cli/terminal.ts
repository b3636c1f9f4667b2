/** What is at the other end of our standard streams, and how to write to it. */
import { FcgiPmError } from "../errors.ts";
import type { Look as Screen } from "../observe/columns.ts";

/** Where a terminal does not know its own width. */
const usualWidth = 80;

/** What the reader's screen can do: piped, plain and as wide as it takes. */
export function screenOf(stream: NodeJS.WriteStream): Screen {
  if (stream.isTTY !== true) return { colour: false };
  return { width: stream.columns || usualWidth, colour: process.env["NO_COLOR"] === undefined };
}

let isHeard = false;

/**
 * Writes to standard output; resolves when that has taken it, so that nothing is lost at the end. A reader that has gone
 * ends the command without a word, as in `fcgi-pm logs | head`.
 */
export function print(text: string): Promise<void> {
  // The callback tells of the error; as an event that nobody hears it would be a crash.
  if (!isHeard) process.stdout.on("error", () => {});
  isHeard = true;
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error == null) resolve();
      else if ((error as NodeJS.ErrnoException).code === "EPIPE") process.exit(0);
      else reject(unwritable(error));
    });
  });
}

export function printLines(lines: readonly string[]): Promise<void> {
  return print(lines.map((line) => `${line}\n`).join(""));
}

/** One JSON value a line. */
export function printJson(value: unknown): Promise<void> {
  return print(`${JSON.stringify(value)}\n`);
}

function unwritable(cause: Error): FcgiPmError {
  const message = `Cannot write the answer to standard output: ${cause.message}`;
  return new FcgiPmError("FCGI_PM_SYSTEM_CALL_FAILED", message, { cause });
}
