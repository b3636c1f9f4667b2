/**
 * One worker's life, as a table: state by event gives an action. What a state needs lives in that state; each state
 * has at most one deadline, an absolute time. Nothing here asks for the time, acts, or logs.
 */
import type {
  Describe,
  Draining,
  Effect,
  Ending,
  EventType,
  Killing,
  Moment,
  Ready,
  Spawning,
  Starting,
  StateName,
  Step,
  Stopping,
  Worker,
  WorkerEvent,
  WorkerPolicy,
} from "./life.ts";
import type { Exit, Notice } from "./notice.ts";

export type * from "./life.ts";

type Of<E extends EventType> = Extract<WorkerEvent, { type: E }>;
type In<S extends StateName> = Extract<Worker, { state: S }>;
type Action<S extends StateName, E extends EventType> = (
  worker: In<S>,
  event: Of<E>,
  at: Moment,
  policy: WorkerPolicy,
) => Step;

/** A spawned C program waits in accept after 1 to 3 ms; looks grow rarer while a slow one boots. */
const firstLookMs = 2;
const lookGrowth = 1.5;
const rarestLookMs = 100;
/** A busy serial worker is between two requests for moments only: it takes some 70 looks to find one (measured). */
const drainGrowth = 1.02;
const rarestDrainLookMs = 10;
/** A worker may have taken the signal between its check and its accept (libfcgi): say it again. */
const resendMs = 1000;
/** What a worker gets while it stands still, any of its threads may take when it goes on, and the others wait on (QGIS). */
const echoMs = 50;
/** A worker that holds no connection has nothing to lose and gets no longer than this after the stop signal. */
export const idleKillMs = 2000;
const rekillMs = 5000;
/** An exit 0 sooner after readiness than this is not taken for a worker that reached its number of requests. */
const shortestServiceMs = 10;

const table: { readonly [S in StateName]: { readonly [E in EventType]: Action<S, E> } } = {
  backoff: {
    spawned: ignore,
    refused: ignore,
    looked: ignore,
    exited: ignore,
    deadline: ignore,
    retired: vacate,
    condemned: vacate,
  },
  spawning: {
    spawned: boot,
    refused: despair,
    looked: ignore,
    exited: ignore,
    deadline: ignore,
    retired: ignore,
    condemned: ignore,
  },
  starting: {
    spawned: ignore,
    refused: ignore,
    looked: judge,
    exited: mourn,
    deadline: watch,
    retired: retire,
    condemned: condemn,
  },
  ready: {
    spawned: ignore,
    refused: ignore,
    looked: ignore,
    exited: succeed,
    deadline: ignore,
    retired: retire,
    condemned: condemn,
  },
  draining: {
    spawned: ignore,
    refused: ignore,
    looked: release,
    exited: leave,
    deadline: lookAgain,
    retired: ignore,
    condemned: condemn,
  },
  stopping: {
    spawned: ignore,
    refused: ignore,
    looked: repeatOrKill,
    exited: leave,
    deadline: insist,
    retired: ignore,
    condemned: condemn,
  },
  killing: {
    spawned: ignore,
    refused: ignore,
    looked: ignore,
    exited: leave,
    deadline: killAgain,
    retired: ignore,
    condemned: ignore,
  },
};

/** The table by the names of its actions, for docs/lifecycle.md; "-" where an event changes nothing. */
export function lifecycleTable(): Record<StateName, Record<EventType, string>> {
  const named = (row: object) =>
    Object.fromEntries(Object.entries(row).map(([event, action]) => [event, action === ignore ? "-" : action.name]));
  const rows = Object.entries(table).map(([state, row]) => [state, named(row)]);
  return Object.fromEntries(rows) as Record<StateName, Record<EventType, string>>;
}

/** One event in one worker's life. */
export function live(worker: Worker, event: WorkerEvent, at: Moment, policy: WorkerPolicy): Step {
  const action = table[worker.state][event.type] as (w: Worker, e: WorkerEvent, m: Moment, p: WorkerPolicy) => Step;
  return action(worker, event, at, policy);
}

