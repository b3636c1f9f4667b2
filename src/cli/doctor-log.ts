/** The last lines of a web server's log. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { FcgiPmError } from "../errors.ts";

/** What stands before them is history. */
const mostLines = 1000;

/** `-` is standard input. */
export async function readLog(path: string): Promise<string[]> {
  const input = path === "-" ? process.stdin : createReadStream(path);
  const lines: string[] = [];
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      lines.push(line);
      if (lines.length > 2 * mostLines) lines.splice(0, lines.length - mostLines);
    }
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new FcgiPmError("FCGI_PM_USAGE_WRONG", `Cannot read the log "${path}": ${why}`, {
      remedy: "check the path and its rights",
    });
  }
  return lines.slice(-mostLines);
}
