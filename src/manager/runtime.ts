/** One pool for real: performs the law's effects and tells it what happened. One mailbox, one event at a time. */
import type { App } from "../config/app.ts";
import { Alarm, nowMs } from "../os/clock.ts";
import type { Listener } from "../os/listener.ts";
import { groupLives, type Launcher, sendSignal, whyNotSpawned } from "../os/process.ts";
import { sessionOf } from "../os/procfs.ts";
import { alarmOf, newPool, type Pool, type PoolEvent, step, type Wish } from "../supervision/pool.ts";
import { type Effect, pidOf } from "../supervision/worker.ts";
import { Deaths } from "./deaths.ts";
import { workerEnvironment } from "./environment.ts";
import { Eyes, type Sighting } from "./eyes.ts";
import type { Journal } from "./journal.ts";
import type { Notice } from "./notices.ts";
import { type Output, readOutput } from "./output.ts";
import type { Plan } from "./plan.ts";
import { policyOf } from "./policy.ts";
import { Remarks } from "./remarks.ts";

/** What the workers of one generation are made of. */
export interface Make {
  readonly plan: Plan;
  readonly launcher: Launcher;
}

export interface RuntimeParts {
  readonly name: App["name"];
  /** Of the first generation. */
  readonly make: Make;
  /** Absent for a plain supervised program. */
  readonly listener?: Listener;
  readonly journal: Journal;
  /** 1, or more where this pool follows another one of the app. */
  readonly generation: number;
}

/** Events handled in one go before others get their turn, in milliseconds: 500 spawns must not deafen the manager. */
const longestTurnMs = 5;

/** Hears every notice of the pool, as it is told, with a dead worker's last lines. */
type Listening = (notice: Notice, lastLines: readonly string[]) => void;

export class Runtime {
  readonly name: string;
  readonly listener: Listener | undefined;
  readonly startedMs = nowMs();
  readonly deaths = new Deaths();
  readonly #journal: Journal;
  readonly #makes = new Map<number, Make>();
  readonly #mailbox: PoolEvent[] = [];
  readonly #outputs = new Map<number, Output>();
  readonly #listening = new Set<Listening>();
  readonly #alarm = new Alarm(() => this.#post({ type: "alarm" }));
  /** Recycled workers whose process group outlived them: ended at the latest with the pool. */
  readonly #leftBehind = new Set<number>();
  readonly #eyes: Eyes;
  readonly #remarks: Remarks;
  #pool: Pool;
  #lastGeneration: number;
  /** How many workers there are when the app is not stopped: as configured, or as it was scaled since. */
  #processes: number;
  /** What the operator wants, whatever is being done meanwhile. `never again`: the pool is on its way out. */
  #service: "wanted" | "unwanted" | "never again" = "wanted";
  #turn: "over" | "under way" | "interrupted" = "over";

  constructor(parts: RuntimeParts) {
    this.name = parts.name;
    this.listener = parts.listener;
    this.#journal = parts.journal;
    this.#eyes = new Eyes(parts.listener);
    this.#remarks = new Remarks(parts.listener);
    this.#lastGeneration = parts.generation;
    this.#makes.set(parts.generation, parts.make);
    this.#pool = newPool(policyOf(parts.make.plan.app), nowMs(), parts.generation);
    this.#processes = parts.make.plan.app.processes;
  }

  /** What the wanted generation is made of. */
  get plan(): Plan {
    return this.#makeOf(this.#pool.wish.generation).plan;
  }

  /** What is there, as plain data. */
  get pool(): Pool {
    return this.#pool;
  }

  /** Pids of the workers that live now. */
  get pids(): number[] {
    return this.#pool.workers.map(pidOf).filter((pid) => pid !== undefined);
  }

  /** What the kernel shows of the workers, at this moment. */
  look(): Sighting {
    return this.#eyes.look(this.pids);
  }

  /** Whatever is asked of it later, it does not start again. */
  retire(haste: Wish["haste"]): void {
    this.#service = "never again";
    this.stop(haste);
  }

