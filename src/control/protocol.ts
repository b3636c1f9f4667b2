/**
 * What may be asked of a running manager, and what it answers: the one description that server and client share. HTTP/1.1
 * and JSON over a Unix socket. A fixed table of verbs; whatever is not in it does not exist.
 */
import {
  boolean,
  gte,
  type infer as Infer,
  int,
  lte,
  maxLength,
  number,
  optional,
  regex,
  strictObject,
  string,
} from "zod/mini";
import type { Status } from "../observe/status.ts";
import type { EventLine, LogLine } from "../observe/story.ts";

/** How many workers an app may have. */
const mostProcesses = 10_000;

const noBody = strictObject({});
const stopBody = strictObject({ now: optional(boolean()) });
const reloadBody = strictObject({
  dryRun: optional(boolean()),
  /** Rolls every app, those included in which nothing has changed. */
  all: optional(boolean()),
  /** How many workers are replaced at a time. */
  batch: optional(number().check(int(), gte(1), lte(mostProcesses))),
});
/** Exactly one of the two. */
const scaleBody = strictObject({
  processes: optional(number().check(int(), gte(1), lte(mostProcesses))),
  by: optional(number().check(int(), gte(-mostProcesses), lte(mostProcesses))),
});
const signalBody = strictObject({
  signal: string().check(maxLength(16), regex(/^(SIG)?[A-Z0-9]+$/)),
  worker: optional(number().check(int(), gte(1))),
});

/** POST requests by path; `:app` stands for an app's name. Each takes a JSON object, or nothing at all. */
export const verbs = {
  "/v1/stop": stopBody,
  "/v1/restart": noBody,
  "/v1/reload": reloadBody,
  "/v1/reopen-logs": noBody,
  "/v1/apps/:app/stop": stopBody,
  "/v1/apps/:app/restart": noBody,
  "/v1/apps/:app/reload": reloadBody,
  "/v1/apps/:app/scale": scaleBody,
  "/v1/apps/:app/signal": signalBody,
} as const;

/** GET requests by path. The last two go on as long as the client listens; each of their lines is one JSON object. */
export const queries = ["/v1/status", "/v1/apps/:app", "/v1/apps/:app/env", "/v1/logs", "/v1/events"] as const;

export type StopRequest = Infer<typeof stopBody>;
export type ReloadRequest = Infer<typeof reloadBody>;
export type ScaleRequest = Infer<typeof scaleBody>;
export type SignalRequest = Infer<typeof signalBody>;

/** `GET /v1/logs?app=blog&worker=2&lines=100&follow=1` */
export interface LogsQuery {
  /** Absent: all apps. */
  readonly app?: string;
  readonly worker?: number;
  /** Of each app at most so many of the last lines. */
  readonly lines: number;
}

/** What came of a command on one app. */
export interface AppOutcome {
  readonly app: string;
  /**
   * `unchanged`: nothing was to be done. `added`, `removed`: the config has it newly, or no longer. `rolled`: its workers
   * are replaced one by one. `moved`: it has a new listener, and new workers on it. `applied`: in place, no worker was
   * touched. `scaled`: workers are added, or drained. `stopped`, `restarted`: as asked.
   */
  readonly action:
    | "unchanged"
    | "added"
    | "removed"
    | "rolled"
    | "moved"
    | "applied"
    | "scaled"
    | "stopped"
    | "restarted";
  /** Why, in words: `processes: 4 -> 8`, `the program has changed`. */
  readonly changes: readonly string[];
  /** Of a dry run: `planned`. `taken-back`: the new workers failed, the old ones serve on. `given-up`: another command came between. */
  readonly result: "planned" | "done" | "taken-back" | "given-up";
  readonly generation: number;
  readonly wanted: number;
  readonly tookMs: number;
  /** Of one that was taken back: why, and what the failing worker wrote last. */
  readonly reason?: string;
  readonly lastLines?: readonly string[];
}

export interface CommandAnswer {
  readonly version: 1;
  readonly apps: readonly AppOutcome[];
}

export interface SignalAnswer {
  readonly version: 1;
  readonly app: string;
  readonly signal: string;
  readonly workers: readonly { readonly worker: number; readonly pid: number }[];
}

export interface EnvAnswer {
  readonly version: 1;
  readonly app: string;
  readonly worker: number;
  readonly pid: number;
  /** As the kernel has it, in its order. */
  readonly env: Readonly<Record<string, string>>;
}

/** How a request fails. `details` holds the outcomes of a command that failed for some apps. */
export interface ErrorAnswer {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly remedy: string;
    readonly details?: readonly AppOutcome[];
  };
}

/**
 * What the manager can do for whoever asks; the server is its only caller. Unknown apps and what cannot be done are
 * thrown as `FcgiPmError`. Commands resolve when what they ask for is done: the workers have gone, the roll is through.
 */
export interface Operations {
  /** Absent: of all apps. */
  status(app?: string): Status;
  /** Stops the manager. Resolves when all workers have ended and the listeners are released. */
  stopManager(request: StopRequest): Promise<CommandAnswer>;
  stop(app: string, request: StopRequest): Promise<CommandAnswer>;
  /** Absent: all apps. */
  restart(app: string | undefined): Promise<CommandAnswer>;
  reload(app: string | undefined, request: ReloadRequest): Promise<CommandAnswer>;
  scale(app: string, request: ScaleRequest): Promise<CommandAnswer>;
  signal(app: string, request: SignalRequest): SignalAnswer;
  /** Of this worker, or of the first that is ready. */
  env(app: string, worker: number | undefined): EnvAnswer;
  reopenLogs(): CommandAnswer;
  logs(query: LogsQuery): readonly LogLine[];
  /** Calls back for each line from now on, until the function it gives is called. */
  followLogs(query: LogsQuery, onLine: (line: LogLine) => void): () => void;
  followEvents(onEvent: (event: EventLine) => void): () => void;
}
