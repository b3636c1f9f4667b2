/**
 * What is there, as plain data: the one snapshot from which the table, the JSON of `status --json` and the control API
 * are made. Times are milliseconds, sizes bytes. Null: there is none, or the kernel does not tell.
 */
/** The version of this shape. It rises when a field changes its meaning or goes; new fields do not raise it. */
export const statusVersion = 1;

export interface Status {
  readonly version: typeof statusVersion;
  readonly manager: ManagerStatus;
  /** By name. */
  readonly apps: readonly AppStatus[];
  /** Apps that somebody else starts. Absent: the manager is of a version that knows none. */
  readonly externals?: readonly ExternalStatus[];
}

export interface ManagerStatus {
  readonly pid: number;
  /** Of fcgi-pm. */
  readonly version: string;
  /** The path of its control socket. */
  readonly control: string | null;
  /** The config it was started with; null for an app from flags. */
  readonly config: string | null;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly uptimeMs: number;
  readonly rssBytes: number | null;
  readonly cpuMs: number | null;
}

export interface AppStatus {
  readonly app: string;
  readonly state: "starting" | "running" | "degraded" | "backoff" | "stopping" | "stopped";
  /** Where clients connect; null for an app without a listener. */
  readonly address: string | null;
  /** Whose it is: bound by the manager, adopted from one before it, or inherited from systemd, to whom it belongs. */
  readonly listener: "bound" | "adopted" | "inherited" | null;
  /** How many workers are wanted now; 0 for a stopped app. */
  readonly wanted: number;
  readonly ready: number;
  /** Of the ready workers: those that hold at least one connection, and the others. */
  readonly busy: number | null;
  readonly idle: number | null;
  /** Connections that wait in the listener's queue. */
  readonly queue: number | null;
  /** The longest queue that was seen since the start, by whoever asked and by the manager's own looks. */
  readonly queueHighest: number | null;
  /** How many connections the kernel lets wait: listen-queue-depth, or its own cap. */
  readonly listenQueueDepth: number | null;
  readonly generation: number;
  /** The rolling reload under way: how many of the wanted workers are of the new generation. */
  readonly roll: { readonly from: number; readonly to: number; readonly done: number; readonly of: number } | null;
  /** Workers that died and were replaced, since the start. */
  readonly restarts: number;
  /** Since the app was started. */
  readonly uptimeMs: number;
  /** Of all its processes, children of workers included. Memory that they share is counted in each. */
  readonly rssBytes: number | null;
  readonly cpuMs: number | null;
  /** When the next try comes, while no worker can be spawned yet. */
  readonly nextTryInMs: number | null;
  /** The last death of a worker. */
  readonly lastExit: LastExit | null;
  readonly workers: readonly WorkerStatus[];
}

export interface WorkerStatus {
  readonly number: number;
  /** `backoff`: a slot without a process. */
  readonly state: "backoff" | "spawning" | "starting" | "ready" | "draining" | "stopping" | "killing";
  readonly generation: number | null;
  readonly pid: number | null;
  readonly ageMs: number | null;
  /** Accepted connections that it holds. */
  readonly connections: number | null;
  /** How long it has held its oldest connection, at least: since it was first seen to hold it. Null: it is not busy. */
  readonly busyMs: number | null;
  readonly rssBytes: number | null;
  readonly cpuMs: number | null;
  /** How many workers of this number died before it. */
  readonly restarts: number;
  /** How the last worker of this number died. */
  readonly lastExit: LastExit | null;
}

export interface LastExit {
  readonly worker: number;
  readonly pid: number;
  readonly exit: { readonly code: number | null; readonly signal: string | null };
  /** ISO 8601. */
  readonly at: string;
  readonly livedMs: number;
  readonly wasReady: boolean;
  /** What it wrote last, at most 20 lines. */
  readonly lastLines: readonly string[];
}

/** An app that the manager does not run. */
export interface ExternalStatus {
  readonly app: string;
  /** Whether somebody takes connections there. Null: it was not asked for. */
  readonly state: "reachable" | "unreachable" | null;
  readonly address: string;
  /** How long a connection took. Null: none was needed, or none came about. */
  readonly connectMs: number | null;
  /** Why it is unreachable. */
  readonly reason: string | null;
}
