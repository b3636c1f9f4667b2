/** All examinations of one patient, one after the other. */
import type { Finding } from "../diagnosis/finding.ts";
import { differingInterpreter } from "./interpreter-note.ts";
import { examineLive } from "./live.ts";
import type { Examination, Patient } from "./patient.ts";
import { examinePlace, worstFirst } from "./place.ts";
import { examineProgram } from "./program.ts";

/** `known`: what kept the app from being planned. The worst come first; nothing is said twice. */
export async function examine(patient: Patient, known: readonly Finding[]): Promise<Finding[]> {
  const findings = [...known];
  for (const examination of examinationsOf(patient)) {
    patient.journal.signal.throwIfAborted();
    findings.push(...(await examination(patient)));
  }
  return worstFirst(findings.filter(isFullest));
}

/** What runs is looked at first: the trial of its program takes time from it. */
function examinationsOf({ app, address, running, plan }: Patient): Examination[] {
  const isLive = running !== undefined || (app === undefined && address !== undefined);
  return [
    ...(isLive ? [examineLive] : []),
    ...(address === undefined ? [] : [(patient: Patient) => examinePlace(patient)]),
    ...(plan === undefined ? [] : [examineInterpreter, examineTrial]),
  ];
}

/** A POST goes to the app itself, where it runs, and to no one else. */
const examineTrial: Examination = (patient) => {
  const wish = patient.running === undefined ? patient.wish : { ...patient.wish, data: undefined };
  return examineProgram({ ...patient, wish });
};

const examineInterpreter: Examination = async ({ plan }) => (plan === undefined ? [] : differingInterpreter(plan));

/** Of those that say the same it is the one that knows most of it: a trial sees more than a request from outside. */
function isFullest(finding: Finding, _index: number, all: readonly Finding[]): boolean {
  const same = all.filter(({ code, what }) => code === finding.code && what === finding.what);
  const most = Math.max(...same.map(({ seen }) => seen.length));
  return same.find(({ seen }) => seen.length === most) === finding;
}
