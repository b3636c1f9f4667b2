/** What becomes of a request whose handler has failed. */
import { inspect } from "node:util";
import type { Exchange } from "./application.ts";
import { encodeHead } from "./cgi-head.ts";
import { protocolStatus } from "./wire/constants.ts";
import { toBytes } from "./wire/text.ts";

const text = "Internal Server Error\n";
const headers = { "Content-Type": "text/plain; charset=utf-8", "Content-Length": String(text.length) };

/**
 * The reason goes to the web server's log. The browser gets a 500 if nothing has been sent; otherwise its answer ends as it must not
 * (FastCGI 1.0, 5.5).
 */
export function failExchange(exchange: Exchange, reason: string): void {
  const { output } = exchange;
  if (output.isClosed) return;
  const { hasBegun } = output;
  if (!hasBegun) output.discard();
  output.writeStderr(toBytes(reason));
  if (hasBegun) exchange.breakOff();
  else sendError(exchange);
}

function sendError({ output, rawParams }: Exchange): void {
  output.write(encodeHead(500, headers));
  if (!rawParams.some(([name, value]) => name === "REQUEST_METHOD" && value === "HEAD")) output.write(toBytes(text));
  output.end({ appStatus: 0, protocolStatus: protocolStatus.requestComplete });
}

/** A stack for the log. What is thrown may be anything, even something that cannot be shown. */
export function explain(error: unknown): string {
  try {
    return `${inspect(error)}\n`;
  } catch {
    return "The handler threw something that cannot be shown\n";
  }
}