/** The next moment at which this worker's state has lasted long enough; Infinity for a state that may last. */
export function deadlineOf(worker: Worker, policy: WorkerPolicy): number {
  switch (worker.state) {
    case "starting":
      return Math.min(worker.lookAtMs, worker.spawnedMs + policy.startTimeoutMs);
    case "draining":
      return Math.min(worker.lookAtMs, worker.drainedMs + policy.drainTimeoutMs);
    case "stopping":
      return Math.min(worker.nextMs, worker.signalledMs + policy.stopTimeoutMs);
    case "killing":
      return worker.nextMs;
    default:
      return Number.POSITIVE_INFINITY;
  }
}

/** A process stands behind it (or is just being made). */
export function isAlive(worker: Worker): boolean {
  return worker.state !== "backoff";
}

/** It is on its way out, whatever is wanted. */
export function isLeaving(worker: Worker): boolean {
  return worker.state === "draining" || worker.state === "stopping" || worker.state === "killing";
}

export function pidOf(worker: Worker): number | undefined {
  return "pid" in worker ? worker.pid : undefined;
}

function ignore(worker: Worker): Step {
  return { worker, effects: [] };
}

function vacate(): Step {
  return { ending: { kind: "left" }, effects: [] };
}

function boot(worker: Spawning, event: Of<"spawned">, at: Moment): Step {
  const { number, generation } = worker;
  const { pid } = event;
  const started: Starting = {
    state: "starting",
    number,
    generation,
    pid,
    spawnedMs: at.nowMs,
    lookAtMs: at.nowMs + firstLookMs,
    everyMs: firstLookMs,
  };
  return { worker: started, effects: [tell({ type: "worker.spawned", number, pid, generation })] };
}

/** The system refused to make the process: as good as an early death. */
function despair(worker: Spawning, event: Of<"refused">): Step {
  const { number, spawnedMs } = worker;
  const describe: Describe = (retryInMs) => ({ type: "spawn.refused", number, reason: event.reason, retryInMs });
  return { ending: { kind: "early", spawnedMs, describe }, effects: [] };
}

/** Time for a look, or for giving up. */
function watch(worker: Starting, _event: unknown, at: Moment, policy: WorkerPolicy): Step {
  const { number, pid } = worker;
  if (at.nowMs >= worker.spawnedMs + policy.startTimeoutMs) {
    const notice: Notice = { type: "worker.late", number, pid, waitedMs: Math.round(at.nowMs - worker.spawnedMs) };
    const stopped = stop(worker, at, policy, "late");
    return { ...stopped, effects: [tell(notice), ...stopped.effects] };
  }
  const everyMs = Math.min(worker.everyMs * lookGrowth, rarestLookMs);
  return { worker: { ...worker, lookAtMs: Number.POSITIVE_INFINITY, everyMs }, effects: [look(pid, false)] };
}

function judge(worker: Starting, event: Of<"looked">, at: Moment, policy: WorkerPolicy): Step {
  const livedMs = at.nowMs - worker.spawnedMs;
  const unseenLongEnough = event.sight === "unseen" && livedMs >= policy.startGraceMs;
  if (event.sight === "waiting" || event.sight === "busy" || unseenLongEnough) return promote(worker, at);
  const wait = event.sight === "unseen" ? policy.startGraceMs - livedMs : worker.everyMs;
  return { worker: { ...worker, lookAtMs: at.nowMs + wait }, effects: [] };
}

function promote(worker: Starting, at: Moment): Step {
  const { number, generation, pid, spawnedMs } = worker;
  const ready: Ready = { state: "ready", number, generation, pid, spawnedMs, readyMs: at.nowMs };
  return {
    worker: ready,
    effects: [tell({ type: "worker.ready", number, pid, tookMs: Math.round(at.nowMs - spawnedMs) })],
  };
}

/** It died before it was ready: the pool waits, longer each time, before the next try. */
function mourn(worker: Starting | Stopping | Killing, event: Of<"exited">, at: Moment): Step {
  const { number, pid, spawnedMs } = worker;
  const livedMs = Math.round(at.nowMs - spawnedMs);
  const cleanly = worker.state === "starting" && event.exit.code === 0;
  const recycled: Notice = { type: "worker.recycled", number, pid, livedMs };
  const describe = obituary(worker, event.exit, livedMs);
  const ending: Ending = { kind: "early", spawnedMs, describe, ...(cleanly ? { recycled } : {}) };
  return { ending, effects: [sweep(pid)] };
}

