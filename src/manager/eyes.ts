/** What one pool sees of its workers by asking the kernel, and what it remembers of earlier looks. */
import { catchBetweenRequests } from "../os/between-requests.ts";
import { nowMs } from "../os/clock.ts";
import { releaseKept, type Trace } from "../os/kept-connections.ts";
import type { Listener } from "../os/listener.ts";
import { sendSignal } from "../os/process.ts";
import { isStopped, lookAt, lookForConnections, openConnectionsOf } from "../os/procfs.ts";
import { heedsSignalFirst } from "../os/stop-point.ts";
import { surveyWorkers, type WorkerFacts } from "../os/survey.ts";
import type { Sight } from "../supervision/worker.ts";

/** How long a worker is held at most while it cannot be told what it does: SIGSTOP waits for the end of a disk read. */
const longestHoldMs = 10;

/**
 * A worker that serves several requests at once runs for 2 ms, then stands still for so long. Measured with Go under 32
 * connections that never rest, requests of 20 to 100 ms: it has none left after 0.1 to 1.2 s; without the rests, never.
 */
const crowdedHoldMs = 6;

/** A worker that computes between its requests may never be stopped in a call. */
const longestUnsafeMs = 1000;

export interface WorkerSighting extends WorkerFacts {
  /** How long it has held its oldest connection, at least. Null: it holds none. */
  readonly busyMs: number | null;
}

/** Everything at one moment. */
export interface Sighting {
  /** By pid. */
  readonly workers: ReadonlyMap<number, WorkerSighting>;
  readonly queue: { readonly length: number; readonly limit: number } | undefined;
  /** The longest queue that any look has seen. */
  readonly queueHighest: number;
}

export class Eyes {
  /** Set when no new request can come in: then those that wait in the queue are work to be done. */
  doorIsClosed = false;
  readonly #listener: Listener | undefined;
  /** When each connection that is held now was first seen, by its inode. */
  #seenMs: ReadonlyMap<number, number> = new Map();
  readonly #traces = new Map<number, Trace>();
  readonly #served = new Set<number>();
  /** Which connection a worker that drains had when it was looked at, by inode. */
  readonly #lastServed = new Map<number, number>();
  /** Since when a worker without a connection was stopped only where it might still take one. */
  readonly #unsafeSinceMs = new Map<number, number>();
  #queueHighest = 0;

  constructor(listener: Listener | undefined) {
    this.#listener = listener;
  }

  lookAt(pid: number): Sight {
    const listener = this.#listener;
    return listener === undefined ? "unseen" : attempt(() => lookAt(pid, listener), "elsewhere");
  }

  /** SIGSTOP, then look: a stopped worker takes no new connection, so that what is seen stays true until it goes on. */
  hold(pid: number, answer: (sight: Sight) => void): void {
    if (this.#listener === undefined) {
      answer("unseen");
      return;
    }
    sendSignal(pid, "SIGSTOP", true);
    this.#lookWhenStopped(pid, this.#listener, nowMs(), answer);
  }

  #lookWhenStopped(pid: number, listener: Listener, sinceMs: number, answer: (sight: Sight) => void): void {
    const isLong = nowMs() - sinceMs > longestHoldMs;
    const sight = attempt(() => (isStopped(pid) ? this.#lookAtHeld(pid, listener) : "again"), "busy");
    if (sight === "crowded") setTimeout(() => answer(sight), crowdedHoldMs);
    else if (sight !== "again") answer(sight);
    else if (isLong) answer("busy");
    else setTimeout(() => this.#lookWhenStopped(pid, listener, sinceMs, answer), 1);
  }

  /**
   * Of a stopped worker. Connections that are only kept, with nothing in flight, are ended. `again`: a little later it can
   * be told whether it was idle.
   */
  #lookAtHeld(pid: number, listener: Listener): Sight | "again" {
    if (this.doorIsClosed && this.#served.has(pid) && (this.#lookAtQueue()?.length ?? 0) > 0) return "busy";
    const step = () => this.#lookForWork(pid, listener);
    const sight = step();
    if (sight === "busy" && this.#unsafeSinceMs.has(pid)) return catchBetweenRequests(pid, step) ?? "again";
    if (sight !== "busy" && sight !== "crowded") {
      this.#traces.delete(pid);
      return sight;
    }
    const { trace, outcome } = releaseKept(pid, listener, this.#traces.get(pid));
    this.#traces.set(pid, trace);
    if (outcome === "idle") return "elsewhere";
    if (outcome === "waiting") return "again";
    if (sight === "crowded" || !this.#isHurrying(pid, listener)) return sight;
    return catchBetweenRequests(pid, step) ?? "again";
  }

  /** Who holds no connection, and yet may take one before it heeds its stop signal, is busy. */
  #lookForWork(pid: number, listener: Listener): Sight {
    const sight = lookForConnections(pid, listener);
    const isUnsafe = sight === "elsewhere" && !heedsSignalFirst(pid, this.#lookAtQueue()?.length ?? 0);
    const sinceMs = this.#unsafeSinceMs.get(pid) ?? nowMs();
    if (isUnsafe && nowMs() - sinceMs < longestUnsafeMs) this.#unsafeSinceMs.set(pid, sinceMs);
    else this.#unsafeSinceMs.delete(pid);
    return this.#unsafeSinceMs.has(pid) ? "busy" : sight;
  }

  /** It has another connection than at the look before: its requests are short, and one after the other. */
  #isHurrying(pid: number, listener: Listener): boolean {
    const [inode] = openConnectionsOf(pid, listener) ?? [];
    const before = this.#lastServed.get(pid);
    if (inode !== undefined) this.#lastServed.set(pid, inode);
    return before !== undefined && before !== inode;
  }

  /** Those of these workers that hold no connection. */
  idleOf(pids: readonly number[]): number[] {
    const facts = attempt(() => surveyWorkers(pids, this.#listener), new Map<number, WorkerFacts>());
    return [...facts].filter(([, { connections }]) => connections?.length === 0).map(([pid]) => pid);
  }

  look(pids: readonly number[]): Sighting {
    const facts = surveyWorkers(pids, this.#listener);
    const atMs = nowMs();
    const held = [...facts.values()].flatMap(({ connections }) => connections ?? []);
    this.#seenMs = new Map(held.map((inode) => [inode, this.#seenMs.get(inode) ?? atMs]));
    const queue = this.#lookAtQueue();
    const workers = [...facts].map(([pid, fact]) => [pid, { ...fact, busyMs: this.#busyMs(fact, atMs) }] as const);
    return { workers: new Map(workers), queue, queueHighest: this.#queueHighest };
  }

  wasReady(pid: number): void {
    this.#served.add(pid);
  }

  forget(pid: number): void {
    this.#served.delete(pid);
    this.#unsafeSinceMs.delete(pid);
    this.#traces.delete(pid);
    this.#lastServed.delete(pid);
  }

  #busyMs({ connections = [] }: WorkerFacts, atMs: number): number | null {
    if (connections.length === 0) return null;
    return Math.round(atMs - Math.min(...connections.map((inode) => this.#seenMs.get(inode) ?? atMs)));
  }

  #lookAtQueue(): Sighting["queue"] {
    const queue = this.#listener?.queue();
    if (queue !== undefined) this.#queueHighest = Math.max(this.#queueHighest, queue.length);
    return queue;
  }
}

/** A look may fail where the manager has no descriptor left. The law has to get an answer, and looks again. */
function attempt<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}