  /** From now on requests that wait in the queue count as work to be done before the workers may leave. */
  closeDoor(): void {
    // What waits there is for whoever comes next.
    if (this.listener?.outlivesUs() === true) return;
    this.listener?.refuseNew();
    this.#eyes.doorIsClosed = true;
  }

  get isStopped(): boolean {
    return this.#pool.wish.size === 0;
  }

  /** How many workers there are, or were before the app was stopped. */
  get processes(): number {
    return this.#processes;
  }

  /** A stopped app stays stopped and starts with so many. */
  scale(processes: number): void {
    this.#processes = processes;
    if (!this.isStopped) this.#want({ size: processes });
  }

  /** The operator wants it to run, or not. A stop outranks a restart that is under way. */
  set isWanted(isWanted: boolean) {
    if (this.#service !== "never again") this.#service = isWanted ? "wanted" : "unwanted";
  }

  get isWanted(): boolean {
    return this.#service === "wanted";
  }

  /** Unless it is not wanted any more. */
  start(): void {
    if (this.isWanted) this.#want({ size: this.#processes, haste: "gracefully" });
  }

  stop(haste: Wish["haste"]): void {
    this.#want({ size: 0, haste });
  }

  #want(wish: Partial<Wish>): void {
    this.#post({ type: "wanted", wish });
  }

  /** Takes over times and choices for the law; no worker is touched. The app's other fields are as they were. */
  adopt(plan: Plan): void {
    const { generation } = this.#pool.wish;
    this.#makes.set(generation, { ...this.#makeOf(generation), plan });
    this.#post({ type: "wanted", wish: {}, policy: policyOf(plan.app) });
  }

  /** The number that the next generation will have. */
  get nextGeneration(): number {
    return this.#lastGeneration + 1;
  }

  /** A new generation of this make is wanted. */
  roll(make: Make, batch: number): void {
    const generation = this.nextGeneration;
    this.#lastGeneration = generation;
    this.#makes.set(generation, make);
    this.#post({ type: "wanted", wish: { generation, batch }, policy: policyOf(make.plan.app) });
    if (this.isStopped) this.#forgetMakes();
  }

  /** Calls back for every notice from now on, until the function it gives is called. */
  listen(listening: Listening): () => void {
    this.#listening.add(listening);
    return () => void this.#listening.delete(listening);
  }

