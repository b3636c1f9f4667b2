/** What systemd is told of the manager, and when: ready, reloading, stopping, alive, and how it goes (sd_notify(3)). */
import type { AppStatus } from "../observe/status.ts";
import { statusLine } from "../observe/status-line.ts";
import { nowMs } from "../os/clock.ts";
import type { Notifier } from "../os/systemd.ts";
import { type Pool, stateOf } from "../supervision/pool.ts";
import type { Hall } from "./hall.ts";
import { statusOf } from "./snapshot.ts";

/** While something is under way, systemd is asked for so much more time, so often. */
const extendByMs = 10_000;
const extendEveryMs = 4000;

/** The status is looked up so long after something has happened, and takes at most a twentieth of the time. */
const leastPauseMs = 100;
const pauseShare = 20;

/** How long systemd may take to read what it was told. */
const barrierMs = 1000;

export interface HeraldParts {
  readonly notifier: Notifier;
  readonly hall: Hall;
  /** How often systemd wants to hear of us; absent where it does not watch. */
  readonly watchdogMs?: number | undefined;
}

export class Herald {
  readonly #notifier: Notifier;
  readonly #hall: Hall;
  readonly #watchdog: NodeJS.Timeout | undefined;
  #phase: "starting" | "serving" | "stopping" = "starting";
  /** What is to be kept open over a restart is in systemd's hands. */
  #isStored = false;
  #reloads = 0;
  #status = "";
  #report: NodeJS.Timeout | undefined;
  #pauseMs = leastPauseMs;
  #extension: NodeJS.Timeout | undefined;

  constructor({ notifier, hall, watchdogMs }: HeraldParts) {
    this.#notifier = notifier;
    this.#hall = hall;
    // Who started us may have been somebody else's child (start --daemon). As PID 1 we are in a namespace of our own,
    // and what we call our number is not what systemd calls it.
    notifier.tell([...(process.pid === 1 ? [] : [`MAINPID=${process.pid}`]), "STATUS=starting"]);
    if (watchdogMs !== undefined) this.#watchdog = setInterval(() => this.#beat(), watchdogMs / 2);
    this.#askForTime();
  }

  /** To be called when what is to be kept has been given to systemd: it does not call us ready before. */
  stored(): void {
    this.#isStored = true;
    this.stir();
  }

  /** Something has happened, to whomever. */
  stir(): void {
    if (this.#phase === "starting" && this.#isStored && isSettled(this.#hall)) this.#sayReady();
    this.#report ??= setTimeout(() => this.#sayStatus(), this.#pauseMs);
  }

  /** Somebody has looked at all apps anyway. */
  seen(apps: readonly AppStatus[]): void {
    this.#sayNews(statusLine(apps));
  }

  /** A reload begins; it is over when the function it gives is called. */
  reloading(): () => void {
    this.#reloads += 1;
    if (this.#phase === "serving") {
      const microseconds = process.hrtime.bigint() / 1000n; // CLOCK_MONOTONIC, as systemd asks for
      this.#notifier.tell(["RELOADING=1", `MONOTONIC_USEC=${microseconds}`]);
      this.#askForTime();
    }
    return () => {
      this.#reloads -= 1;
      if (this.#reloads === 0 && this.#phase === "serving") this.#sayReady();
    };
  }

  stopping(): void {
    if (this.#phase === "stopping") return;
    this.#phase = "stopping";
    this.#notifier.tell(["STOPPING=1"]);
    this.#askForTime();
    this.stir();
  }

  /** Resolves when systemd has read all that it was told, or does not in reasonable time. */
  async told(): Promise<void> {
    await this.#notifier.barrier(barrierMs);
  }

  /** Nothing is told any more. */
  async close(): Promise<void> {
    clearTimeout(this.#report);
    clearInterval(this.#extension);
    clearInterval(this.#watchdog);
    await this.told();
    this.#notifier.close();
  }

  #sayReady(): void {
    this.#phase = "serving";
    this.#notifier.tell(["READY=1", ...this.#news(this.#look())]);
    if (this.#reloads === 0) this.#askNoMore();
  }

  #sayStatus(): void {
    this.#report = undefined;
    this.#sayNews(this.#look());
  }

  #sayNews(status: string): void {
    const lines = this.#news(status);
    if (lines.length > 0) this.#notifier.tell(lines);
  }

  /** The event loop has come round: it is alive. */
  #beat(): void {
    this.#notifier.tell(["WATCHDOG=1", ...this.#news(this.#look())]);
  }

  #look(): string {
    const startedMs = nowMs();
    const line = statusLine(this.#hall.apps.map(statusOf));
    this.#pauseMs = Math.max(leastPauseMs, pauseShare * (nowMs() - startedMs));
    return line;
  }

  #news(status: string): string[] {
    if (status === this.#status) return [];
    this.#status = status;
    return [`STATUS=${status}`];
  }

  /** systemd's timeouts are for services that hang: as long as we come nearer to the end, it is to wait. */
  #askForTime(): void {
    const ask = () => this.#notifier.tell([`EXTEND_TIMEOUT_USEC=${extendByMs * 1000}`]);
    ask();
    this.#extension ??= setInterval(() => {
      if (this.#hall.everybody.some(({ pool }) => isMoving(pool))) ask();
    }, extendEveryMs);
  }

  #askNoMore(): void {
    clearInterval(this.#extension);
    this.#extension = undefined;
  }
}

/**
 * No app is still about to start, and one at least serves. An app in a crash loop keeps nobody waiting who could serve:
 * systemd would end all of them at TimeoutStartSec, again and again. Where nobody serves, that is what is to happen.
 */
function isSettled(hall: Hall): boolean {
  const states = hall.apps.map(({ pool }) => stateOf(pool));
  if (states.includes("starting")) return false;
  return states.length === 0 || states.some((state) => state !== "backoff");
}

/** Something will come of it by itself, within the app's own timeouts. */
function isMoving(pool: Pool): boolean {
  const state = stateOf(pool);
  if (state === "starting") return true;
  return (
    state !== "backoff" && pool.workers.some((worker) => /^(spawning|starting|draining|stopping)$/.test(worker.state))
  );
}
