/** How a FastCGI conversation fails, as seen by whoever holds one end of it. */

/**
 * - `FCGI_CONNECT_FAILED`: nobody answers at that address; `errno` says why.
 * - `FCGI_TIMED_OUT`: the answer was not complete in time.
 * - `FCGI_ANSWER_CUT_SHORT`: the connection closed before FCGI_END_REQUEST.
 * - `FCGI_PROTOCOL_VIOLATED`: the peer sent what the protocol does not allow.
 * - `FCGI_ANSWER_TOO_LARGE`: the answer is longer than we were told to take.
 * - `FCGI_ANSWER_MALFORMED`: a complete answer that is no CGI response.
 * - `FCGI_REQUEST_REFUSED`: FCGI_END_REQUEST with a protocol status other than REQUEST_COMPLETE.
 * - `FCGI_LISTENER_MISSING`: there is no listening socket where one was promised.
 * - `FCGI_PEER_FORBIDDEN`: a connection from an address that FCGI_WEB_SERVER_ADDRS does not name.
 */
export type FastCgiErrorCode =
  | "FCGI_CONNECT_FAILED"
  | "FCGI_TIMED_OUT"
  | "FCGI_ANSWER_CUT_SHORT"
  | "FCGI_PROTOCOL_VIOLATED"
  | "FCGI_ANSWER_TOO_LARGE"
  | "FCGI_ANSWER_MALFORMED"
  | "FCGI_REQUEST_REFUSED"
  | "FCGI_LISTENER_MISSING"
  | "FCGI_PEER_FORBIDDEN";

/** Milliseconds since `request` was called, on the monotonic clock; undefined for what did not happen. */
export interface Timing {
  readonly connectMs: number | undefined;
  /** Until the first byte of the answer. */
  readonly firstByteMs: number | undefined;
  readonly totalMs: number;
}

/** What had come of an answer when it failed: often the program's last words on stderr. */
export interface PartialAnswer {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly appStatus: number | undefined;
  readonly protocolStatus: number | undefined;
  readonly timing: Timing;
}

/** What a FastCgiError may know besides its message. */
export interface FastCgiErrorDetails {
  /** The system's name of the failure, as `ECONNREFUSED`. */
  readonly errno?: string | undefined;
  readonly partial?: PartialAnswer | undefined;
  readonly cause?: unknown;
}

/** An expected failure of a FastCGI conversation. The message says "Cannot X: why". */
export class FastCgiError extends Error {
  override readonly name = "FastCgiError";
  readonly code: FastCgiErrorCode;
  readonly errno: string | undefined;
  readonly partial: PartialAnswer | undefined;

  constructor(code: FastCgiErrorCode, message: string, details: FastCgiErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.errno = details.errno;
    this.partial = details.partial;
  }
}
