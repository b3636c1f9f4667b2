/**
 * Asks a web server to close a connection that it keeps for its next request. Who closes it from the worker's side may
 * cross a request that is on its way: nginx then answers a POST with 502. This crosses nothing: an empty FCGI_STDERR
 * record says nothing where a request is under way; where none is, nginx does not expect it and closes the connection
 * (its keepalive module; measured with 1.22). Apache's mod_proxy_fcgi takes no notice (measured with 2.4).
 */
import { recordType } from "../fastcgi/wire/constants.ts";
import { endOfStream } from "../fastcgi/wire/record.ts";
import { sendNow, unsentBytes } from "./posix.ts";
import { sendWithoutDelay } from "./socket-facts.ts";

/** Web servers have one request at a time on a connection, and this is its id. */
const requestId = 1;
const question = Buffer.from(endOfStream(recordType.stderr, requestId));

/** Whoever has not taken more than this yet is in the middle of an answer; and there may be no room for a whole record. */
const mostUnsentBytes = 4096;

/** To be called while nobody serves the connection who could be in the middle of a record. */
export function askToClose(fd: number): void {
  if (unsentBytes(fd) > mostUnsentBytes) return;
  // The last bytes of an answer may wait for an acknowledgement, which comes 40 ms later, and the question behind them.
  sendWithoutDelay(fd);
  sendNow(fd, question);
}