  #makeOf(generation: number): Make {
    const make = this.#makes.get(generation);
    if (make === undefined) throw new Error(`Nothing is known of generation ${generation} of ${this.name}`);
    return make;
  }

  #post(event: PoolEvent): void {
    // A command takes effect at once, even while a long turn is interrupted.
    if (this.#turn === "interrupted" && event.type === "wanted") this.#handle(event);
    else {
      this.#mailbox.push(event);
      if (this.#turn === "over") this.#work();
    }
  }

  #work(): void {
    try {
      this.#workOff();
    } finally {
      // Whatever went wrong, the next event is heard.
      if (this.#turn === "under way") this.#turn = "over";
    }
  }

  #workOff(): void {
    const startedMs = nowMs();
    for (let event = this.#mailbox.shift(); event !== undefined; event = this.#mailbox.shift()) {
      this.#handle(event);
      if (nowMs() - startedMs > longestTurnMs && this.#mailbox.length > 0) {
        this.#turn = "interrupted";
        setImmediate(() => this.#work());
        return;
      }
    }
    this.#turn = "over";
    this.#alarm.set(alarmOf(this.#pool, nowMs()));
  }

  #handle(event: PoolEvent): void {
    const before = this.#turn;
    this.#turn = "under way";
    const outcome = step(this.#pool, event, { nowMs: nowMs(), chance: Math.random() });
    this.#pool = outcome.pool;
    // Acts first, words after: a dead worker's successor does not wait for the sentence about its death.
    for (const effect of outcome.effects) if (effect.type !== "notice") this.#perform(effect);
    for (const effect of outcome.effects) if (effect.type === "notice") this.#tell(effect.notice);
    if (before === "interrupted") this.#turn = before;
  }

  #perform(effect: Exclude<Effect, { type: "notice" }>): void {
    switch (effect.type) {
      case "spawn":
        this.#spawn(effect.number, effect.generation);
        break;
      case "signal":
        sendSignal(effect.pid, effect.signal as NodeJS.Signals, effect.group);
        break;
      case "look":
        if (effect.hold) this.#eyes.hold(effect.pid, (sight) => this.#post({ type: "looked", pid: effect.pid, sight }));
        else this.#look(effect.pid);
        break;
      case "survey":
        this.#post({ type: "surveyed", idle: this.#eyes.idleOf(effect.pids) });
        break;
    }
  }

  #spawn(number: number, generation: number): void {
    const { plan, launcher } = this.#makeOf(generation);
    const { name: app } = this;
    try {
      const launched = launcher(workerEnvironment(plan.environment, app, number, generation));
      const { child } = launched;
      const { pid } = child;
      if (pid === undefined) {
        const { cwd } = plan.program;
        child.once("error", (error) => this.#post({ type: "refused", number, reason: whyNotSpawned(error, cwd) }));
        readOutput(launched, { app, worker: number, pid: 0 }, this.#journal);
        return;
      }
      this.#outputs.set(pid, readOutput(launched, { app, worker: number, pid }, this.#journal));
      child.once("exit", (code, signal) => this.#post({ type: "exited", pid, exit: { code, signal } }));
      this.#post({ type: "spawned", number, pid });
    } catch (error) {
      // spawn reports some errors as an event and throws others (ENOMEM, EPERM), and pipes may run out (EMFILE).
      this.#post({ type: "refused", number, reason: (error as Error).message });
    }
  }

  #look(pid: number): void {
    const sight = this.#eyes.lookAt(pid);
    if (sight === "elsewhere") this.#remark(this.#remarks.onNowhere(pid));
    this.#post({ type: "looked", pid, sight });
  }

  #tell(notice: Notice): void {
    const lastLines = this.#lastWords(notice);
    this.#journal.tell(this.name, notice, lastLines.length === 0 ? {} : { lastLines });
    if (notice.type === "worker.ready") this.#eyes.wasReady(notice.pid);
    if (notice.type === "worker.died") this.deaths.record(notice, lastLines);
    if (notice.type === "worker.recycled" && groupLives(notice.pid)) this.#leftBehind.add(notice.pid);
    if (notice.type === "pool.crash-loop" || notice.type === "roll.taken-back") this.#remark(this.#remarks.onFailure());
    if (notice.type === "pool.stopped") this.#sweep();
    if (/^roll\.(done|taken-back|given-up)$/.test(notice.type)) this.#forgetMakes();
    for (const listening of this.#listening) listening(notice, lastLines);
  }

  #remark(notice: Notice | undefined): void {
    if (notice !== undefined) this.#tell(notice);
  }

  /** What a worker wrote last, where it is of use; a dead one's pipes are read on while a grandchild holds them open. */
  #lastWords(notice: Notice): readonly string[] {
    const output = "pid" in notice ? this.#outputs.get(notice.pid) : undefined;
    const lastLines = notice.type === "worker.died" || notice.type === "worker.late" ? output?.lastWords() : undefined;
    if (isEnd(notice)) {
      this.#outputs.delete(notice.pid);
      this.#eyes.forget(notice.pid);
    }
    return lastLines ?? [];
  }

  /** Only the wanted generation can still be spawned once a roll has ended. */
  #forgetMakes(): void {
    for (const generation of this.#makes.keys()) {
      if (generation !== this.#pool.wish.generation) this.#makes.delete(generation);
    }
  }

  #sweep(): void {
    for (const leader of this.#leftBehind) {
      // A pid is not given anew while a session bears it: with the leader itself gone, these are its children.
      const members = trySession(leader);
      if (!members.includes(leader)) for (const pid of members) sendSignal(pid, "SIGKILL", false);
    }
    this.#leftBehind.clear();
  }
}

function trySession(leader: number): readonly number[] {
  try {
    return sessionOf(leader);
  } catch {
    return []; // no descriptor is left to look with
  }
}

function isEnd(
  notice: Notice,
): notice is Extract<Notice, { type: "worker.died" | "worker.recycled" | "worker.stopped" }> {
  return notice.type === "worker.died" || notice.type === "worker.recycled" || notice.type === "worker.stopped";
}
