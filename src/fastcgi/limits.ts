import type { ParamsLimits } from "./wire/params.ts";

/** What one connection may ask of us. Times are in milliseconds. */
export interface ConnectionLimits {
  /** Told in answer to FCGI_GET_VALUES; kept by the server. */
  readonly maxConnections: number;
  /** Handlers at work for one connection, those of aborted requests included. One more is OVERLOADED. */
  readonly maxRequestsPerConnection: number;
  readonly params: ParamsLimits;
  /** After the last answer we wait so long for the peer to close, so that no reset overtakes what it has not read. */
  readonly lingerMs: number;
  /** A peer that stops in the middle of what it owes, or does not take its answer, is left after this time. */
  readonly stallMs: number;
}
