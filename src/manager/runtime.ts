/** One pool for real: performs the law's effects and tells it what happened. One mailbox, one event at a time. */
import type { App } from "../config/app.ts";
import { Alarm, nowMs } from "../os/clock.ts";
import type { Listener } from "../os/listener.ts";
import { groupLives, type Launcher, sendSignal } from "../os/process.ts";
import { isNonBlocking, isStopped, lookAt, lookForConnections, sessionOf } from "../os/procfs.ts";
import { alarmOf, newPool, type Pool, type PoolEvent, step, type Wish } from "../supervision/pool.ts";
import { type Effect, pidOf } from "../supervision/worker.ts";
import { type Environment, workerEnvironment } from "./environment.ts";
import type { Journal } from "./journal.ts";
import type { Notice } from "./notices.ts";
import { type Output, readOutput } from "./output.ts";
import { policyOf } from "./policy.ts";

export interface RuntimeParts {
  readonly app: App;
  /** Absent for a plain supervised program. */
  readonly listener?: Listener;
  readonly launcher: Launcher;
  readonly environment: Environment;
  readonly journal: Journal;
  /** Called after every notice of the law. */
  readonly onNotice: (notice: Notice) => void;
}

/** Events handled in one go before others get their turn, in milliseconds: 500 spawns must not deafen the manager. */
const longestTurnMs = 5;

/** How long SIGSTOP may take to reach all threads; a process in the middle of a disk read does not stop at once. */
const longestHoldMs = 50;

export class Runtime {
  readonly #parts: RuntimeParts;
  readonly #mailbox: PoolEvent[] = [];
  readonly #outputs = new Map<number, Output>();
  readonly #alarm = new Alarm(() => this.#post({ type: "alarm" }));
  /** Recycled workers whose process group outlived them: ended at the latest with the pool. */
  readonly #leftBehind = new Set<number>();
  #pool: Pool;
  #working = false;
  #takenSaid = false;
  #nonBlockingSaid = false;

  constructor(parts: RuntimeParts) {
    this.#parts = parts;
    this.#pool = newPool(policyOf(parts.app), nowMs());
  }

  get app(): App {
    return this.#parts.app;
  }

  /** What is there, as plain data. */
  get pool(): Pool {
    return this.#pool;
  }

  want(wish: Partial<Wish>): void {
    this.#post({ type: "wanted", wish: { ...this.#pool.wish, ...wish } });
  }

  #post(event: PoolEvent): void {
    this.#mailbox.push(event);
    if (!this.#working) this.#work();
  }

  #work(): void {
    this.#working = true;
    const startedMs = nowMs();
    for (let event = this.#mailbox.shift(); event !== undefined; event = this.#mailbox.shift()) {
      const outcome = step(this.#pool, event, { nowMs: nowMs(), chance: Math.random() });
      this.#pool = outcome.pool;
      // Acts first, words after: a dead worker's successor does not wait for the sentence about its death.
      for (const effect of outcome.effects) if (effect.type !== "notice") this.#perform(effect);
      for (const effect of outcome.effects) if (effect.type === "notice") this.#tell(effect.notice);
      if (nowMs() - startedMs > longestTurnMs && this.#mailbox.length > 0) {
        setImmediate(() => this.#work());
        return;
      }
    }
    this.#working = false;
    this.#alarm.set(alarmOf(this.#pool, nowMs()));
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
        if (effect.hold) this.#hold(effect.pid);
        else this.#look(effect.pid);
        break;
    }
  }

  #spawn(number: number, generation: number): void {
    const { app, environment, launcher, journal } = this.#parts;
    try {
      const launched = launcher(workerEnvironment(environment, app.name, number, generation));
      const { child } = launched;
      const { pid } = child;
      if (pid === undefined) {
        child.once("error", (error) => this.#post({ type: "refused", number, reason: error.message }));
        readOutput(launched, { app: app.name, worker: number, pid: 0 }, journal);
        return;
      }
      this.#outputs.set(pid, readOutput(launched, { app: app.name, worker: number, pid }, journal));
      child.once("exit", (code, signal) => this.#post({ type: "exited", pid, exit: { code, signal } }));
      this.#post({ type: "spawned", number, pid });
    } catch (error) {
      // spawn reports some errors as an event and throws others (ENOMEM, EPERM), and pipes may run out (EMFILE).
      this.#post({ type: "refused", number, reason: (error as Error).message });
    }
  }

  #look(pid: number): void {
    const { listener } = this.#parts;
    const sight = listener === undefined ? "unseen" : lookAt(pid, listener);
    if (sight === "elsewhere") this.#checkName(pid);
    this.#post({ type: "looked", pid, sight });
  }

