/** Lines of web servers' logs: explained, and checked against the app as it is now. */
import type { Finding } from "../diagnosis/finding.ts";
import {
  type ExplainedLog,
  explainLog,
  findingOf,
  type Trouble,
  unknownFindings,
  type Verdict,
} from "../diagnosis/log.ts";
import type { Where } from "../diagnosis/log-line.ts";
import { proofsOf } from "../diagnosis/log-proofs.ts";
import { formatAddress } from "../fastcgi/address.ts";
import { named } from "./ask.ts";
import { examineLive } from "./live.ts";
import type { Patient } from "./patient.ts";
import { examinePlace, worstFirst } from "./place.ts";
import { appOf } from "./place-unix.ts";

/** Whoever stands for the address of a line that belongs to no patient: how it is asked, and whom it is told. */
export type Surroundings = Pick<Patient, "wish" | "journal">;

/**
 * Every message that is known, the worst first, each with what a look at its socket shows now; then what was found there
 * besides. Each address is looked at once, and gets one request at most. With no patients the addresses of the lines are
 * looked at as anybody's; `surroundings` says how.
 */
export async function examineLog(
  lines: readonly string[],
  patients: readonly Patient[],
  surroundings: Surroundings | undefined = patients[0],
): Promise<Finding[]> {
  const explained = explainLog(lines);
  const looks = new Map<string, Promise<Look>>();
  const told: Finding[] = [];
  const seen = new Set<Finding>();
  const proved = new Set<Finding>();
  for (const trouble of worthTelling(explained)) {
    const patient = patientFor(trouble, patients, surroundings);
    const app = patient === undefined ? undefined : appOf(patient);
    const look = trouble.meaning.look === "nothing" ? undefined : await lookAt(patient, looks);
    const verdict = look === undefined || patient === undefined ? undefined : verdictOf(trouble, look, patient);
    told.push(findingOf(trouble, app, verdict));
    for (const finding of look?.findings ?? []) seen.add(finding);
    for (const proof of verdict?.proofs ?? []) proved.add(proof);
  }
  const besides = [...seen].filter((finding) => finding.level === "broken" && !proved.has(finding));
  return [...worstFirst(told), ...worstFirst(besides), ...unknownFindings(explained.unknown)];
}

/** A line that only says that something failed is told where nothing says what. */
function worthTelling({ troubles }: ExplainedLog): readonly Trouble[] {
  const speaking = troubles.filter(({ code }) => code !== "log.consequence" && code !== "log.recovered");
  return speaking.length > 0 ? speaking : troubles;
}

/** The app that listens where the line says; the only one there is, where it does not say. */
function patientFor(
  { where }: Trouble,
  patients: readonly Patient[],
  surroundings: Surroundings | undefined,
): Patient | undefined {
  if (where === undefined) return patients.length === 1 ? patients[0] : undefined;
  const found = patients.find(({ address }) => address !== undefined && isSame(address, where));
  return found ?? (surroundings === undefined ? undefined : stranger(where, surroundings));
}

function isSame(one: Where, other: Where): boolean {
  if (one.kind === "unix" || other.kind === "unix") return formatAddress(one) === formatAddress(other);
  const areEqual =
    one.host === other.host || [one.host, other.host].some((host) => host === "0.0.0.0" || host === "::");
  return areEqual && one.port === other.port;
}

function stranger(where: Where, { wish, journal }: Surroundings): Patient {
  const nothing = { app: undefined, plan: undefined, configFile: undefined, running: undefined };
  return { ...nothing, name: formatAddress(where), address: where, wish, journal };
}

interface Look {
  readonly tried: readonly string[];
  readonly findings: readonly Finding[];
}

function lookAt(patient: Patient | undefined, looks: Map<string, Promise<Look>>): Promise<Look> | undefined {
  if (patient?.address === undefined) return undefined;
  const key = formatAddress(patient.address);
  const look = looks.get(key) ?? lookNow(patient);
  looks.set(key, look);
  return look;
}

async function lookNow(patient: Patient): Promise<Look> {
  const tried: string[] = [];
  const { journal } = patient;
  const noting = {
    ...journal,
    say: (text: string) => journal.say(text),
    tried: (text: string) => {
      tried.push(text);
      journal.tried(text);
    },
    signal: journal.signal,
  };
  const place = await examinePlace(patient);
  const live =
    patient.app === undefined || patient.running !== undefined
      ? await examineLive({ ...patient, journal: noting })
      : [];
  return { tried, findings: [...place, ...live] };
}

/** None where the line is about an answer, and nobody could be asked for one. */
function verdictOf({ code, meaning }: Trouble, { tried, findings }: Look, { wish }: Patient): Verdict | undefined {
  const proofs = proofsOf(code, findings);
  const isOpen = proofs.length === 0 && meaning.look === "answer" && tried.length === 0;
  return isOpen ? undefined : { tried, request: named(wish), proofs };
}
