/** A closed loop of connections to one socket, and what became of the requests in each span of time. */
import { setTimeout as pause } from "node:timers/promises";
import { startLasting } from "./gauge.ts";

/** Of the requests that began in one span of time, each of which has ended. */
export interface Tally {
  readonly seconds: number;
  readonly answered: number;
  /** No connection was had. */
  readonly refused: number;
  /** The connection broke. */
  readonly reset: number;
  /** It was closed before the end of the answer. */
  readonly cut: number;
  /** The answer is complete, and none of the program's. */
  readonly wrong: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

export interface Load {
  /** Ends a span of time and begins the next; resolves when all the requests that began in it have ended. */
  tally(): Promise<Tally>;
  stop(): Promise<void>;
}

/** What is asked for. */
export interface Asked {
  readonly query?: string;
  /** For php-cgi and php-fpm. */
  readonly script?: string;
}

const warmUpMs = 150;

/** Starts a load and lets it run warm. */
export async function startLoad(
  socket: string,
  connections: number,
  { query = "", script = "" }: Asked,
): Promise<Load> {
  const { stdin, next, stop } = startLasting("load", socket, connections, query, script);
  const tally = async () => {
    stdin.write("\n");
    const [seconds, answered, refused, reset, cut, wrong, medianMs, p99Ms, longestMs] = await next();
    if (longestMs === undefined) throw new Error(`Cannot measure the requests to "${socket}": the load has ended`);
    return { seconds, answered, refused, reset, cut, wrong, medianMs, p99Ms, longestMs } as Tally;
  };
  await pause(warmUpMs);
  await tally();
  return { tally, stop };
}

/** Those without the answer that they should have had. */
export function failedOf({ refused, reset, cut, wrong }: Tally): number {
  return refused + reset + cut + wrong;
}

export function perSecond({ answered, seconds }: Tally): number {
  return answered / seconds;
}
