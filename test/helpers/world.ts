/**
 * A simulated world for the law (src/supervision): processes with fates, a clock that is a number, news that come late
 * and out of order. It performs the effects as manager/runtime.ts does and delivers events; whoever watches it judges.
 */
import type { Exit } from "../../src/supervision/notice.ts";
import {
  alarmOf,
  newPool,
  type Pool,
  type PoolEvent,
  type PoolPolicy,
  step,
  type Wish,
} from "../../src/supervision/pool.ts";
import type { Effect, Sight } from "../../src/supervision/worker.ts";
import { Agenda } from "./agenda.ts";

/** What becomes of a process if nobody touches it. Times are its own: they stand still while it is stopped. */
export interface Fate {
  /** Waits for requests after so long; Infinity: never. */
  readonly bootMs: number;
  readonly death: { readonly afterMs: number; readonly exit: Exit } | undefined;
  readonly onStop: "dies" | "finishes" | "ignores";
  /** Once it has booted it is idle for so long, then busy for so long, over and over. */
  readonly idleMs: number;
  readonly busyMs: number;
  /** When it is busy it holds several connections. */
  readonly crowd: boolean;
  /** How long the kernel takes to end it after SIGKILL. */
  readonly lingersMs: number;
}

export interface Nature {
  /** The first holds from the start, commands bring the others. */
  readonly policies: readonly PoolPolicy[];
  /** Each generation of workers has its own set of fates; when there are no more it begins with the first again. */
  readonly generations: readonly (readonly Fate[])[];
  /** What the kernel tells when it is asked. */
  readonly sight: "seen" | "unseen" | "at times";
  /** Of so many spawns one is refused; 0: none. */
  readonly refusesOneIn: number;
  /** Whether some news come very late. */
  readonly tardy: boolean;
  readonly seed: number;
}

/** What an operator asks for: what is absent stays as it is. */
export interface Command {
  readonly wish: Partial<Omit<Wish, "generation">>;
  /** A new generation, which nobody has seen before. */
  readonly rolls?: boolean;
  /** Which of the policies comes with it. */
  readonly policy?: number | undefined;
}

export interface Process {
  readonly pid: number;
  readonly number: number;
  readonly generation: number;
  readonly fate: Fate;
  state: "runs" | "stopped" | "dead";
  /** Its own age at the world's `sinceMs`. */
  ageMs: number;
  sinceMs: number;
  /** At which age it ends by itself, and how. */
  end: { ageMs: number; exit: Exit } | undefined;
  stopPending: boolean;
  /** Counts its changes of plan: an appointment with another count is void. */
  plan: number;
  /** Held looks whose answer is under way. */
  holds: number;
  /** When the law was told of it, and when of its end. */
  knownMs: number | undefined;
  reported: boolean;
  /** What the law said and did about it, and when first. */
  readyMs: number | undefined;
  lateMs: number | undefined;
  askedMs: number | undefined;
  signalledMs: number | undefined;
  killedMs: number | undefined;
}

export interface Watcher {
  /** An event is about to be told to the law. */
  happens(world: World, event: PoolEvent): void;
  /** An effect is about to be performed; `world.pool` is the law's answer already. */
  asked(world: World, effect: Effect): void;
  /** All effects of one event are performed. */
  settled(world: World, event: PoolEvent): void;
}

type Appointment = { readonly atMs: number; order: number } & (
  | { readonly kind: "tell"; readonly event: PoolEvent; readonly held: Process | undefined }
  | { readonly kind: "end"; readonly process: Process; readonly plan: number }
  | { readonly kind: "observe"; readonly process: Process }
);

/** The alarm rings at most so much too late. */
export const latestRingMs = 50;
/** No news is longer on its way than this. */
export const latestNewsMs = 900;

/** Taken once: Jest runs tests in a context where each look at a global costs a hundred times as much. */
const { floor, imul, max, min } = Math;
const never = Number.POSITIVE_INFINITY;

