/** Boot, serve, shut down: listeners first, then pools, then all that can wait. */
import type { Config } from "../config/app.ts";
import type { Status } from "../observe/status.ts";
import { managerTitle } from "../observe/title.ts";
import { nowMs } from "../os/clock.ts";
import type { Listener } from "../os/listener.ts";
import { proveLogFile } from "../os/log-file.ts";
import { keepDescriptorsToOurselves } from "../os/process.ts";
import { proveControlPath } from "../os/runtime-dir.ts";
import { processFacts } from "../os/survey.ts";
import { Hall } from "./hall.ts";
import { type Journal, openJournal } from "./journal.ts";
import { bindListener, type Plan, planApp } from "./plan.ts";
import { prepareDirectory, proveOutputs, Reloads } from "./reloads.ts";
import { statusOf } from "./snapshot.ts";

export interface ManagerOptions {
  readonly version: string;
  /** A socket that nobody named lies here; made when one does. */
  readonly runtimeDirectory: string;
  /** The control socket lies here, unless the config names one. */
  readonly controlDirectory: string;
  /** Bytes that the process list has for our title. */
  readonly titleRoom: number;
  /** The file that the config came from; absent for an app from flags. */
  readonly configFile?: string;
  /** Reads the config anew, for a reload. */
  reread(): Promise<Config>;
}

export interface Manager {
  /** Resolves when all workers of all apps have been ready. */
  readonly ready: Promise<void>;
  /** Resolves when commands can reach it, or when it is known that none will. */
  readonly reachable: Promise<void>;
  /** Resolves when all has ended and the listeners are released. */
  readonly stopped: Promise<void>;
  readonly journal: Journal;
  status(): Status;
  isReady(): boolean;
  /** Gracefully, or, asked again, now. */
  stop(why: string): void;
  /** Reloads all apps; what comes of it is said in the log. */
  reload(why: string): void;
  /** After a bug that leaves the state unknown: kills every worker, says why, and ends the process with status 1. */
  abort(error: unknown): void;
}

type Haste = "gracefully" | "now";

/** How long a log reader may keep us waiting at the end. */
const lastWordsMs = 2000;

/**
 * Starts every app of the config. A failure before the first spawn undoes everything and is thrown: nothing half-started.
 */
export async function startManager(config: Config, options: ManagerOptions): Promise<Manager> {
  const startedMs = nowMs();
  keepDescriptorsToOurselves();
  const { logFile, control } = config.manager;
  if (logFile !== undefined) proveLogFile(logFile);
  if (control !== undefined) proveControlPath(control, options);
  proveOutputs(config.apps);
  const plans: Plan[] = [];
  for (const app of config.apps) plans.push(await planApp(app));
  prepareDirectory(config.apps, options.runtimeDirectory);
  const bound = bindAll(plans);
  const manager = new Serving(config, options, startedMs);
  try {
    return await manager.boot(bound);
  } catch (error) {
    manager.hall.endNow();
    throw error;
  }
}

type Bound = readonly (readonly [plan: Plan, listener: Listener | undefined])[];

function bindAll(plans: readonly Plan[]): Bound {
  const bound: [Plan, Listener | undefined][] = [];
  try {
    for (const plan of plans) bound.push([plan, bindListener(plan)]);
    return bound;
  } catch (error) {
    for (const [, listener] of bound) listener?.release();
    throw error;
  }
}

/** The manager from its first spawn to its end. */
class Serving implements Manager {
  readonly hall: Hall;
  readonly journal: Journal;
  readonly ready: Promise<void>;
  readonly reachable: Promise<void>;
  readonly stopped: Promise<void>;
  readonly #config: Config;
  readonly #options: ManagerOptions;
  readonly #startedMs: number;
  readonly #startedAt = new Date().toISOString();
  readonly #reloads: Reloads;
  /** What was opened after the start and has to be closed at the end. */
  readonly #closers: (() => Promise<void>)[] = [];
  #control: string | undefined;
  #stopping: Promise<void> | undefined;
  #isReady = false;
  #tellReady = () => {};
  #tellReachable = () => {};
  #tellStopped = () => {};
  #watch = (_apps: readonly Plan["app"][]) => {};

  constructor(config: Config, options: ManagerOptions, startedMs: number) {
    this.#config = config;
    this.#options = options;
    this.#startedMs = startedMs;
    this.journal = openJournal();
    this.hall = new Hall(this.journal, config.manager.logFormat);
    this.ready = new Promise((resolve) => {
      this.#tellReady = resolve;
    });
    this.reachable = new Promise((resolve) => {
      this.#tellReachable = resolve;
    });
    this.stopped = new Promise((resolve) => {
      this.#tellStopped = resolve;
    });
    const { runtimeDirectory, reread } = options;
    const onChange = () => this.#announce();
    this.#reloads = new Reloads({ hall: this.hall, config, runtimeDirectory, reread, onChange });
  }

