/** Tries the program of an app: starts it as its manager would, asks it as the web server would, stops it. */
import { endInWords, judgeDeath } from "../diagnosis/death.ts";
import type { Finding } from "../diagnosis/finding.ts";
import { complaintIn } from "../diagnosis/last-words.ts";
import { took } from "../diagnosis/seen.ts";
import { isNonBlocking } from "../os/procfs.ts";
import { type Boot, watchBoot } from "./boot.ts";
import { Case } from "./case.ts";
import { causeOfDeath } from "./cause.ts";
import { judgeElsewhere, judgeUnready } from "./never-ready.ts";
import type { Examination } from "./patient.ts";
import { examineReady } from "./ready.ts";
import { openSocketsOf } from "./sockets.ts";
import type { Trial, TrialWorker } from "./trial.ts";

export const examineProgram: Examination = async (patient) => {
  const { plan, journal } = patient;
  if (plan === undefined) return [];
  if (plan.app.listen.kind === "none") return [untried];
  const sick = new Case(patient, plan);
  try {
    return await examine(sick);
  } finally {
    journal.tried(
      `started the program ${sick.starts === 1 ? "once" : `${sick.starts} times`}, on a socket of the doctor's own`,
    );
  }
};

/** A queue worker would begin to work. */
const untried: Finding = {
  code: "program.not-tried",
  level: "note",
  what: "An app without a listener is not tried: there is nothing to ask it, and it would do its work",
  seen: ["listen = false"],
  remedy: ["fcgi-pm status shows whether it runs"],
};

async function examine(sick: Case): Promise<Finding[]> {
  const { journal } = sick.patient;
  journal.say(`starting ${sick.command}`);
  const { trial, worker } = await sick.begin();
  try {
    const boot = await watchBoot(trial, worker, journal.signal);
    if (boot.kind === "ended") return await examineDeath(sick, trial, worker, boot);
    if (boot.kind === "elsewhere") return [await judgeElsewhere(sick, worker, boot)];
    if (boot.kind === "unready") return await judgeUnready(sick, trial, worker, boot);
    journal.tried(`ready after ${took(boot.afterMs)}`);
    return await examineReady(sick, trial, worker);
  } finally {
    await trial.end();
  }
}

async function examineDeath(
  sick: Case,
  trial: Trial,
  worker: TrialWorker,
  boot: Extract<Boot, { kind: "ended" }>,
): Promise<Finding[]> {
  const lines = worker.output.lines();
  const left = boot.left.map(({ pid, name }) => `${name} (process ${pid})${listening(pid, trial)}`);
  const facts = {
    start: sick.startFacts(),
    code: boot.exit.code,
    end: endInWords(boot.exit),
    afterMs: boot.afterMs,
    lines,
    stdoutStart: worker.output.stdoutStart(),
    left,
    complaint: complaintIn(lines),
    isListenerSpoilt: isNonBlocking(trial.listener.fd),
  };
  // Nothing of it is to be in the way of the next trials.
  await trial.end();
  return [judgeDeath(facts, await causeOfDeath(sick, facts))];
}

function listening(pid: number, trial: Trial): string {
  const listeners = openSocketsOf(pid).filter(
    ({ isListening, local, inode }) => isListening && local !== "" && inode !== trial.listener.inode,
  );
  return listeners.length === 0 ? "" : `, which listens on ${listeners.map(({ local }) => local).join(" and ")}`;
}