/** What every process is like once the world has calmed down. */
const benign: Fate = {
  bootMs: 20,
  death: undefined,
  onStop: "finishes",
  idleMs: 40,
  busyMs: 10,
  crowd: false,
  lingersMs: 0,
};

export class World {
  readonly nature: Nature;
  /** Processes whose end the law has not been told yet. */
  readonly processes = new Map<number, Process>();
  pool: Pool;
  nowMs = 0;
  /** For when the law wants to be woken. */
  alarmMs = never;
  /** Processes that live, told or not. */
  living = 0;
  /** Events told to the law. */
  told = 0;
  /** When the last command reaches the law. */
  wishedMs = 0;
  /** The newest that was asked for. */
  lastGeneration = 1;
  /** The last events and effects, for the report of a failure. */
  readonly past: (readonly [number, unknown])[] = [];
  readonly #watcher: Watcher;
  readonly #agenda = new Agenda<Appointment>();
  #calm = false;
  #nextPid = 100;
  #random: number;
  #ringLateMs = 0;

  constructor(nature: Nature, watcher: Watcher) {
    this.nature = nature;
    this.pool = newPool(nature.policies[0] as PoolPolicy, 0);
    this.#watcher = watcher;
    this.#random = nature.seed;
  }

  /** A command of the operator reaches the law at `atMs`. */
  command({ wish, rolls, policy }: Command, atMs: number): void {
    this.wishedMs = atMs;
    if (rolls) this.lastGeneration += 1;
    const generation = rolls ? { generation: this.lastGeneration } : {};
    const chosen = policy === undefined ? undefined : this.nature.policies[policy % this.nature.policies.length];
    const brought = chosen === undefined ? {} : { policy: chosen };
    this.#tellLater({ type: "wanted", wish: { ...wish, ...generation }, ...brought }, atMs - this.nowMs);
  }

  /** From now on whoever is spawned gets ready and lives on, and nobody dies by itself. */
  calmDown(): void {
    this.#calm = true;
    for (const process of this.processes.values()) {
      if (process.state === "dead" || process.killedMs !== undefined || process.signalledMs !== undefined) continue;
      process.end = undefined;
      process.plan += 1;
    }
  }

  stirUp(): void {
    this.#calm = false;
  }

  /** Plays on until the law has been told one more event; false when nothing is to come. */
  advance(): boolean {
    for (;;) {
      const next = this.#agenda.first();
      const ringMs = max(this.nowMs, this.alarmMs + this.#ringLateMs);
      if (next === undefined && ringMs === never) return false;
      if (next === undefined || ringMs < next.atMs) return this.#ring(ringMs);
      this.#agenda.takeFirst();
      this.nowMs = max(this.nowMs, next.atMs);
      if (this.#keep(next)) return true;
    }
  }

  isBusy(process: Process): boolean {
    const { bootMs, idleMs, busyMs } = process.fate;
    const servedMs = this.#ageOf(process) - bootMs;
    return process.state !== "dead" && servedMs >= 0 && servedMs % (idleMs + busyMs) >= idleMs;
  }

  hasBooted(process: Process): boolean {
    return this.#ageOf(process) >= process.fate.bootMs;
  }

  #ring(ringMs: number): true {
    this.nowMs = ringMs;
    this.#tell({ type: "alarm" });
    return true;
  }

  /** Keeps an appointment. True when it was one with the law. */
  #keep(appointment: Appointment): boolean {
    switch (appointment.kind) {
      case "tell":
        if (appointment.held !== undefined) appointment.held.holds -= 1;
        this.#tell(appointment.event);
        return true;
      case "end":
        if (appointment.plan === appointment.process.plan) this.#die(appointment.process);
        return false;
      case "observe":
        this.#answer(appointment.process, this.#connectionsOf(appointment.process), true);
        return false;
    }
  }

