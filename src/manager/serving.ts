/** The manager at work: serves, reloads, shuts down. */
import type { Config } from "../config/app.ts";
import type { FcgiPmError } from "../errors.ts";
import type { Status } from "../observe/status.ts";
import { managerTitle } from "../observe/title.ts";
import { nowMs } from "../os/clock.ts";
import { sayError } from "../os/journal-stream.ts";
import type { Listener } from "../os/listener.ts";
import { processFacts } from "../os/survey.ts";
import type { Grants, Notifier } from "../os/systemd.ts";
import type { Haste } from "../supervision/life.ts";
import type { Manager, ManagerOptions } from "./contract.ts";
import type { Doors } from "./doors.ts";
import { watchForExit } from "./exit-on.ts";
import type { Asker } from "./farewell.ts";
import { Hall } from "./hall.ts";
import { Herald } from "./herald.ts";
import { type Journal, openJournal } from "./journal.ts";
import type { Plan } from "./plan.ts";
import { Reloads } from "./reloads.ts";
import { statusOf } from "./snapshot.ts";

/** How long a log reader may keep us waiting at the end. */
const lastWordsMs = 2000;

/** Each app with its listener, if it has one. */
export type Bound = readonly (readonly [plan: Plan, listener: Listener | undefined])[];

export interface ServingParts {
  readonly config: Config;
  readonly options: ManagerOptions;
  readonly startedMs: number;
  readonly doors: Doors;
  readonly grants: Grants;
  readonly notifier: Notifier | undefined;
}

/** The manager from its first spawn to its end. */
export class Serving implements Manager {
  readonly hall: Hall;
  readonly journal: Journal;
  readonly ready: Promise<void>;
  readonly reachable: Promise<void>;
  readonly stopped: Promise<void>;
  failure: FcgiPmError | undefined;
  readonly #config: Config;
  readonly #options: ManagerOptions;
  readonly #startedMs: number;
  readonly #startedAt = new Date().toISOString();
  readonly #reloads: Reloads;
  readonly #doors: Doors;
  readonly #grants: Grants;
  /** Absent where no systemd listens. */
  readonly #herald: Herald | undefined;
  /** What was opened after the start and has to be closed at the end. */
  readonly #closers: (() => Promise<void>)[] = [];
  #control: string | undefined;
  #stopping: Promise<void> | undefined;
  #haste: Haste = "gracefully";
  /** systemd has not said yet what the end means. */
  #isAsking = false;
  #isReady = false;
  #tellReady = () => {};
  #tellReachable = () => {};
  #tellStopped = () => {};
  #watch = (_apps: readonly Plan["app"][]) => {};

  constructor({ config, options, startedMs, doors, grants, notifier }: ServingParts) {
    this.#config = config;
    this.#options = options;
    this.#startedMs = startedMs;
    this.journal = openJournal();
    this.hall = new Hall(this.journal, config.manager.logFormat);
    this.hall.externals = config.externals;
    this.ready = new Promise((resolve) => {
      this.#tellReady = resolve;
    });
    this.reachable = new Promise((resolve) => {
      this.#tellReachable = resolve;
    });
    this.stopped = new Promise((resolve) => {
      this.#tellStopped = resolve;
    });
    this.#doors = doors;
    this.#grants = grants;
    const { hall } = this;
    this.#herald = notifier && new Herald({ notifier, hall, watchdogMs: grants.watchdogMs });
    const { runtimeDirectory, reread } = options;
    const onChange = () => this.#announce();
    const onReload = () => this.#herald?.reloading() ?? (() => {});
    this.#reloads = new Reloads({ hall, config, runtimeDirectory, doors, reread, onReload, onChange });
  }

