/** What may be asked of the running manager, done: the other side of control/protocol.ts. */
import { constants } from "node:os";
import { errorOf, hasFailed } from "../control/failed-outcome.ts";
import type {
  AppOutcome,
  CommandAnswer,
  EnvAnswer,
  Operations,
  ReloadRequest,
  ScaleRequest,
  SignalAnswer,
  SignalRequest,
} from "../control/protocol.ts";
import { FcgiPmError } from "../errors.ts";
import type { AppStatus, Status } from "../observe/status.ts";
import { nowMs } from "../os/clock.ts";
import { sendSignal } from "../os/process.ts";
import { environmentOf } from "../os/survey.ts";
import type { Haste } from "../supervision/life.ts";
import { pidOf } from "../supervision/worker.ts";
import { statusOfExternals } from "./externals.ts";
import type { Hall } from "./hall.ts";
import { ended, type Outcome, scaled, started } from "./outcome.ts";
import type { Runtime } from "./runtime.ts";
import { statusOf } from "./snapshot.ts";

export interface OperationsParts {
  readonly hall: Hall;
  manager(): Status["manager"];
  reload(app: string | undefined, request: ReloadRequest): Promise<readonly AppOutcome[]>;
  /** All apps were looked at. */
  onLook(apps: readonly AppStatus[]): void;
  /** Resolves when all has ended. */
  stop(why: string, haste: Haste): Promise<void>;
}

export function operationsOf({ hall, manager, reload, stop, onLook }: OperationsParts): Operations {
  const { journal } = hall;
  const told = (command: string) => journal.tell(undefined, { type: "control.told", command });
  return {
    status: async (app, { reach }) => {
      const named = hall.externals.filter(({ name }) => app === undefined || name === app);
      const isOurs = app === undefined || named.length === 0;
      const runtimes = app === undefined ? hall.apps : isOurs ? [hall.find(app)] : [];
      const externals = await statusOfExternals(named, reach);
      const apps = runtimes.map(statusOf);
      if (app === undefined) onLook(apps);
      return { version: 1, manager: manager(), apps, externals };
    },
    stopManager: async ({ now }) => {
      told(now === true ? "stop --now" : "stop");
      const runtimes = hall.apps;
      const startedMs = nowMs();
      await stop("told to stop", now === true ? "now" : "gracefully");
      return answer(
        "stop",
        runtimes.map((runtime) => describe(runtime, "stopped", { result: "done" }, startedMs)),
      );
    },
    stop: async (app, { now }) => {
      const runtime = hall.find(app);
      told(`stop ${app}${now === true ? " --now" : ""}`);
      return answer("stop", [await stopApp(runtime, now === true)]);
    },
    restart: async (app) => {
      const runtimes = app === undefined ? hall.apps : [hall.find(app)];
      told(["restart", app].join(" ").trim());
      return answer("restart", await Promise.all(runtimes.map(restartApp)));
    },
    reload: async (app, request) => {
      if (request.dryRun !== true) told(["reload", app].join(" ").trim());
      return answer("reload", await reload(app, request));
    },
    scale: async (app, request) => {
      const runtime = hall.find(app);
      const processes = wantedOf(runtime, request);
      told(`scale ${app} ${processes}`);
      return answer("scale", [await scaleApp(runtime, processes)]);
    },
    signal: (app, request) => {
      told(`signal ${app} ${request.signal}`);
      return signalApp(hall.find(app), request);
    },
    env: (app, worker) => environmentIn(hall.find(app), worker),
    reopenLogs: () => {
      told("reopen-logs");
      journal.reopen();
      return answer("reopen the logs of", []);
    },
    logs: (query) => {
      if (query.app !== undefined) hall.find(query.app);
      return journal.recent(query);
    },
    followLogs: (query, onLine) =>
      journal.followLines((line) => {
        const isMeant = query.app === undefined || line.app === query.app;
        if (isMeant && (query.worker === undefined || line.worker === query.worker)) onLine(line);
      }),
    followEvents: (onEvent) => journal.followEvents(onEvent),
  };
}

/** Throws what failed for an app, with what came of it for all. */
function answer(verb: string, apps: readonly AppOutcome[]): CommandAnswer {
  const failed = apps.find(hasFailed);
  if (failed !== undefined) throw errorOf(verb, failed, apps);
  return { version: 1, apps };
}