  #tell(event: PoolEvent): void {
    this.told += 1;
    this.#remember(event);
    this.#watcher.happens(this, event);
    const outcome = step(this.pool, event, { nowMs: this.nowMs, chance: this.#chance() });
    this.pool = outcome.pool;
    for (const effect of outcome.effects) {
      this.#remember(effect);
      this.#watcher.asked(this, effect);
      this.#perform(effect);
    }
    this.alarmMs = alarmOf(this.pool, this.nowMs);
    this.#watcher.settled(this, event);
    this.#ringLateMs = this.#chance() < 0.1 ? this.#chance() * latestRingMs : this.#chance();
  }

  #remember(what: unknown): void {
    this.past.push([this.nowMs, what]);
    if (this.past.length > 400) this.past.splice(0, 300);
  }

  #perform(effect: Effect): void {
    if (effect.type === "spawn") this.#spawn(effect.number, effect.generation);
    if (effect.type === "survey") this.#survey(effect.pids);
    if (effect.type === "notice") return;
    const process = "pid" in effect ? this.processes.get(effect.pid) : undefined;
    if (process === undefined) return;
    if (effect.type === "signal") this.#signal(process, effect.signal);
    if (effect.type === "look") this.#look(process, effect.hold);
  }

  #spawn(number: number, generation: number): void {
    const { refusesOneIn, generations } = this.nature;
    if (!this.#calm && refusesOneIn > 0 && this.#chance() < 1 / refusesOneIn) {
      this.#tellLater({ type: "refused", number, reason: "EAGAIN" }, this.#delayMs(3));
      return;
    }
    const fates = generations[(generation - 1) % generations.length] ?? [];
    const fate = this.#calm ? benign : (fates[floor(this.#chance() * fates.length)] ?? benign);
    const process = newProcess(this.#nextPid, number, generation, fate, this.nowMs);
    this.#nextPid += 1;
    this.processes.set(process.pid, process);
    this.living += 1;
    this.#plan(process);
    this.#tellLater({ type: "spawned", number, pid: process.pid }, this.#delayMs(3));
  }

  #signal(process: Process, signal: string): void {
    if (process.state === "dead" || (process.killedMs !== undefined && signal !== "SIGKILL")) return;
    if (signal === "SIGKILL") this.#kill(process);
    else if (signal === "SIGCONT") this.#resume(process);
    else if (process.state === "stopped") process.stopPending = true;
    else this.#takeStop(process);
  }

  /** Who holds no connection at this moment, as far as the kernel tells. */
  #survey(pids: readonly number[]): void {
    const isIdle = (pid: number) => {
      const process = this.processes.get(pid);
      return process !== undefined && process.state !== "dead" && !this.isBusy(process) && !this.#isBlind();
    };
    this.#tellLater({ type: "surveyed", idle: pids.filter(isIdle) }, this.#delayMs(latestNewsMs));
  }

  /** SIGSTOP, if asked for, and then what is seen: while it is held, the answer stays true. */
  #look(process: Process, hold: boolean): void {
    if (!hold) {
      this.#answer(process, this.#sightOf(process), false);
      return;
    }
    process.holds += 1;
    if (process.state === "runs" && process.killedMs === undefined) {
      process.ageMs = this.#ageOf(process);
      process.state = "stopped";
      process.plan += 1;
    }
    this.#agenda.add({ order: 0, kind: "observe", process, atMs: this.nowMs + this.#delayMs(50) });
  }

  #answer(process: Process, sight: Sight, held: boolean): void {
    const event: PoolEvent = { type: "looked", pid: process.pid, sight };
    const atMs = this.nowMs + this.#delayMs(latestNewsMs - 100);
    this.#agenda.add({ order: 0, kind: "tell", event, held: held ? process : undefined, atMs });
  }

  #sightOf(process: Process): Sight {
    if (process.state === "dead") return "elsewhere";
    if (this.#isBlind()) return "unseen";
    if (this.isBusy(process)) return "busy";
    return this.hasBooted(process) ? "waiting" : "elsewhere";
  }

  /** As os/procfs.ts answers for a worker that was told to stop: only connections count, and "busy" if it runs on. */
  #connectionsOf(process: Process): Sight {
    if (process.state === "dead") return "elsewhere";
    if (process.state === "runs") return "busy";
    if (this.#isBlind()) return "unseen";
    if (!this.isBusy(process)) return "elsewhere";
    return process.fate.crowd ? "crowded" : "busy";
  }

  #isBlind(): boolean {
    const { sight } = this.nature;
    return sight === "unseen" || (sight === "at times" && this.#chance() < 0.2);
  }

  #resume(process: Process): void {
    if (process.state !== "stopped") return;
    process.state = "runs";
    process.sinceMs = this.nowMs;
    if (process.stopPending) this.#takeStop(process);
    else this.#plan(process);
  }

  #takeStop(process: Process): void {
    process.stopPending = false;
    const { onStop, bootMs, idleMs, busyMs } = process.fate;
    const ageMs = this.#ageOf(process);
    const finishes = onStop === "finishes" && this.isBusy(process);
    const restMs = finishes ? idleMs + busyMs - ((ageMs - bootMs) % (idleMs + busyMs)) : this.#chance();
    const exit = onStop === "finishes" ? { code: 0, signal: null } : { code: null, signal: "SIGTERM" };
    const isSooner = process.end === undefined || process.end.ageMs > ageMs + restMs;
    if (onStop !== "ignores" && isSooner) process.end = { ageMs: ageMs + restMs, exit };
    this.#plan(process);
  }

  #kill(process: Process): void {
    if (process.killedMs !== undefined) return;
    process.killedMs = this.nowMs;
    process.end = { ageMs: 0, exit: { code: null, signal: "SIGKILL" } };
    process.plan += 1;
    const atMs = this.nowMs + process.fate.lingersMs + this.#chance();
    this.#agenda.add({ order: 0, kind: "end", process, plan: process.plan, atMs });
  }

  /** Makes the appointment with its end anew. */
  #plan(process: Process): void {
    process.plan += 1;
    if (process.end === undefined) return;
    const atMs = this.nowMs + max(0, process.end.ageMs - this.#ageOf(process));
    this.#agenda.add({ order: 0, kind: "end", process, plan: process.plan, atMs });
  }

  #die(process: Process): void {
    process.ageMs = this.#ageOf(process);
    process.state = "dead";
    this.living -= 1;
    const exit = process.end?.exit ?? { code: 0, signal: null };
    // Nobody hears of an end before the beginning: Node reports exits after spawn has returned.
    this.#tellLater({ type: "exited", pid: process.pid, exit }, 3 + this.#delayMs(200));
  }

  #ageOf(process: Process): number {
    return process.state === "runs" ? process.ageMs + this.nowMs - process.sinceMs : process.ageMs;
  }

  #tellLater(event: PoolEvent, inMs: number): void {
    this.#agenda.add({ order: 0, kind: "tell", event, held: undefined, atMs: this.nowMs + inMs });
  }

  /** Mostly at once, sometimes after a moment, in a tardy world now and then as late as can be. */
  #delayMs(latestMs: number): number {
    const draw = this.#chance();
    if (draw < 0.6) return 0;
    return (draw < 0.97 || !this.nature.tardy ? min(latestMs, 3) : latestMs) * this.#chance();
  }

  /** 0 to 1, from the seed (mulberry32). */
  #chance(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let mixed = imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    mixed = (mixed + imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

function newProcess(pid: number, number: number, generation: number, fate: Fate, nowMs: number): Process {
  const end = fate.death === undefined ? undefined : { ageMs: fate.death.afterMs, exit: fate.death.exit };
  const body = { state: "runs", ageMs: 0, sinceMs: nowMs, end, stopPending: false, plan: 0, holds: 0 } as const;
  const unsaid = { knownMs: undefined, reported: false, readyMs: undefined, lateMs: undefined };
  return {
    pid,
    number,
    generation,
    fate,
    ...body,
    ...unsaid,
    askedMs: undefined,
    signalledMs: undefined,
    killedMs: undefined,
  };
}
