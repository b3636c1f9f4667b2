/** What the law tells people: typed, each with its fields and a sentence. Log and status are subscribers; the law never logs. */
import { formatDuration } from "../units.ts";

export interface Exit {
  readonly code: number | null;
  /** With "SIG", as Node reports it. */
  readonly signal: string | null;
}

interface OfWorker {
  readonly number: number;
  readonly pid: number;
}

interface OfRoll {
  readonly generation: number;
}

export type Notice =
  | ({ readonly type: "worker.spawned"; readonly generation: number } & OfWorker)
  | ({ readonly type: "worker.ready"; readonly tookMs: number } & OfWorker)
  | ({
      readonly type: "worker.died";
      readonly exit: Exit;
      readonly livedMs: number;
      readonly wasReady: boolean;
      /** Null: nobody takes its place. */
      readonly retryInMs: number | null;
    } & OfWorker)
  | ({ readonly type: "worker.recycled"; readonly livedMs: number } & OfWorker)
  | ({ readonly type: "worker.late"; readonly waitedMs: number } & OfWorker)
  | ({ readonly type: "worker.stopped"; readonly exit: Exit } & OfWorker)
  | ({ readonly type: "worker.killed"; readonly why: "idle" | "timeout" | "now" } & OfWorker)
  | ({ readonly type: "worker.lingers"; readonly waitedMs: number } & OfWorker)
  | ({ readonly type: "worker.drain-timeout"; readonly waitedMs: number } & OfWorker)
  | {
      readonly type: "spawn.refused";
      readonly number: number;
      readonly reason: string;
      readonly retryInMs: number | null;
    }
  | { readonly type: "pool.ready"; readonly ready: number; readonly size: number }
  | { readonly type: "pool.crash-loop"; readonly failures: number; readonly retryInMs: number }
  | { readonly type: "pool.spends-too-fast"; readonly waitMs: number }
  | { readonly type: "pool.stopped" }
  | ({ readonly type: "roll.began"; readonly from: number; readonly size: number } & OfRoll)
  | ({ readonly type: "roll.advanced"; readonly done: number; readonly size: number } & OfRoll)
  | ({ readonly type: "roll.done"; readonly size: number; readonly tookMs: number } & OfRoll)
  | ({ readonly type: "roll.taken-back"; readonly number: number; readonly to: number } & OfRoll)
  | ({ readonly type: "roll.given-up" } & OfRoll);

export type NoticeType = Notice["type"];

/** `exit code 3`, `signal SIGKILL`. */
export function describeExit(exit: Exit): string {
  return exit.signal === null ? `exit code ${exit.code ?? "unknown"}` : `signal ${exit.signal}`;
}

/** What follows a failure; nothing where nobody is to follow. */
function describeRetry(retryInMs: number | null): string {
  if (retryInMs === null) return "";
  return retryInMs === 0 ? "; the next try comes at once" : `; the next try comes in ${formatDuration(retryInMs)}`;
}

const killReasons = {
  idle: "it is idle and ignores the stop signal",
  timeout: "it is still there at the end of stop-timeout",
  now: "all is to end now",
} as const;

const sentences: { readonly [T in NoticeType]: (notice: Extract<Notice, { type: T }>) => string } = {
  "worker.spawned": (n) => `worker ${n.number} spawned, pid ${n.pid}`,
  "worker.ready": (n) => `worker ${n.number} ready after ${formatDuration(n.tookMs)}`,
  "worker.died": (n) =>
    n.wasReady
      ? `worker ${n.number} died after ${formatDuration(n.livedMs)}: ${describeExit(n.exit)}`
      : `worker ${n.number} died before it was ready, after ${formatDuration(n.livedMs)}: ${describeExit(n.exit)}${describeRetry(n.retryInMs)}`,
  "worker.recycled": (n) => `worker ${n.number} ended by itself after ${formatDuration(n.livedMs)}, replaced`,
  "worker.late": (n) => `worker ${n.number} is not ready after ${formatDuration(n.waitedMs)}, it will be replaced`,
  "worker.stopped": (n) => `worker ${n.number} stopped: ${describeExit(n.exit)}`,
  "worker.killed": (n) => `worker ${n.number} killed with its process group: ${killReasons[n.why]}`,
  "worker.lingers": (n) =>
    `worker ${n.number} is still there ${formatDuration(n.waitedMs)} after SIGKILL: the kernel holds it`,
  "worker.drain-timeout": (n) =>
    `worker ${n.number} is still busy after ${formatDuration(n.waitedMs)}, it gets the stop signal now`,
  "spawn.refused": (n) => `worker ${n.number} could not be spawned: ${n.reason}${describeRetry(n.retryInMs)}`,
  "pool.ready": (n) => `${n.ready} of ${n.size} workers ready`,
  "pool.crash-loop": (n) => `no worker gets ready: ${n.failures} tries failed${describeRetry(n.retryInMs)}`,
  "pool.spends-too-fast": (n) =>
    `workers die faster than the spawn budget allows: the next one comes in ${formatDuration(n.waitMs)}`,
  "pool.stopped": () => "all workers have ended",
  "roll.began": (n) =>
    `reload: ${n.size === 1 ? "the worker" : `${n.size} workers`} of generation ${n.from} replaced by generation ${n.generation}`,
  "roll.advanced": (n) => `reload: ${n.done} of ${n.size} workers are of generation ${n.generation}`,
  "roll.done": (n) => `reloaded to generation ${n.generation} after ${formatDuration(n.tookMs)}`,
  "roll.taken-back": (n) =>
    `reload taken back: worker ${n.number} of generation ${n.generation} failed, generation ${n.to} serves on`,
  "roll.given-up": (n) => `reload to generation ${n.generation} given up: the app is to stop`,
};

/** The notice as a sentence for people, without the app's name. */
export function sentenceOf(notice: Notice): string {
  return (sentences[notice.type] as (n: Notice) => string)(notice);
}
