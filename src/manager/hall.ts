/** What the manager holds while it runs: its apps, each with its pool and its listener, and those that are on their way out. */
import type { App, External, LogFormat } from "../config/app.ts";
import { FcgiPmError } from "../errors.ts";
import type { Listener } from "../os/listener.ts";
import { sendSignal } from "../os/process.ts";
import type { Haste } from "../supervision/life.ts";
import { notOurs } from "./externals.ts";
import type { Journal } from "./journal.ts";
import { ended } from "./outcome.ts";
import { launcherOf, type Plan, warningsOf } from "./plan.ts";
import { type Make, Runtime } from "./runtime.ts";

export class Hall {
  readonly journal: Journal;
  /** Of output files. */
  readonly logFormat: LogFormat;
  /** Apps that somebody else starts, as the config names them. */
  externals: readonly External[] = [];
  readonly #apps = new Map<App["name"], Runtime>();
  /** Not in service yet, or not any more. */
  readonly #others = new Set<Runtime>();
  readonly #released = new WeakSet<Listener>();
  #isClosing = false;

  constructor(journal: Journal, logFormat: LogFormat) {
    this.journal = journal;
    this.logFormat = logFormat;
  }

  /** The apps in service, in the order in which they came. */
  get apps(): readonly Runtime[] {
    return [...this.#apps.values()];
  }

  get everybody(): readonly Runtime[] {
    return [...this.apps, ...this.#others];
  }

  /** Throws FCGI_PM_APP_UNKNOWN, or FCGI_PM_APP_EXTERNAL where it is not the manager's. */
  find(name: string): Runtime {
    const runtime = this.#apps.get(name);
    if (runtime !== undefined) return runtime;
    if (this.externals.some((external) => external.name === name)) throw notOurs(name);
    const known = [...this.#apps.keys(), ...this.externals.map((external) => external.name)].join(", ");
    throw new FcgiPmError("FCGI_PM_APP_UNKNOWN", `There is no app "${name}" here, only ${known}`);
  }

  /** All is to end. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** From now on nothing new begins. */
  close(): void {
    this.#isClosing = true;
  }

  /** Throws once all is to end. */
  refuseWhenClosing(): void {
    if (this.#isClosing) throw new FcgiPmError("FCGI_PM_COMMAND_GIVEN_UP", "This manager is about to end");
  }

  /** A pool for this plan, with nobody in it yet and not in service yet. */
  raise(plan: Plan, listener: Listener | undefined): Runtime {
    for (const notice of warningsOf(plan, listener)) this.journal.tell(plan.app.name, notice);
    const make = makeOf(plan, listener);
    const generation = (this.#apps.get(plan.app.name)?.pool.wish.generation ?? 0) + 1;
    const parts = { name: plan.app.name, make, journal: this.journal, generation };
    const runtime = new Runtime(listener === undefined ? parts : { ...parts, listener });
    this.#others.add(runtime);
    return runtime;
  }

  /** From now on this is the app of its name; gives the one that was. */
  enthrone(runtime: Runtime): Runtime | undefined {
    const before = this.#apps.get(runtime.name);
    if (before !== undefined) this.#others.add(before);
    this.#others.delete(runtime);
    this.#apps.set(runtime.name, runtime);
    return before;
  }

  /** Drains the pool, then releases its listener, unless another pool shares that. */
  async dismiss(runtime: Runtime, haste: Haste): Promise<void> {
    if (this.#apps.get(runtime.name) === runtime) this.#apps.delete(runtime.name);
    this.#others.add(runtime);
    if (!this.isShared(runtime)) runtime.closeDoor();
    await ended(runtime, () => runtime.retire(haste));
    this.#others.delete(runtime);
    if (!this.isShared(runtime)) this.#release(runtime);
  }

  /** Has another pool the same listener? */
  isShared(runtime: Runtime): boolean {
    const { listener } = runtime;
    return listener !== undefined && this.everybody.some((other) => other !== runtime && other.listener === listener);
  }

  /** All pools at once, whatever else they were about to do. */
  async stopAll(haste: Haste): Promise<void> {
    this.close();
    for (const runtime of this.everybody) runtime.closeDoor();
    await Promise.all(this.everybody.map((runtime) => ended(runtime, () => runtime.retire(haste))));
  }

  release(): void {
    for (const runtime of this.everybody) this.#release(runtime);
  }

  /** Once, also where two pools have shared it. */
  #release({ listener }: Runtime): void {
    if (listener === undefined || this.#released.has(listener)) return;
    this.#released.add(listener);
    listener.release();
  }

  /** Without asking anybody, and without the law: for failures that leave no other way. */
  endNow(): void {
    for (const pid of this.everybody.flatMap((runtime) => runtime.pids)) sendSignal(pid, "SIGKILL", true);
    this.release();
  }
}

/** What the workers of a generation with this plan are made of. */
export function makeOf(plan: Plan, listener: Listener | undefined): Make {
  return { plan, launcher: launcherOf(plan, listener) };
}
