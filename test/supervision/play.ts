/** Plays scripts on a clock that is a number: for tests of one worker and of a pool. */
import type { Exit, Notice } from "../../src/supervision/notice.ts";
import {
  alarmOf,
  newPool,
  type Pool,
  type PoolEvent,
  type PoolPolicy,
  step,
  type Wish,
} from "../../src/supervision/pool.ts";
import {
  type Effect,
  live,
  type Sight,
  type Step,
  type Worker,
  type WorkerEvent,
} from "../../src/supervision/worker.ts";

/** What interface.md promises where nothing is configured. */
export const defaults: PoolPolicy = {
  startTimeoutMs: 60_000,
  startGraceMs: 1000,
  minServerLifeMs: 10_000,
  restartDelayMs: 100,
  maxRestartDelayMs: 60_000,
  initStartDelayMs: 0,
  stopSignal: "SIGTERM",
  stopTimeoutMs: 10_000,
  drain: "idle",
  drainTimeoutMs: 60_000,
};

export const spawned: WorkerEvent = { type: "spawned", pid: 42 };
export const deadline: WorkerEvent = { type: "deadline" };
export const retired: WorkerEvent = { type: "retired" };
export const condemned: WorkerEvent = { type: "condemned" };

export function looked(sight: Sight): WorkerEvent {
  return { type: "looked", sight };
}

export function exited(exit: Partial<Exit>): WorkerEvent {
  return { type: "exited", exit: { code: null, signal: null, ...exit } };
}

export const recycled: Exit = { code: 0, signal: null };
export const terminated: Exit = { code: null, signal: "SIGTERM" };

/** Plays `[millisecond, event]` pairs to worker 1, whose spawn was asked for at 0. Gives the last step, effects as words. */
export function play(script: readonly (readonly [number, WorkerEvent])[], policy: Partial<PoolPolicy> = {}) {
  let worker: Worker = { state: "spawning", number: 1, generation: 1, spawnedMs: 0 };
  let last: Step = { worker, effects: [] };
  for (const [nowMs, event] of script) {
    last = live(worker, event, { nowMs, chance: 0 }, { ...defaults, ...policy });
    worker = last.worker ?? worker;
  }
  return { worker: last.worker, ending: last.ending, effects: last.effects.map(wordsOf) };
}

/** `spawn 1`, `SIGTERM 101`, `SIGKILL group 101`, `look 101`, `hold 101`, `survey 101 102`, `worker.ready 1`, `roll.advanced 2`. */
export function wordsOf(effect: Effect): string {
  switch (effect.type) {
    case "spawn":
      return `spawn ${effect.number}`;
    case "signal":
      return `${effect.signal} ${effect.group ? "group " : ""}${effect.pid}`;
    case "look":
      return `${effect.hold ? "hold" : "look"} ${effect.pid}`;
    case "survey":
      return `survey ${effect.pids.join(" ")}`;
    case "notice":
      return wordsOfNotice(effect.notice);
  }
}

function wordsOfNotice(notice: Notice): string {
  if ("number" in notice) return `${notice.type} ${notice.number}`;
  return "done" in notice ? `${notice.type} ${notice.done}` : notice.type;
}

/**
 * A pool that lives through a script. Spawns succeed at once, with pids from 101 on, surveys are answered at once, and
 * the alarm rings when it should; what looks show and who exits is up to the script.
 */
export class PoolPlay {
  readonly policy: PoolPolicy;
  readonly said: [number, string][] = [];
  readonly notices: Notice[] = [];
  pool: Pool;
  nowMs = 0;
  /** 0 draws no jitter, 1 all of it. */
  chance = 0;
  /** What comes of a spawn: `pending` leaves it under way. */
  spawning: "succeeds" | "refused" | "pending" = "succeeds";
  /** Who a survey finds idle; `pending` leaves it unanswered. */
  idle: readonly number[] | "pending" = [];
  lastPid = 100;

  constructor(policy: Partial<PoolPolicy> = {}) {
    this.policy = { ...defaults, ...policy };
    this.pool = newPool(this.policy, 0);
  }

  /** Time passes until `ms`; alarms ring on the way. */
  until(ms: number): this {
    for (let at = alarmOf(this.pool, this.nowMs); at <= ms; at = alarmOf(this.pool, this.nowMs)) {
      this.nowMs = Math.max(this.nowMs, at);
      this.tell({ type: "alarm" });
    }
    this.nowMs = ms;
    return this;
  }