function describe(
  { name, pool }: Runtime,
  action: AppOutcome["action"],
  outcome: Outcome,
  startedMs: number,
  changes: readonly string[] = [],
): AppOutcome {
  const { generation, size: wanted } = pool.wish;
  return { app: name, action, changes, generation, wanted, tookMs: Math.round(nowMs() - startedMs), ...outcome };
}

async function stopApp(runtime: Runtime, now: boolean): Promise<AppOutcome> {
  const startedMs = nowMs();
  runtime.isWanted = false;
  const outcome = await ended(runtime, () => runtime.stop(now ? "now" : "gracefully"));
  return describe(runtime, "stopped", outcome, startedMs);
}

/** All workers leave before new ones start; meanwhile requests wait in the queue. */
async function restartApp(runtime: Runtime): Promise<AppOutcome> {
  const startedMs = nowMs();
  runtime.isWanted = true;
  const gone = await ended(runtime, () => runtime.stop("gracefully"));
  const outcome = gone.result === "done" ? await started(runtime, () => runtime.start()) : gone;
  return describe(runtime, "restarted", outcome, startedMs);
}

/** Throws FCGI_PM_REQUEST_WRONG unless exactly one way to say it is used and the result is a number of workers. */
function wantedOf(runtime: Runtime, { processes, by }: ScaleRequest): number {
  if ((processes === undefined) === (by === undefined)) {
    throw new FcgiPmError("FCGI_PM_REQUEST_WRONG", 'Give either "processes" or "by"');
  }
  const wanted = processes ?? runtime.processes + (by ?? 0);
  if (wanted >= 1) return wanted;
  throw new FcgiPmError(
    "FCGI_PM_REQUEST_WRONG",
    `Cannot scale ${runtime.name} to ${wanted}: it has ${runtime.processes}, and one is the least`,
    { remedy: `fcgi-pm stop ${runtime.name}` },
  );
}

async function scaleApp(runtime: Runtime, processes: number): Promise<AppOutcome> {
  const startedMs = nowMs();
  const changes = processes === runtime.processes ? [] : [`processes: ${runtime.processes} -> ${processes}`];
  const outcome = await scaled(runtime, () => runtime.scale(processes));
  return describe(runtime, "scaled", outcome, startedMs, changes);
}

function signalApp(runtime: Runtime, request: SignalRequest): SignalAnswer {
  const signal = `SIG${request.signal.replace(/^SIG/, "")}`;
  if (!Object.hasOwn(constants.signals, signal)) {
    throw new FcgiPmError("FCGI_PM_REQUEST_WRONG", `There is no signal "${request.signal}"`, {
      remedy: "kill -l lists them",
    });
  }
  const workers = livingOf(runtime, request.worker);
  for (const { pid } of workers) sendSignal(pid, signal as NodeJS.Signals, false);
  return { version: 1, app: runtime.name, signal, workers };
}

function environmentIn(runtime: Runtime, number: number | undefined): EnvAnswer {
  for (const { worker, pid } of livingOf(runtime, number)) {
    const env = environmentOf(pid);
    if (env !== undefined) return { version: 1, app: runtime.name, worker, pid, env };
  }
  throw nobody(runtime, number);
}

/** Ready ones first. Throws FCGI_PM_APP_STOPPED where nobody is there. */
function livingOf(runtime: Runtime, number: number | undefined): { worker: number; pid: number }[] {
  const rank = (state: string) => (state === "ready" ? 0 : 1);
  const living = runtime.pool.workers
    .filter((worker) => number === undefined || worker.number === number)
    .toSorted((one, other) => rank(one.state) - rank(other.state) || one.number - other.number)
    .flatMap((worker) => {
      const pid = pidOf(worker);
      return pid === undefined ? [] : [{ worker: worker.number, pid }];
    });
  if (living.length === 0) throw nobody(runtime, number);
  return living;
}

function nobody({ name }: Runtime, number: number | undefined): FcgiPmError {
  const who = number === undefined ? "no worker" : `no worker ${number}`;
  const code = number === undefined ? "FCGI_PM_APP_STOPPED" : "FCGI_PM_WORKER_UNKNOWN";
  return new FcgiPmError(code, `There is ${who} of ${name} at this moment`, {
    remedy: `fcgi-pm status ${name}`,
  });
}
