/** Why a program fails here: found by looking where its complaint points, then by trying it under other circumstances. */
import type { AnswerFacts } from "../diagnosis/answer-facts.ts";
import type { Cause, DeathFacts } from "../diagnosis/death.ts";
import { isExplained } from "../diagnosis/death.ts";
import type { Finding } from "../diagnosis/finding.ts";
import { complaintIn } from "../diagnosis/last-words.ts";
import { linesOf } from "../diagnosis/seen.ts";
import type { Case } from "./case.ts";
import { causeOfDatabase, causeOfFile } from "./files.ts";
import { causeOfMachine } from "./machine.ts";
import { causeOfModule } from "./modules.ts";
import { causeOfPeers } from "./peers.ts";
import { causeOfSurroundings } from "./surroundings.ts";
import { causeOfVariable } from "./variables.ts";
import { type Aim, works } from "./variation.ts";

/** Undefined: its last words have to be enough. */
export async function causeOfDeath(sick: Case, facts: DeathFacts): Promise<Cause | undefined> {
  if (isExplained(facts)) return undefined;
  sick.patient.journal.say("looking for the reason");
  return causeOrGuess(sick, facts.complaint, "ready");
}

/** The program's own text is at fault: another directory or variable does not mend it. */
const itsOwnFault: ReadonlySet<string> = new Set([
  "answer.script-unknown",
  "answer.http-status-line",
  "answer.headers-without-end",
  "answer.content-length",
  "answer.blank-line-first",
  "answer.timed-out",
  "program.speaks-http",
]);

/** What may be mended from outside: the application works elsewhere. */
export async function causeOfAnswer(
  sick: Case,
  facts: AnswerFacts,
  findings: readonly Finding[],
  lines: readonly string[],
): Promise<Pick<Finding, "seen" | "remedy"> | undefined> {
  const isPlain = findings.every(({ level, code }) => level !== "broken" || itsOwnFault.has(code));
  if (isPlain || sick.patient.wish.data !== undefined) return undefined;
  sick.patient.journal.say("looking for the reason");
  const refusal = facts.kind === "cut" && facts.bytes === 0 ? await causeOfPeers(sick) : undefined;
  if (refusal !== undefined) return refusal;
  const body = facts.kind === "complete" ? linesOf(facts.bodyStart) : [];
  const complaint = complaintIn([...body, ...lines, ...linesOf(facts.stderr)]);
  return causeOrGuess(sick, complaint, "sound answer");
}

/** What is proved outranks what is likely. */
async function causeOrGuess(sick: Case, complaint: DeathFacts["complaint"], aim: Aim): Promise<Cause | undefined> {
  const cause = await causeOf(sick, complaint, aim);
  if (cause !== undefined && cause.isGuess !== true) return cause;
  const found = await causeOfSurroundings(sick, aim);
  if (found === undefined) return cause;
  // The control: whatever was changed is the reason only if nothing works without it.
  return (await works(sick, {}, aim)) ? failsSometimes : found;
}

const failsSometimes: Cause = {
  code: "program.fails-sometimes",
  what: "The program fails, but not every time: started once more in the same way, it works",
  seen: ["the same start that had failed was tried again, with nothing changed, and did not fail"],
  remedy: [
    "look for what it leaves behind or finds in use: a lock, a pid file, a cache, a service that is slow to come up",
    "run the doctor again: the lines above are of the start that failed",
  ],
};

async function causeOf(sick: Case, complaint: DeathFacts["complaint"], aim: Aim): Promise<Cause | undefined> {
  switch (complaint?.kind) {
    case "module-missing":
      return causeOfModule(sick, complaint.name, aim);
    case "variable-missing":
      return causeOfVariable(sick, complaint.name, aim);
    case "file-missing":
    case "forbidden":
      return causeOfFile(sick, complaint, aim);
    case "database":
      return causeOfDatabase(sick, complaint);
    case "other-machine":
      return causeOfMachine(sick);
    default:
      return undefined;
  }
}
