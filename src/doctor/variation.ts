/** The same program started a little differently: what it takes for it to work is the reason why it does not. */
import { judgeAnswer } from "../diagnosis/answer.ts";
import { minimal } from "../diagnosis/minimal.ts";
import type { Environment } from "../manager/environment.ts";
import type { Plan } from "../manager/plan.ts";
import { ask } from "./ask.ts";
import { watchBoot } from "./boot.ts";
import type { Case } from "./case.ts";
import { unlessAborted } from "./wait.ts";

export interface Variation {
  readonly cwd?: string;
  readonly environment?: Environment;
  readonly plan?: Plan;
}

/** What it has to come to. */
export type Aim = "ready" | "sound answer";

/** It has failed once, quickly as a rule: a variation of it need not be waited for as long as the program itself. */
const mostPatienceMs = 10_000;

/** Some programs fail for reasons that nobody finds by trying; each try has its effects. */
const mostStarts = 60;

/** Does it come to that, so varied? */
export async function works(sick: Case, variation: Variation, aim: Aim): Promise<boolean> {
  return (await tryVaried(sick, variation, aim)).isFine;
}

/** The same, with what it wrote. */
export async function tryVaried(
  sick: Case,
  variation: Variation,
  aim: Aim,
): Promise<{ readonly isFine: boolean; readonly lines: readonly string[] }> {
  if (sick.starts >= mostStarts) return { isFine: false, lines: [] };
  const { signal } = sick.patient.journal;
  const { trial, worker } = await sick.begin({ ...variation, plan: hasty(variation.plan ?? sick.plan) });
  try {
    const boot = await watchBoot(trial, worker, signal);
    const isReady = boot.kind === "ready";
    const isFine = isReady && (aim === "ready" || (await answersSoundly(sick, trial.address)));
    worker.output.drain();
    return { isFine, lines: worker.output.lines() };
  } finally {
    await trial.end();
  }
}

function hasty(plan: Plan): Plan {
  return { ...plan, app: { ...plan.app, startTimeoutMs: Math.min(plan.app.startTimeoutMs, mostPatienceMs) } };
}

async function answersSoundly(sick: Case, address: Parameters<typeof ask>[0]): Promise<boolean> {
  const { wish, journal } = sick.patient;
  const hurried = { ...wish, timeoutMs: Math.min(wish.timeoutMs, mostPatienceMs) };
  const facts = await unlessAborted(ask(address, hurried), journal.signal);
  const context = sick.context({ end: undefined, lines: [], stdoutStart: "", activity: undefined });
  return judgeAnswer(facts, context).every(({ level }) => level !== "broken");
}

/** Variables that belong to a shell itself, and to nobody else. */
const shellsOwn = /^(_|PWD|OLDPWD|SHLVL|PS\d|PROMPT_COMMAND|LS_COLORS|HIST\w*|BASH\w*|FCGI_PM_\w*)$/;

/** Those of this shell that the workers do not have, or have with another value. */
export function shellVariables(plan: Plan, shell: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(shell).filter(
    ([name, value]) =>
      value !== undefined && /^[A-Za-z_]\w*$/.test(name) && !shellsOwn.test(name) && plan.environment[name] !== value,
  );
  return Object.fromEntries(entries) as Record<string, string>;
}

/** The fewest of these variables with which it works, all of them being enough. */
export function fewestVariables(
  sick: Case,
  variables: Readonly<Record<string, string>>,
  rest: Variation,
  aim: Aim,
): Promise<string[]> {
  const withThese = (names: readonly string[]) => {
    const chosen = Object.fromEntries(names.map((name) => [name, variables[name] ?? ""]));
    return works(sick, { ...rest, environment: { ...sick.plan.environment, ...chosen } }, aim);
  };
  return minimal(Object.keys(variables), withThese);
}
