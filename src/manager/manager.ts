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
  return serve(config, bound, options, startedMs);
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

async function serve(
  config: Config,
  bound: readonly Bound[],
  options: ManagerOptions,
  startedMs: number,
): Promise<Manager> {
  const journal = openJournal();
  const ready = gate(bound.length, () =>
    journal.tell(undefined, { type: "manager.ready", tookMs: Math.round(nowMs() - startedMs) }),
  );
  const ended = gate(bound.length, () => {});
  const onNotice = (app: string) => (notice: Notice) => {
    if (notice.type === "pool.ready") ready.pass(app);
    if (notice.type === "pool.stopped") ended.pass(app);
  };
  const { version } = options;
  journal.tell(undefined, { type: "manager.started", apps: config.apps.map((app) => app.name), version });
  const runtimes = bound.map(({ plan, listener }) => {
    const { app, environment } = plan;
    for (const notice of warningsOf(plan, listener)) journal.tell(app.name, notice);
    const launcher = launcherOf(plan, listener);
    const heard = onNotice(app.name);
    return new Runtime({ app, environment, launcher, journal, onNotice: heard, ...(listener && { listener }) });
  });
  for (const runtime of runtimes) runtime.want({ size: runtime.app.processes });
  const stopped = ended.passed.then(() => shutDown(bound, journal));
  await attachLog(config, journal);
  return {
    ready: ready.passed,
    stopped,
    journal,
    status: () =>
      runtimes.map((runtime, index) =>
        statusOf(runtime.app.name, bound[index]?.listener?.address, runtime.pool, nowMs()),
      ),
    isReady: ready.isOpen,
    stop: (why) => stop(runtimes, journal, why),
    abort: (error) => abort(runtimes, bound, error),
  };
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

function abort(runtimes: readonly Runtime[], bound: readonly Bound[], error: unknown): never {
  for (const pid of runtimes.flatMap((runtime) => runtime.pids)) sendSignal(pid, "SIGKILL", true);
  for (const { listener } of bound) listener?.release();
  const what = error instanceof Error ? error.stack : String(error);
  process.stderr.write(`error: this is a bug in fcgi-pm, all workers have been ended\n${what}\n`);
  process.exit(1);
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
