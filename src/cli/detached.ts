/** The manager's side of `start --daemon`: it leaves the terminal when all workers are ready, or ends all and says why. */
import { Socket } from "node:net";
import type { App, Config } from "../config/app.ts";
import { FcgiPmError } from "../errors.ts";
import type { Manager } from "../manager/manager.ts";
import { describeExit } from "../observe/deaths.ts";
import type { EventLine } from "../observe/story.ts";
import { leaveStandardStreams } from "../os/standard-streams.ts";
import { formatDuration } from "../units.ts";
import { type Report, reportFd } from "./report.ts";

/** A worker that is late is told of at start-timeout; our own alarm is only for apps that never say anything. */
const graceMs = 1000;

/** Why a start is given up. */
interface Failure {
  readonly message: string;
  readonly lastLines: readonly string[];
}

/**
 * Waits until all workers are ready, then lets go of the terminal and reports. Where an app does not start (its workers
 * die again and again, or are not ready by start-timeout), or nobody waits for us any more, everything is stopped.
 * `ended` is how the manager ends otherwise. Gives the exit status.
 */
export async function detach(manager: Manager, config: Config, ended: Promise<number>): Promise<number> {
  const waiting = new Socket({ fd: reportFd, readable: true, writable: true });
  const trouble = watchStart(manager, config.apps);
  const ready = Promise.all([manager.ready, manager.reachable]).then(() => "ready" as const);
  const outcome = await Promise.race([ready, trouble.failure, abandoned(waiting), ended]);
  trouble.look.abort();
  if (typeof outcome === "number") return outcome;
  if (outcome !== "ready") return giveUp(manager, outcome);
  leaveTerminal(config.manager.logFile);
  const apps = manager.status().apps.map(({ app, ready, wanted }) => ({ app, ready, wanted }));
  waiting.end(`${JSON.stringify({ apps } satisfies Report)}\n`);
  return ended;
}

/** A log file that was rotated is let go of, as the log itself does. */
function leaveTerminal(logFile: string | undefined): void {
  leaveStandardStreams(logFile);
  if (logFile !== undefined) process.on("SIGUSR1", () => leaveStandardStreams(logFile));
}

async function giveUp(manager: Manager, { message, lastLines }: Failure): Promise<number> {
  manager.stop("it did not start", "gracefully");
  await manager.stopped;
  throw new FcgiPmError("FCGI_PM_START_FAILED", message, { details: [{ lastLines }] });
}

/** The command that waited was killed: nobody would know that we run. */
function abandoned(waiting: Socket): Promise<Failure> {
  return new Promise((resolve) => {
    const gone = () => resolve({ message: "Cannot start: the command that waited for it has ended", lastLines: [] });
    waiting.on("error", gone).on("end", gone).resume();
  });
}

/** Resolves with the first app that does not start, unless the look is aborted. */
function watchStart(manager: Manager, apps: readonly App[]): { failure: Promise<Failure>; look: AbortController } {
  const look = new AbortController();
  const failure = new Promise<Failure>((resolve) => {
    const stop = manager.journal.followEvents((event) => {
      const failed = failureIn(event, manager);
      if (failed !== undefined) resolve(failed);
    });
    const alarms = apps.map((app) => setTimeout(() => resolve(describeDelay(manager, app)), longestStartMs(app)));
    look.signal.addEventListener("abort", () => {
      stop();
      for (const alarm of alarms) clearTimeout(alarm);
    });
  });
  return { failure, look };
}

function failureIn(event: EventLine, manager: Manager): Failure | undefined {
  const { app, worker, notice, lastLines, waitedMs, failures } = event;
  if (notice === "pool.crash-loop") return describeLoop(manager, String(app), Number(failures));
  if (notice !== "worker.late") return undefined;
  const message = `Cannot start ${app}: worker ${worker} is not ready after ${formatDuration(Number(waitedMs))}`;
  return { message, lastLines: Array.isArray(lastLines) ? lastLines.map(String) : [] };
}

function longestStartMs({ processes, initStartDelayMs, startTimeoutMs }: App): number {
  return Math.min(initStartDelayMs * (processes - 1) + startTimeoutMs + graceMs, 2 ** 31 - 1);
}

function describeLoop(manager: Manager, name: string, failures: number): Failure {
  const death = manager.status().apps.find(({ app }) => app === name)?.lastExit;
  // A program that cannot even be spawned leaves no exit: the log has said what the kernel says.
  const last = death == null ? "" : `, the last one with ${describeExit(death)}`;
  const message = `Cannot start ${name}: no worker gets ready, ${failures} tries failed${last}`;
  return { message, lastLines: death?.lastLines ?? [] };
}

function describeDelay(manager: Manager, { name, startTimeoutMs }: App): Failure {
  const app = manager.status().apps.find((one) => one.app === name);
  const message = `Cannot start ${name}: ${app?.ready} of ${app?.wanted} workers are ready after ${formatDuration(startTimeoutMs)}`;
  return { message, lastLines: app?.lastExit?.lastLines ?? [] };
}
