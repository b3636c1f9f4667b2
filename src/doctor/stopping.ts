/** How a worker ends that has nothing to do, and what it leaves behind. */
import type { Finding } from "../diagnosis/finding.ts";
import { took } from "../diagnosis/seen.ts";
import { read } from "../os/proc-files.ts";
import { watchBoot } from "./boot.ts";
import type { Case } from "./case.ts";
import type { Trial, TrialWorker } from "./trial.ts";
import type { Survivor } from "./trial-processes.ts";
import { comesTrue } from "./wait.ts";

/** The manager gives an idle worker no longer than this. */
const idleGraceMs = 2000;
/** And repeats the signal this often: it may come between the worker's check and its accept. */
const repeatMs = 1000;
/** A child that ends with its parent needs a moment. */
const orphanPatienceMs = 500;

export async function examineEnd(sick: Case, trial: Trial, asked: TrialWorker): Promise<Finding[]> {
  const worker = await livingWorker(sick, trial, asked);
  if (worker === undefined) return [];
  const { stopSignal, stopTimeoutMs } = sick.plan.app;
  sick.patient.journal.say(`sending SIG${stopSignal}`);
  const graceMs = Math.min(idleGraceMs, stopTimeoutMs);
  const handling = handlingOf(worker.pid, stopSignal);
  const children = trial.processes().filter(({ pid }) => !trial.isWorker(pid));
  const hasEnded = await endsOn(trial, worker, `SIG${stopSignal}`, graceMs);
  if (!hasEnded) return [ignores(stopSignal, graceMs, handling)];
  return leavesChildren(trial, children, stopSignal);
}

/** The one that was asked may have died of it. */
async function livingWorker(sick: Case, trial: Trial, worker: TrialWorker): Promise<TrialWorker | undefined> {
  if (worker.exit() === undefined) return worker;
  const next = sick.startIn(trial);
  const boot = await watchBoot(trial, next, sick.patient.journal.signal);
  return boot.kind === "ready" ? next : undefined;
}

async function endsOn(trial: Trial, worker: TrialWorker, signal: NodeJS.Signals, graceMs: number): Promise<boolean> {
  const hasEnded = () => worker.exit() !== undefined;
  for (let waitedMs = 0; waitedMs < graceMs; waitedMs += repeatMs) {
    trial.signal(worker, signal);
    if (await comesTrue(hasEnded, Math.min(repeatMs, graceMs - waitedMs))) return true;
  }
  return hasEnded();
}

function ignores(signal: string, graceMs: number, handling: string | undefined): Finding {
  return {
    code: "stop.ignores-signal",
    level: "risk",
    what: `An idle worker does not end on SIG${signal}: each stop and reload waits for it, then kills it`,
    seen: [
      `SIG${signal} was sent to an idle worker, which was still there ${took(graceMs)} later`,
      ...(handling === undefined ? [] : [handling]),
    ],
    remedy: [
      `let the program end on SIG${signal}: no handler that only sets a flag while it waits in accept`,
      "a library with threads notices it with the next request only: nothing is lost, fcgi-pm kills idle workers after 2 s",
      "or name a signal that it heeds: --stop-signal USR1 (libfcgi, php-cgi), --stop-signal INT",
    ],
  };
}

const numbers: Readonly<Record<string, number>> = { HUP: 1, INT: 2, QUIT: 3, USR1: 10, USR2: 12, TERM: 15 };

/** What /proc/PID/status says of a signal. */
function handlingOf(pid: number, signal: string): string | undefined {
  try {
    const status = read(`/proc/${pid}/status`);
    const has = (field: string) => {
      const mask = new RegExp(`^${field}:\\s*([0-9a-f]+)`, "m").exec(status)?.[1] ?? "0";
      return (BigInt(`0x${mask}`) & (1n << BigInt((numbers[signal] ?? 1) - 1))) !== 0n;
    };
    if (has("SigIgn")) return `it ignores SIG${signal} (SigIgn in /proc/PID/status)`;
    if (has("SigBlk")) return `it blocks SIG${signal} (SigBlk in /proc/PID/status)`;
    return has("SigCgt") ? `it has a handler for SIG${signal} (SigCgt in /proc/PID/status)` : undefined;
  } catch {
    return undefined;
  }
}

async function leavesChildren(trial: Trial, children: readonly Survivor[], signal: string): Promise<Finding[]> {
  const known = new Set(children.map(({ pid }) => pid));
  const left = () => trial.processes().filter(({ pid }) => known.has(pid));
  if (await comesTrue(() => left().length === 0, orphanPatienceMs)) return [];
  const names = left().map(({ pid, name }) => `${name} (process ${pid})`);
  return [
    {
      code: "stop.leaves-children",
      level: "risk",
      what: `A worker that ends leaves processes behind: ${names.join(", ")}`,
      seen: [`after SIG${signal} the worker ended, and they lived on (ended by the doctor)`],
      remedy: [
        "let the program end its children with itself, or start none: with a script, exec in front of its last command",
      ],
    },
  ];
}
