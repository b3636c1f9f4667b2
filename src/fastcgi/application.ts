/** What stands between the protocol and the code that answers: one request, whatever the interface of its handler is. */
import type { RequestInput } from "./request-input.ts";
import type { RequestOutput } from "./request-output.ts";
import type { Pair } from "./wire/params.ts";

/** The roles of an application (FastCGI 1.0, 6). */
export type RoleName = "responder" | "authorizer" | "filter";

/** One request that is being answered. */
export interface Exchange {
  readonly role: RoleName;
  /** In order, doubles and all, a character for each byte. */
  readonly rawParams: readonly Pair[];
  /** The same as text; made when it is asked for. */
  readonly params: Map<string, string>;
  /** FCGI_STDIN. */
  readonly stdin: RequestInput;
  /** FCGI_DATA, which only a filter has. */
  readonly data: RequestInput | undefined;
  readonly output: RequestOutput;
  /** Aborted when nobody waits for the answer any more; made when it is asked for. */
  readonly signal: AbortSignal;
  /** Called when the request has ended before its answer: it was aborted, or its connection is gone. Nothing can be sent then. */
  onCut: (() => void) | undefined;
  /** Ends an answer that has begun and cannot be finished, so that nobody takes it for complete. */
  breakOff(): void;
  /** The handler has come to its end, however. */
  release(): void;
}

/** What takes requests once their parameters are complete. It never throws. */
export type Application = (exchange: Exchange) => void;