  /** SIGSTOP, then look: a stopped worker takes no new connection, so that what is seen stays true. */
  #hold(pid: number): void {
    const { listener } = this.#parts;
    if (listener === undefined) {
      this.#post({ type: "looked", pid, sight: "unseen" });
      return;
    }
    sendSignal(pid, "SIGSTOP", true);
    this.#lookWhenStopped(pid, listener, nowMs() + longestHoldMs);
  }

  #lookWhenStopped(pid: number, listener: Listener, untilMs: number): void {
    if (isStopped(pid)) this.#post({ type: "looked", pid, sight: lookForConnections(pid, listener) });
    else if (nowMs() > untilMs) this.#post({ type: "looked", pid, sight: "busy" });
    else setTimeout(() => this.#lookWhenStopped(pid, listener, untilMs), 1);
  }

  #tell(notice: Notice): void {
    const { app, journal, onNotice } = this.#parts;
    journal.tell(app.name, notice, this.#lastWords(notice));
    if (notice.type === "worker.recycled" && groupLives(notice.pid)) this.#leftBehind.add(notice.pid);
    if (notice.type === "pool.crash-loop") this.#explainLoop();
    if (notice.type === "pool.stopped") this.#sweep();
    onNotice(notice);
  }

  /** What a worker wrote last, where it is of use; a dead one's pipes are read on while a grandchild holds them open. */
  #lastWords(notice: Notice): { lastLines?: readonly string[] } {
    const output = "pid" in notice ? this.#outputs.get(notice.pid) : undefined;
    const lastLines = notice.type === "worker.died" || notice.type === "worker.late" ? output?.lastWords() : undefined;
    if (isEnd(notice)) this.#outputs.delete(notice.pid);
    return lastLines === undefined || lastLines.length === 0 ? {} : { lastLines };
  }

  /** A worker that does not come to wait on our listener may have bound the path for itself. */
  #checkName(pid: number): void {
    const { listener } = this.#parts;
    if (listener === undefined || this.#takenSaid || listener.isOurs()) return;
    this.#takenSaid = true;
    const remedy =
      `The program (process ${pid}) opens this socket itself: let it take its listener from fd 0 ` +
      "(flup: WSGIServer(app).run() without bindAddress), or give it another path";
    this.#tell({ type: "listener.taken", address: listener.address, remedy });
  }

  /** libfcgi, PHP and what is built on them take EAGAIN from accept for the end and exit with 0, without a word. */
  #explainLoop(): void {
    const { listener } = this.#parts;
    if (listener === undefined || this.#nonBlockingSaid || !isNonBlocking(listener.fd)) return;
    this.#nonBlockingSaid = true;
    const remedy =
      "Some program set O_NONBLOCK on fd 0; programs that do so and programs built on libfcgi cannot share a socket. " +
      "The flag stays until fcgi-pm is started anew";
    this.#tell({ type: "listener.non-blocking", remedy });
  }

  #sweep(): void {
    for (const leader of this.#leftBehind) {
      // A pid is not given anew while a session bears it: with the leader itself gone, these are its children.
      const members = sessionOf(leader);
      if (!members.includes(leader)) for (const pid of members) sendSignal(pid, "SIGKILL", false);
    }
    this.#leftBehind.clear();
  }

  /** Pids of the workers that live now. */
  get pids(): number[] {
    return this.#pool.workers.map(pidOf).filter((pid) => pid !== undefined);
  }
}

function isEnd(
  notice: Notice,
): notice is Extract<Notice, { type: "worker.died" | "worker.recycled" | "worker.stopped" }> {
  return notice.type === "worker.died" || notice.type === "worker.recycled" || notice.type === "worker.stopped";
}
