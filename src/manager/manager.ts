/** Boot, serve, shut down: listeners first, then pools, then all that can wait. */
import { dirname } from "node:path";
import type { App, Config } from "../config/app.ts";
import type { AppStatus } from "../observe/status.ts";
import { managerTitle } from "../observe/title.ts";
import { nowMs } from "../os/clock.ts";
import type { Listener } from "../os/listener.ts";
import { proveLogFile } from "../os/log-file.ts";
import { keepDescriptorsToOurselves, sendSignal } from "../os/process.ts";
import { ensureRuntimeDirectory } from "../os/runtime-dir.ts";
import { type Journal, openJournal } from "./journal.ts";
import type { Notice } from "./notices.ts";
import { bindListener, launcherOf, type Plan, planApp, warningsOf } from "./plan.ts";
import { Runtime } from "./runtime.ts";
import { statusOf } from "./snapshot.ts";

export interface ManagerOptions {
  readonly version: string;
  /** A socket that nobody named lies here; made when one does. */
  readonly runtimeDirectory: string;
  /** Bytes that the process list has for our title. */
  readonly titleRoom: number;
}

export interface Manager {
  /** Resolves when all workers of all apps have been ready. */
  readonly ready: Promise<void>;
  /** Resolves when all has ended and the listeners are released. */
  readonly stopped: Promise<void>;
  readonly journal: Journal;
  status(): readonly AppStatus[];
  isReady(): boolean;
  /** Gracefully, or, asked again, now. */
  stop(why: string): void;
  /** After a bug that leaves the state unknown: kills every worker, says why, and ends the process with status 1. */
  abort(error: unknown): void;
}

/** How long a log reader may keep us waiting at the end. */
const lastWordsMs = 2000;

interface Bound {
  readonly plan: Plan;
  readonly listener: Listener | undefined;
}

/**
 * Starts every app of the config. A failure before the first spawn undoes everything and is thrown: nothing half-started.
 */
export async function startManager(config: Config, options: ManagerOptions): Promise<Manager> {
  const startedMs = nowMs();
  keepDescriptorsToOurselves();
  if (config.manager.logFile !== undefined) proveLogFile(config.manager.logFile);
  const plans: Plan[] = [];
  for (const app of config.apps) plans.push(await planApp(app));
  if (config.apps.some((app) => liesIn(app, options.runtimeDirectory))) {
    ensureRuntimeDirectory(options.runtimeDirectory);
  }
  const bound = bindAll(plans);
  process.title = managerTitle(
    config.apps.map((app) => app.name),
    options.titleRoom,
  );
  const hall: Hall = { config, bound, runtimes: [], journal: openJournal(), startedMs, version: options.version };
  try {
    return await serve(hall);
  } catch (error) {
    endNow(hall);
    throw error;
  }
}

/** What the hall holds while it runs. */
interface Hall {
  readonly config: Config;
  readonly bound: readonly Bound[];
  readonly runtimes: Runtime[];
  readonly journal: Journal;
  readonly startedMs: number;
  readonly version: string;
}

function liesIn(app: App, directory: string): boolean {
  return app.listen.kind === "unix" && dirname(app.listen.path) === directory;
}

function bindAll(plans: readonly Plan[]): Bound[] {
  const bound: Bound[] = [];
  try {
    for (const plan of plans) bound.push({ plan, listener: bindListener(plan) });
    return bound;
  } catch (error) {
    for (const { listener } of bound) listener?.release();
    throw error;
  }
}

async function serve(hall: Hall): Promise<Manager> {
  const { config, bound, runtimes, journal, startedMs } = hall;
  const tellReady = () => journal.tell(undefined, { type: "manager.ready", tookMs: Math.round(nowMs() - startedMs) });
  const ready = gate(bound.length, tellReady);
  const ended = gate(bound.length, () => {});
  raise(hall, (app, notice) => {
    if (notice.type === "pool.ready") ready.pass(app);
    if (notice.type === "pool.stopped") ended.pass(app);
  });
  for (const runtime of runtimes) runtime.want({ size: runtime.app.processes });
  const stopped = ended.passed.then(() => shutDown(bound, journal));
  await attachLog(config, journal);
  return {
    ready: ready.passed,
    stopped,
    journal,
    status: () => statuses(hall),
    isReady: ready.isOpen,
    stop: (why) => stop(runtimes, journal, why),
    abort: (error) => abort(hall, error),
  };
}

/** A pool for each app, with nobody in it yet. */
function raise(hall: Hall, onNotice: (app: string, notice: Notice) => void): void {
  const { config, bound, runtimes, journal, version } = hall;
  journal.tell(undefined, { type: "manager.started", apps: config.apps.map((app) => app.name), version });
  for (const { plan, listener } of bound) {
    const { app, environment } = plan;
    for (const notice of warningsOf(plan, listener)) journal.tell(app.name, notice);
    const launcher = launcherOf(plan, listener);
    const heard = (notice: Notice) => onNotice(app.name, notice);
    runtimes.push(new Runtime({ app, environment, launcher, journal, onNotice: heard, ...(listener && { listener }) }));
  }
}

function statuses({ runtimes, bound }: Hall): AppStatus[] {
  return runtimes.map((runtime, index) =>
    statusOf(runtime.app.name, bound[index]?.listener?.address, runtime.pool, nowMs()),
  );
}

/** The log is loaded while the first workers start. */
async function attachLog(config: Config, journal: Journal): Promise<void> {
  const { logFormat: format, logFile: file } = config.manager;
  const { openLog } = await import("../os/log.ts");
  journal.attach(openLog({ format, ...(file === undefined ? {} : { file }) }));
}

function stop(runtimes: readonly Runtime[], journal: Journal, why: string): void {
  const again = runtimes.every((runtime) => runtime.pool.wish.size === 0);
  journal.tell(undefined, { type: again ? "manager.killing" : "manager.stopping", why });
  for (const runtime of runtimes) runtime.want({ size: 0, haste: again ? "now" : "gracefully" });
}

function abort(hall: Hall, error: unknown): never {
  endNow(hall);
  const what = error instanceof Error ? error.stack : String(error);
  process.stderr.write(`error: this is a bug in fcgi-pm, all workers have been ended\n${what}\n`);
  process.exit(1);
}

/** Without asking anybody, and without the law: for failures that leave no other way. */
function endNow({ runtimes, bound }: Hall): void {
  for (const pid of runtimes.flatMap((runtime) => runtime.pids)) sendSignal(pid, "SIGKILL", true);
  for (const { listener } of bound) listener?.release();
}

async function shutDown(bound: readonly Bound[], journal: Journal): Promise<void> {
  for (const { listener } of bound) listener?.release();
  journal.tell(undefined, { type: "manager.stopped" });
  await journal.close(lastWordsMs);
}

/** Opens when each of `count` names has come by. */
function gate(
  count: number,
  onOpen: () => void,
): { pass(name: string): void; passed: Promise<void>; isOpen(): boolean } {
  const names = new Set<string>();
  let open: () => void = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  const pass = (name: string) => {
    if (names.size === count) return;
    names.add(name);
    if (names.size < count) return;
    onOpen();
    open();
  };
  return { pass, passed, isOpen: () => names.size === count };
}
