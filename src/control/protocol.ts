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
  pipe,
  refine,
  regex,
  strictObject,
  string,
  transform,
} from "zod/mini";
import type { Status } from "../observe/status.ts";
import type { EventLine, LogLine } from "../observe/story.ts";

/** How many workers an app may have. */
const mostProcesses = 10_000;
/** Of what is counted without a limit of its own. */
const highest = 1_000_000;

const yesOrNo = boolean("expected true or false");
const signalName = "expected the name of a signal, such as TERM or SIGUSR1";

function whole(from: number, to: number) {
  const error = `expected a whole number from ${from} to ${to}`;
  return number(error).check(int(error), gte(from, error), lte(to, error));
}

const noBody = strictObject({});
const stopBody = strictObject({ now: optional(yesOrNo) });
const reloadBody = strictObject({
  dryRun: optional(yesOrNo),
  /** Rolls every app, those included in which nothing has changed. */
  all: optional(yesOrNo),
  /** How many workers are replaced at a time. */
  batch: optional(whole(1, mostProcesses)),
});
const scaleBody = strictObject({
  processes: optional(whole(1, mostProcesses)),
  by: optional(whole(-mostProcesses, mostProcesses)),
}).check(
  refine(({ processes, by }) => (processes === undefined) !== (by === undefined), "expected either processes or by"),
);
const signalBody = strictObject({
  signal: string(signalName).check(maxLength(16, signalName), regex(/^(SIG)?[A-Z0-9]+$/, signalName)),
  worker: optional(whole(1, highest)),
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

/** What stands behind the `?` is text. */
function digits(from: number, to: number) {
  return pipe(pipe(string(), transform(asNumber)), whole(from, to));
}

function asNumber(text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
}

const flag = pipe(
  string().check(regex(/^[01]$/, "expected 1 or 0")),
  transform((text) => text === "1"),
);
export const noParameters = strictObject({});
/** With `reach=0` external apps are not asked whether they can be reached: who waits for other things is not kept waiting. */
const statusParameters = strictObject({ reach: optional(flag) });

/** GET requests by path, with what may stand behind the `?`. */
export const queries = {
  "/v1/status": statusParameters,
  "/v1/apps/:app": statusParameters,
  "/v1/apps/:app/env": strictObject({ worker: optional(digits(1, highest)) }),
  /** One JSON object a line, to the last line there is; with `follow=1` as long as the client listens. */
  "/v1/logs": strictObject({
    app: optional(string()),
    worker: optional(digits(1, highest)),
    lines: optional(digits(0, highest)),
    follow: optional(flag),
  }),
  /** One JSON object a line, as long as the client listens. */
  "/v1/events": noParameters,
} as const;

/** Of each app so many of its last lines are given where nobody says how many. */
export const usualLines = 100;

export type Verb = keyof typeof verbs;
export type Query = keyof typeof queries;
export type BodyOf<V extends Verb> = Infer<(typeof verbs)[V]>;
export type ParametersOf<Q extends Query> = Infer<(typeof queries)[Q]>;
export type AnswerOf<V extends Verb> = V extends "/v1/apps/:app/signal" ? SignalAnswer : CommandAnswer;

export type StopRequest = Infer<typeof stopBody>;
export type ReloadRequest = Infer<typeof reloadBody>;
/** Exactly one of the two. */
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
  /** It is external: its address is what was added, changed or removed. Absent: it is the manager's own. */
  readonly external?: true;
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
  /** Of a dry run: `planned`. `taken-back`: the new workers failed, everything stays as it was. `failed`: workers do not start, the manager goes on trying. `given-up`: another command came between. */
  readonly result: "planned" | "done" | "taken-back" | "failed" | "given-up";
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

/** A line of `logs` or `events` that stands for lines which a client was too slow to take. */
export interface DroppedLine {
  readonly dropped: number;
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
  /** Absent: of all apps. `reach`: are external ones asked whether they can be reached? */
  status(app: string | undefined, look: { readonly reach: boolean }): Promise<Status> | Status;
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
