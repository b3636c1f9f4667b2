/** The plain data of a worker's life: what there is, what happens, what is asked for. The law itself is in worker.ts and pool.ts. */
import type { BackoffPolicy } from "./backoff.ts";
import type { Budget } from "./budget.ts";
import type { Exit, Notice } from "./notice.ts";

/** Time and chance are arguments. `nowMs` is monotonic. */
export interface Moment {
  readonly nowMs: number;
  /** 0 to 1, drawn anew for each event. */
  readonly chance: number;
}

export interface WorkerPolicy {
  readonly startTimeoutMs: number;
  readonly startGraceMs: number;
  /** With "SIG". */
  readonly stopSignal: string;
  readonly stopTimeoutMs: number;
  readonly drain: "idle" | "signal";
  readonly drainTimeoutMs: number;
}

/**
 * What a look at the kernel showed: it waits for a request, it holds an accepted connection, it holds several (told of
 * held workers only), none of this, or the kernel does not tell.
 */
export type Sight = "waiting" | "busy" | "crowded" | "elsewhere" | "unseen";

interface Alive {
  readonly number: number;
  readonly generation: number;
  readonly pid: number;
  readonly spawnedMs: number;
}

/**
 * A slot with no process: it waits for its turn. Who follows a worker that served (`recycled`, `death`) comes at once;
 * only a death draws on the spawn budget.
 */
export interface Waiting {
  readonly state: "backoff";
  readonly number: number;
  readonly untilMs: number;
  readonly cause: "new" | "recycled" | "death" | "failure";
}
export interface Spawning {
  readonly state: "spawning";
  readonly number: number;
  readonly generation: number;
  readonly spawnedMs: number;
}
export interface Starting extends Alive {
  readonly state: "starting";
  readonly lookAtMs: number;
  readonly everyMs: number;
}
export interface Ready extends Alive {
  readonly state: "ready";
  readonly readyMs: number;
}
export interface Draining extends Alive {
  readonly state: "draining";
  readonly drainedMs: number;
  readonly lookAtMs: number;
  readonly everyMs: number;
  /** False while the answer to come is that of a look without hold, made before it was asked to leave. */
  readonly held: boolean;
}
export interface Stopping extends Alive {
  readonly state: "stopping";
  readonly signalledMs: number;
  readonly nextMs: number;
  /** The signal was said again while the worker stood still; next it is said to the running one. */
  readonly isRetold?: boolean;
  /** A late worker did not get ready in time: its end counts as an early death. */
  readonly why: "unwanted" | "late";
}
export interface Killing extends Alive {
  readonly state: "killing";
  readonly killedMs: number;
  readonly nextMs: number;
  readonly why: "unwanted" | "late";
}

export type Worker = Waiting | Spawning | Starting | Ready | Draining | Stopping | Killing;
export type StateName = Worker["state"];

export type WorkerEvent =
  | { readonly type: "spawned"; readonly pid: number }
  | { readonly type: "refused"; readonly reason: string }
  | { readonly type: "looked"; readonly sight: Sight }
  | { readonly type: "exited"; readonly exit: Exit }
  | { readonly type: "deadline" }
  | { readonly type: "retired" }
  | { readonly type: "condemned" };
export type EventType = WorkerEvent["type"];

export type Effect =
  | { readonly type: "spawn"; readonly number: number; readonly generation: number }
  | { readonly type: "signal"; readonly pid: number; readonly signal: string; readonly group: boolean }
  /** Look what the worker does. `hold`: stop its group first and leave it stopped until the answer is dealt with. */
  | { readonly type: "look"; readonly pid: number; readonly hold: boolean }
  /** Which of these workers hold no connection now? To be answered whatever happens: the idle ones leave first. */
  | { readonly type: "survey"; readonly pids: readonly number[] }
  | { readonly type: "notice"; readonly notice: Notice };

/** How a worker ended, for the pool that has to replace it. */
export type Ending =
  | {
      readonly kind: "early";
      readonly spawnedMs: number;
      readonly describe: Describe;
      /** It exited with 0: what is to be said where the program is known to work, and so has just served unseen. */
      readonly recycled?: Notice;
    }
  | { readonly kind: "died"; readonly spawnedMs: number; readonly free: boolean; readonly describe: Describe }
  | { readonly kind: "left" };
/** The notice of an early death names the wait, which the pool decides; null: nobody follows. */
export type Describe = (retryInMs: number | null) => Notice;

export interface Step {
  /** Absent: the worker is gone and its ending says how. */
  readonly worker?: Worker;
  readonly ending?: Ending;
  readonly effects: readonly Effect[];
}

export interface PoolPolicy extends WorkerPolicy, BackoffPolicy {
  readonly minServerLifeMs: number;
  readonly initStartDelayMs: number;
}

/** How workers end that are not wanted: `gracefully`, they are asked; `now`, they are killed. */
export type Haste = "gracefully" | "now";

/** What is wanted: only commands change it. */
export interface Wish {
  readonly size: number;
  /** Workers of another generation are replaced by workers of this one, new first. */
  readonly generation: number;
  /** How many more than `size` may be alive while workers are being replaced. */
  readonly batch: number;
  readonly haste: Haste;
}

/**
 * A rolling reload. While it is replacing, a failure of a new worker takes it back to the generation it came from, with
 * the policy of that. When all new workers are ready it stands, and the old ones that still finish something are leaving.
 */
export type Roll =
  | { readonly phase: "replacing"; readonly from: number; readonly policy: PoolPolicy; readonly beganMs: number }
  | { readonly phase: "leaving"; readonly from: number; readonly beganMs: number };

/** Which workers are idle: asked before one of many is chosen to leave, known for a short while. */
export type Survey =
  | { readonly state: "none" }
  | { readonly state: "asked" }
  | { readonly state: "known"; readonly idle: readonly number[]; readonly untilMs: number };

export interface Pool {
  readonly policy: PoolPolicy;
  readonly wish: Wish;
  readonly workers: readonly Worker[];
  readonly budget: Budget;
  /** Early deaths in a row; deaths of one batch count once. Zero again after a worker has lived `minServerLife`. */
  readonly failures: number;
  readonly failedMs: number;
  /** No spawn before this moment while no worker is ready, save of those that follow one that served. */
  readonly notBeforeMs: number;
  readonly spawnedMs: number;
  /** When a worker last got ready, since the last start. */
  readonly readyMs: number;
  /** Whether all wanted workers have been ready at some time since the last start. */
  readonly complete: boolean;
  readonly roll: Roll | undefined;
  readonly survey: Survey;
}

export interface Outcome {
  readonly pool: Pool;
  readonly effects: readonly Effect[];
}

export function readyCount(pool: Pool): number {
  return pool.workers.filter((worker) => worker.state === "ready").length;
}

/** A worker of another generation than the wanted one. A slot has none yet. */
export function isForeign(worker: Worker, wish: Wish): boolean {
  return worker.state !== "backoff" && worker.generation !== wish.generation;
}