  want(size: number, haste: Wish["haste"] = "gracefully"): this {
    return this.tell({ type: "wanted", wish: { size, haste } });
  }

  /** A rolling reload. */
  roll(generation: number, batch = 1, policy: Partial<PoolPolicy> = {}): this {
    return this.tell({
      type: "wanted",
      wish: { generation, batch },
      policy: { ...this.pool.policy, ...policy },
    });
  }

  looks(pid: number, sight: Sight): this {
    return this.tell({ type: "looked", pid, sight });
  }

  /** Each of these workers is seen to wait for requests. */
  ready(...pids: number[]): this {
    for (const pid of pids) this.looks(pid, "waiting");
    return this;
  }

  /** Each of these draining workers is seen to be idle, gets the stop signal and ends on it. */
  leaves(...pids: number[]): this {
    for (const pid of pids) this.looks(pid, "elsewhere").exits(pid, terminated);
    return this;
  }

  /** Each of these workers dies now, with exit code 1. */
  dies(...pids: number[]): this {
    for (const pid of pids) this.exits(pid, { code: 1, signal: null });
    return this;
  }

  exits(pid: number, exit: Exit): this {
    return this.tell({ type: "exited", pid, exit });
  }

  tell(event: PoolEvent): this {
    const outcome = step(this.pool, event, { nowMs: this.nowMs, chance: this.chance });
    this.pool = outcome.pool;
    for (const effect of outcome.effects) this.said.push([this.nowMs, wordsOf(effect)]);
    for (const effect of outcome.effects) this.#perform(effect);
    return this;
  }

  #perform(effect: Effect): void {
    if (effect.type === "notice") this.notices.push(effect.notice);
    if (effect.type === "spawn") this.#spawn(effect.number);
    if (effect.type !== "survey" || this.idle === "pending") return;
    const idle = this.idle.filter((pid) => effect.pids.includes(pid));
    this.tell({ type: "surveyed", idle });
  }

  #spawn(number: number): void {
    if (this.spawning === "refused") this.tell({ type: "refused", number, reason: "EAGAIN" });
    if (this.spawning !== "succeeds") return;
    this.lastPid += 1;
    this.tell({ type: "spawned", number, pid: this.lastPid });
  }

  /** When each spawn was asked for. */
  get spawns(): number[] {
    return this.timesOf(/^spawn \d/);
  }

  /** The signals and held looks that this worker got from `sinceMs` on, and when. */
  dealings(pid: number, sinceMs = 0): [number, string][] {
    return this.said.filter(
      ([ms, words]) => ms >= sinceMs && /^(SIG|hold|look)/.test(words) && words.endsWith(` ${pid}`),
    );
  }

  heard(notice: string): boolean {
    return this.said.some(([, words]) => words === notice);
  }

  /** `1 ready`, `2 backoff`: who is there, by number. */
  get there(): string[] {
    return this.pool.workers.map((worker) => `${worker.number} ${worker.state}`).sort();
  }

  /** The same of the workers of this generation only. */
  of(generation: number): string[] {
    const workers = this.pool.workers.filter((one) => one.state !== "backoff" && one.generation === generation);
    return workers.map((worker) => `${worker.number} ${worker.state}`).sort();
  }

  /** The notices of the rolls, in order. */
  get rolls(): string[] {
    return this.said.map(([, words]) => words).filter((words) => words.startsWith("roll."));
  }

  /** What was asked and done since `sinceMs`, notices left out. */
  deeds(sinceMs = 0): string[] {
    return this.said.filter(([ms, words]) => ms >= sinceMs && !words.includes(".")).map(([, words]) => words);
  }

  /** Nothing is due any more. */
  get rests(): boolean {
    return alarmOf(this.pool, this.nowMs) === Number.POSITIVE_INFINITY;
  }

  timesOf(pattern: RegExp): number[] {
    return this.said.filter(([, words]) => pattern.test(words)).map(([ms]) => ms);
  }
}

/** A pool whose workers are all ready at 10 ms; their pids are 101, 102, … */
export function running(size: number, policy: Partial<PoolPolicy> = {}): PoolPlay {
  const play = new PoolPlay(policy).want(size).until(10);
  for (let pid = 101; pid <= 100 + size; pid += 1) play.ready(pid);
  return play;
}
