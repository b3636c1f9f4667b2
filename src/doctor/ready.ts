/** A worker that waits for requests: asked once, asked again, left in the middle, stopped. */
import { judgeAnswer } from "../diagnosis/answer.ts";
import type { Finding } from "../diagnosis/finding.ts";
import { examineAfterwards } from "./afterwards.ts";
import { named, summaryOf } from "./ask.ts";
import { askOf, witnessOf } from "./asking.ts";
import type { Case } from "./case.ts";
import { causeOfAnswer } from "./cause.ts";
import { examineEnd } from "./stopping.ts";
import type { Trial, TrialWorker } from "./trial.ts";

/** The trial is ended by whoever opened it. */
export async function examineReady(sick: Case, trial: Trial, worker: TrialWorker): Promise<Finding[]> {
  const { wish, journal } = sick.patient;
  const facts = await askOf(sick, trial, worker, wish);
  journal.tried(`${named(wish)}: ${summaryOf(facts)}`);
  const witness = await witnessOf(worker, facts);
  const findings = judgeAnswer(facts, sick.context(witness));
  if (findings.some(({ level }) => level === "broken")) {
    if (facts.kind !== "timed-out") findings.push(...(await examineEnd(sick, trial, worker)));
    await trial.end();
    return explained(findings, await causeOfAnswer(sick, facts, findings, witness.lines));
  }
  findings.push(...(await examineAfterwards(sick, trial, worker, facts)));
  findings.push(...(await examineEnd(sick, trial, worker)));
  return findings;
}

/** What was found out about the reason stands in the first finding, which it explains. */
function explained(findings: readonly Finding[], cause: Pick<Finding, "seen" | "remedy"> | undefined): Finding[] {
  const [first, ...others] = findings;
  if (first === undefined || cause === undefined) return [...findings];
  const remedy = [...cause.remedy, ...first.remedy];
  return [{ ...first, seen: [...first.seen, ...cause.seen], remedy }, ...others];
}
