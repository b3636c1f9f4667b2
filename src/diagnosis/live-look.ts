/** What a manager tells of an app at one moment, as far as the doctor judges it. Null: it is not known. */

export interface LiveLook {
  readonly app: string;
  readonly state: string;
  readonly wanted: number;
  readonly ready: number;
  readonly busy: number | null;
  readonly queue: number | null;
  readonly queueHighest: number | null;
  readonly listenQueueDepth: number | null;
  readonly restarts: number;
  readonly cpuMs: number | null;
  readonly nextTryInMs: number | null;
  readonly lastExit: LiveExit | null;
  /** A rolling reload under way. */
  readonly roll: object | null;
  readonly workers: readonly LiveWorker[];
}

export interface LiveWorker {
  readonly number: number;
  readonly state: string;
  readonly pid: number | null;
  readonly busyMs: number | null;
  readonly ageMs: number | null;
}

export interface LiveExit {
  readonly worker: number;
  readonly exit: { readonly code: number | null; readonly signal: string | null };
  /** ISO 8601. */
  readonly at: string;
  readonly livedMs: number;
  readonly wasReady: boolean;
  readonly lastLines: readonly string[];
}

/** Two looks, and what the kernel tells besides. */
export interface LiveFacts {
  readonly before: LiveLook;
  readonly after: LiveLook;
  readonly betweenMs: number;
  /** Workers that only wait for the next bytes of a client; undefined where that cannot be seen. */
  readonly waitingForClients: readonly number[] | undefined;
  /** Ready workers that were stopped (state T) at both looks, by pid. */
  readonly stopped: readonly number[];
  /** Does the listener have O_NONBLOCK? Undefined where it cannot be seen. */
  readonly isNonBlocking: boolean | undefined;
  /** As whom its workers run. */
  readonly users: readonly string[];
  /** Milliseconds since the epoch, to compare with `lastExit.at`. */
  readonly nowMs: number;
  /** Its manager was started with a program and flags, and does not tell them. */
  readonly isFromFlags: boolean;
}

/** `exit code 1`, `SIGSEGV`. */
export function describeExit({ exit: { code, signal } }: LiveExit): string {
  return signal ?? `exit code ${code}`;
}
