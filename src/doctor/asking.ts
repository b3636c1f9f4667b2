/** One request to a worker of a trial, with what the worker does and writes meanwhile. */
import type { AnswerFacts, Witness } from "../diagnosis/answer-facts.ts";
import { endInWords } from "../diagnosis/death.ts";
import { heldBy, type Watched } from "../os/held-connections.ts";
import type { Connections } from "../os/sockdiag.ts";
import { formatDuration } from "../units.ts";
import { activityOf } from "./activity.ts";
import { ask, named, type Question } from "./ask.ts";
import type { Case } from "./case.ts";
import type { Trial, TrialWorker } from "./trial.ts";
import { comesTrue, unlessAborted } from "./wait.ts";

/** Asks; what the worker writes from now on belongs to this request. */
export async function askOf(sick: Case, trial: Trial, worker: TrialWorker, question: Question): Promise<Asked> {
  const { journal } = sick.patient;
  worker.output.forget();
  journal.say(`asking ${named(question)}, for at most ${formatDuration(question.timeoutMs)}`);
  const look = new LateLook(() => activityOf(holderOf(trial) ?? worker.pid), question.timeoutMs);
  try {
    const facts = await unlessAborted(ask(trial.address, question), journal.signal);
    return { ...facts, activity: facts.kind === "timed-out" ? await look.outcome : undefined };
  } finally {
    look.cancel();
  }
}

/** It takes some time to see whether a process computes. */
const lookMs = 400;

/** Looked at while it hangs, shortly before the end: afterwards it may do something else. */
class LateLook {
  readonly outcome: Promise<string | undefined>;
  #timer: NodeJS.Timeout | undefined;

  constructor(look: () => Promise<string | undefined>, timeoutMs: number) {
    this.outcome = new Promise((resolve) => {
      this.#timer = setTimeout(() => resolve(look()), Math.max(0, timeoutMs - lookMs));
    });
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }
}

export type Asked = AnswerFacts & { readonly activity: string | undefined };

/** The process that has taken the connection: a worker, or a child of one. */
function holderOf(trial: Trial): number | undefined {
  const accepted = trial.listener.connections();
  if (accepted === undefined) return undefined;
  return trial.processes().find(({ pid }) => holds(pid, accepted, trial.listener))?.pid;
}

function holds(pid: number, accepted: Connections, listener: Watched): boolean {
  try {
    return heldBy(pid, accepted, listener).length > 0;
  } catch {
    return false;
  }
}

/** Where the connection was closed, the worker may be about to end. */
const dyingMs = 2000;

/** Express and others answer first, and then write what happened: on a busy machine not at once. */
const lateWordsMs = 1000;

function failedInSilence(facts: Asked): boolean {
  return facts.kind === "complete" && facts.status >= 500 && facts.stderr === "";
}

function hasWritten({ output }: TrialWorker): boolean {
  output.drain();
  return output.lines().length > 0;
}

export async function witnessOf(worker: TrialWorker, facts: Asked): Promise<Witness> {
  if (facts.kind === "cut") await comesTrue(() => worker.exit() !== undefined, dyingMs);
  if (failedInSilence(facts)) await comesTrue(() => hasWritten(worker), lateWordsMs);
  worker.output.drain();
  const exit = worker.exit();
  return {
    end: exit === undefined ? undefined : endInWords(exit),
    lines: worker.output.lines(),
    stdoutStart: worker.output.stdoutStart(),
    activity: facts.activity,
  };
}