  /** The workers come first; what operators need is loaded while they start. */
  async boot(bound: Bound): Promise<Manager> {
    const { journal, hall } = this;
    const apps = this.#config.apps.map((app) => app.name);
    journal.tell(undefined, { type: "manager.started", apps, version: this.#options.version });
    for (const [plan, listener] of bound) hall.enthrone(hall.raise(plan, listener));
    this.#setTitle();
    this.#awaitReady();
    for (const runtime of hall.apps) runtime.start();
    await this.#openLog();
    // A stop may have come already, and what is opened late is closed at once.
    this.#openControl().catch((error: Error) => {
      const { controlDirectory: path } = this.#options;
      this.journal.tell(undefined, { type: "control.unavailable", path, reason: error.message });
      this.#tellReachable();
    });
    return this;
  }

  isReady(): boolean {
    return this.#isReady;
  }

  status(): Status {
    return { version: 1, manager: this.#describe(), apps: this.hall.apps.map(statusOf) };
  }

  stop(why: string): void {
    void this.#stop(why, this.#stopping === undefined ? "gracefully" : "now");
  }

  reload(why: string): void {
    const { journal } = this;
    journal.tell(undefined, { type: "manager.reloading", why });
    this.#reloads.reload(undefined, {}).then(
      (outcomes) => {
        const failed = outcomes.filter(({ result }) => result !== "done");
        const type = failed.length === 0 ? "manager.reloaded" : "manager.reload-failed";
        const apps = (failed.length === 0 ? outcomes : failed).map(({ app }) => app);
        journal.tell(undefined, { type, apps });
      },
      (error: Error) => journal.tell(undefined, { type: "manager.refuses-reload", reason: error.message }),
    );
  }

  abort(error: unknown): never {
    this.hall.endNow();
    const what = error instanceof Error ? error.stack : String(error);
    process.stderr.write(`error: this is a bug in fcgi-pm, all workers have been ended\n${what}\n`);
    process.exit(1);
  }

  #awaitReady(): void {
    const missing = new Set(this.hall.apps);
    for (const runtime of missing) {
      const stop = runtime.listen(({ type }) => {
        // Who is stopped or removed before it was ready keeps nobody waiting.
        if (type !== "pool.ready" && type !== "pool.stopped") return;
        stop();
        missing.delete(runtime);
        if (missing.size > 0 || this.hall.isClosing) return;
        this.#isReady = true;
        this.journal.tell(undefined, { type: "manager.ready", tookMs: Math.round(nowMs() - this.#startedMs) });
        this.#tellReady();
      });
    }
  }

  async #openLog(): Promise<void> {
    const { logFormat: format, logFile: file } = this.#config.manager;
    for (const { plan } of this.hall.apps) void this.journal.openOutput(plan.app, format);
    const { openLog } = await import("../os/log.ts");
    this.journal.attach(openLog({ format, ...(file === undefined ? {} : { file }) }));
  }

  async #openControl(): Promise<void> {
    const { openControlRoom } = await import("./control-room.ts");
    const room = await openControlRoom({
      hall: this.hall,
      reloads: this.#reloads,
      control: this.#config.manager.control,
      directory: this.#options.controlDirectory,
      manager: () => this.#describe(),
      stop: (why, haste) => this.#stop(why, haste),
    });
    this.#control = room.path;
    if (this.#stopping !== undefined) await room.close();
    else this.#closers.push(() => room.close());
    this.#watch = room.watch;
    this.#announce();
    this.#tellReachable();
  }

  /** Which apps there are is known to the process list and to the watch on their files. */
  #announce(): void {
    this.#setTitle();
    if (this.#stopping === undefined) this.#watch(this.hall.apps.map(({ plan }) => plan.app));
  }

  #setTitle(): void {
    process.title = managerTitle(
      this.hall.apps.map(({ name }) => name),
      this.#options.titleRoom,
    );
  }

  #stop(why: string, haste: Haste): Promise<void> {
    this.journal.tell(undefined, { type: haste === "now" ? "manager.killing" : "manager.stopping", why });
    const everybodyGone = this.hall.stopAll(haste);
    this.#stopping ??= everybodyGone.then(() => {
      this.hall.release();
      // Whoever asked for the end hears of it first.
      setImmediate(() => void this.#close());
    });
    return this.#stopping;
  }

  async #close(): Promise<void> {
    for (const close of this.#closers) await close();
    this.journal.tell(undefined, { type: "manager.stopped" });
    await this.journal.close(lastWordsMs);
    this.#tellStopped();
  }

  #describe(): Status["manager"] {
    const facts = processFacts(process.pid);
    return {
      pid: process.pid,
      version: this.#options.version,
      control: this.#control ?? null,
      config: this.#options.configFile ?? null,
      startedAt: this.#startedAt,
      uptimeMs: Math.round(nowMs() - this.#startedMs),
      rssBytes: facts?.rssBytes ?? null,
      cpuMs: facts?.cpuMs ?? null,
    };
  }
}