/**
 * It died after it was ready: replaced at once, as far as the budget lasts. Exit 0 after some service is a program that
 * recycles itself (php-cgi after 500 requests) and costs nothing, as long as it served longer than it took to start.
 */
function succeed(worker: Ready, event: Of<"exited">, at: Moment): Step {
  const { number, pid, spawnedMs } = worker;
  const livedMs = Math.round(at.nowMs - spawnedMs);
  if (event.exit.code === 0) {
    const free = at.nowMs - worker.readyMs >= Math.max(worker.readyMs - spawnedMs, shortestServiceMs);
    const describe: Describe = () => ({ type: "worker.recycled", number, pid, livedMs });
    return { ending: { kind: "died", spawnedMs, free, describe }, effects: [] };
  }
  const describe = obituary(worker, event.exit, livedMs);
  return { ending: { kind: "died", spawnedMs, free: false, describe }, effects: [sweep(pid)] };
}

function obituary(worker: Ready | Starting | Stopping | Killing, exit: Exit, livedMs: number): Describe {
  const { number, pid } = worker;
  const wasReady = worker.state === "ready";
  return (retryInMs) => ({ type: "worker.died", number, pid, exit, livedMs, wasReady, retryInMs });
}

/** Asked to leave: with `drain = "idle"` it is looked at first, so that no request is lost. */
function retire(worker: Starting | Ready, _event: unknown, at: Moment, policy: WorkerPolicy): Step {
  if (policy.drain === "signal") return stop(worker, at, policy, "unwanted");
  const { number, generation, pid, spawnedMs } = worker;
  // One look at a time: what an unheld worker was seen to do may be over, its answer must not pass for that of a held one.
  const held = worker.state === "ready" || worker.lookAtMs !== Number.POSITIVE_INFINITY;
  const drained = { drainedMs: at.nowMs, lookAtMs: Number.POSITIVE_INFINITY, everyMs: firstLookMs, held };
  return {
    worker: { state: "draining", number, generation, pid, spawnedMs, ...drained },
    effects: held ? [look(pid, true)] : [],
  };
}

/** The held worker was looked at: with no connection it may be signalled without losing anything. */
function release(worker: Draining, event: Of<"looked">, at: Moment, policy: WorkerPolicy): Step {
  if (!worker.held) return { worker: { ...worker, held: true }, effects: [look(worker.pid, true)] };
  if (event.sight !== "busy" && event.sight !== "crowded") return stop(worker, at, policy, "unwanted");
  // Who serves several requests at once takes new ones while it finishes the old ones: it runs for short moments only
  // and stands still in between, while its siblings take what comes.
  const everyMs = event.sight === "crowded" ? firstLookMs : Math.min(worker.everyMs * drainGrowth, rarestDrainLookMs);
  return { worker: { ...worker, lookAtMs: at.nowMs + everyMs, everyMs }, effects: [resume(worker.pid)] };
}

function lookAgain(worker: Draining, _event: unknown, at: Moment, policy: WorkerPolicy): Step {
  const { number, pid } = worker;
  const waitedMs = at.nowMs - worker.drainedMs;
  if (waitedMs < policy.drainTimeoutMs) {
    return { worker: { ...worker, lookAtMs: Number.POSITIVE_INFINITY }, effects: [look(pid, true)] };
  }
  const notice: Notice = { type: "worker.drain-timeout", number, pid, waitedMs: Math.round(waitedMs) };
  const stopped = stop(worker, at, policy, "unwanted");
  return { ...stopped, effects: [tell(notice), ...stopped.effects] };
}

/** The stop signal goes to the worker alone: a CGI child of it may finish. SIGCONT lets a held one act on it. */
function stop(worker: Starting | Ready | Draining, at: Moment, policy: WorkerPolicy, why: "unwanted" | "late"): Step {
  const { number, generation, pid, spawnedMs } = worker;
  const stopping: Stopping = {
    state: "stopping",
    number,
    generation,
    pid,
    spawnedMs,
    signalledMs: at.nowMs,
    nextMs: at.nowMs + resendMs,
    why,
  };
  return { worker: stopping, effects: [signal(pid, policy.stopSignal), resume(pid)] };
}