  /** The workers come first; what operators need is loaded while they start. */
  async boot(bound: Bound): Promise<Manager> {
    const { journal, hall } = this;
    const apps = this.#config.apps.map((app) => app.name);
    journal.tell(undefined, { type: "manager.started", apps, version: this.#options.version });
    this.#doors.report((app, notice) => journal.tell(app, notice));
    for (const [plan, listener] of bound) hall.enthrone(hall.raise(plan, listener));
    this.#setTitle();
    this.#awaitReady();
    watchForExit(hall, this.#config.manager.exitOn ?? "never", (failure) => this.#giveUp(failure));
    if (this.#herald !== undefined) this.#informSystemd(this.#herald);
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

  stop(why: string, haste: Haste): void {
    void this.#stop(why, haste, "signal");
  }

  reload(why: string): void {
    const { journal } = this;
    journal.tell(undefined, { type: "manager.reloading", why });
    const reload = this.#reloads.reload(undefined, {}).then(
      (outcomes) => {
        const failed = outcomes.filter(({ result }) => result !== "done");
        const type = failed.length === 0 ? "manager.reloaded" : "manager.reload-failed";
        const apps = (failed.length === 0 ? outcomes : failed).map(({ app }) => app);
        journal.tell(undefined, { type, apps });
      },
      (error: Error) => journal.tell(undefined, { type: "manager.refuses-reload", reason: error.message }),
    );
    // Who reloads by a command is told by that.
    void reload.then(() => this.#sayUnitLag());
  }

  abort(error: unknown): never {
    this.#doors.part();
    this.hall.endNow();
    const what = error instanceof Error ? error.stack : String(error);
    sayError(`error: this is a bug in fcgi-pm, all workers have been ended\n${what}\n`);
    process.exit(1);
  }

  #informSystemd(herald: Herald): void {
    this.journal.followEvents(() => herald.stir());
    void this.#doors.store(this.#grants).then(() => herald.stored());
  }

  async #sayUnitLag(): Promise<void> {
    if (this.#herald === undefined || this.#stopping !== undefined) return;
    // A remark, no more: whatever is wrong with it, the manager goes on.
    const lag = await this.#options.unitLag().catch(() => undefined);
    if (lag === undefined || this.#stopping !== undefined) return;
    this.journal.tell(undefined, {
      type: "manager.unit-behind",
      unit: lag.unit,
      settings: lag.settings,
      remedy: lag.remedy,
    });
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
      stop: (why, haste) => this.#stop(why, haste, "command"),
      onLook: (apps) => this.#herald?.seen(apps),
    });
    this.#control = room.path;
    if (this.#stopping !== undefined) await room.close();
    else this.#closers.push(() => room.close());
    this.#watch = room.watch;
    this.#announce();
    // A main process that is not systemd's own child is one when systemd has read so.
    await this.#herald?.told();
    this.#tellReachable();
    void this.#sayUnitLag();
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

  /** Others may have asked for the end meanwhile. */
  #giveUp(failure: FcgiPmError): void {
    if (this.#stopping !== undefined) return;
    this.failure = failure;
    void this.#stop(failure.message, "gracefully", "failure");
  }

  #stop(why: string, haste: Haste, asker: Asker): Promise<void> {
    this.journal.tell(undefined, { type: haste === "now" ? "manager.killing" : "manager.stopping", why });
    this.#herald?.stopping();
    // Who asks once more for what is being done hears of its end, too.
    if (this.#stopping !== undefined && haste === "gracefully") return this.#stopping;
    if (haste === "now") this.#haste = "now";
    // Heeded as soon as it is known whether somebody comes next.
    if (this.#isAsking && this.#stopping !== undefined) return this.#stopping;
    const waits = this.#stopping === undefined && this.#doors.hasStored;
    const everybodyGone = waits ? this.#sayFarewell(asker) : this.hall.stopAll(this.#haste);
    this.#stopping ??= everybodyGone.then(() => {
      this.#doors.close();
      this.hall.release();
      // Whoever asked for the end hears of it first.
      setImmediate(() => void this.#close());
    });
    return this.#stopping;
  }

  /** What systemd keeps open for whoever comes next is not closed, unless nobody is to come. */
  async #sayFarewell(asker: Asker): Promise<void> {
    this.hall.close();
    this.#isAsking = true;
    const { isForGood } = await import("./farewell.ts");
    if (!(await isForGood(asker))) this.#doors.part();
    this.#isAsking = false;
    await this.hall.stopAll(this.#haste);
  }

  async #close(): Promise<void> {
    for (const close of this.#closers) await close();
    this.journal.tell(undefined, { type: "manager.stopped" });
    await this.journal.close(lastWordsMs);
    await this.#herald?.close();
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