/** It has not ended yet: look whether it has anything to lose, at last kill it. */
function insist(worker: Stopping, _event: unknown, at: Moment, policy: WorkerPolicy): Step {
  if (at.nowMs - worker.signalledMs >= policy.stopTimeoutMs) return kill(worker, at, "timeout");
  if (worker.isRetold === true) {
    const next = { ...worker, isRetold: false, nextMs: at.nowMs + resendMs - echoMs };
    return { worker: next, effects: [signal(worker.pid, policy.stopSignal)] };
  }
  return { worker: { ...worker, nextMs: at.nowMs + resendMs }, effects: [look(worker.pid, true)] };
}

/**
 * Only to one without a request is the signal said again. A program may have noted the first one and gone on waiting
 * (MapServer), so that a request came in since; a second one would end it in the middle of that. Who outlives the second
 * one may hear it once more. An answer that comes earlier than the first look after the signal is to a look from before it.
 */
function repeatOrKill(worker: Stopping, event: Of<"looked">, at: Moment, policy: WorkerPolicy): Step {
  const goOn = resume(worker.pid);
  const waitedMs = at.nowMs - worker.signalledMs;
  const isStale = waitedMs < resendMs;
  if (isStale || event.sight === "busy" || event.sight === "crowded") return { worker, effects: [goOn] };
  const isHeld = event.sight !== "unseen";
  if (isHeld && waitedMs >= idleKillMs) return kill(worker, at, "idle");
  const retold = isHeld ? { ...worker, isRetold: true, nextMs: at.nowMs + echoMs } : worker;
  return { worker: retold, effects: [signal(worker.pid, policy.stopSignal), goOn] };
}

function condemn(worker: Starting | Ready | Draining | Stopping, _event: unknown, at: Moment): Step {
  return kill(worker, at, "now");
}

function kill(worker: Starting | Ready | Draining | Stopping, at: Moment, why: "idle" | "timeout" | "now"): Step {
  const { number, generation, pid, spawnedMs } = worker;
  const because = worker.state === "stopping" ? worker.why : "unwanted";
  const times = { killedMs: at.nowMs, nextMs: at.nowMs + rekillMs };
  const killing: Killing = { state: "killing", number, generation, pid, spawnedMs, ...times, why: because };
  return { worker: killing, effects: [sweep(pid), tell({ type: "worker.killed", number, pid, why })] };
}

/** SIGKILL cannot be refused, only delayed by the kernel (a hung disk): keep at it and say so. */
function killAgain(worker: Killing, _event: unknown, at: Moment): Step {
  const { number, pid } = worker;
  const notice: Notice = { type: "worker.lingers", number, pid, waitedMs: Math.round(at.nowMs - worker.killedMs) };
  return { worker: { ...worker, nextMs: at.nowMs + rekillMs }, effects: [sweep(pid), tell(notice)] };
}

/** A worker that was asked to go has gone, and takes along what it left in its process group. */
function leave(worker: Draining | Stopping | Killing, event: Of<"exited">, at: Moment): Step {
  if (worker.state !== "draining" && worker.why === "late") return mourn(worker, event, at);
  const { number, pid } = worker;
  const notice: Notice = { type: "worker.stopped", number, pid, exit: event.exit };
  return { ending: { kind: "left" }, effects: [sweep(pid), tell(notice)] };
}

function tell(notice: Notice): Effect {
  return { type: "notice", notice };
}

function look(pid: number, hold: boolean): Effect {
  return { type: "look", pid, hold };
}

function signal(pid: number, name: string): Effect {
  return { type: "signal", pid, signal: name, group: false };
}

function resume(pid: number): Effect {
  return { type: "signal", pid, signal: "SIGCONT", group: true };
}

/** SIGKILL for the worker and all that it started in its process group. */
function sweep(pid: number): Effect {
  return { type: "signal", pid, signal: "SIGKILL", group: true };
}
