/** `fcgi-pm doctor`: tries a deployment the way the web server would, and says what is wrong and what mends it. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { appFlags } from "../config/keys.ts";
import { joinWords } from "../config/words.ts";
import { unitBehind } from "../diagnosis/unit-lag.ts";
import { examine } from "../doctor/examine.ts";
import type { Patient } from "../doctor/patient.ts";
import { openJournal } from "./doctor-journal.ts";
import { readLog } from "./doctor-log.ts";
import { type Asked, acquaintances, patientsOf } from "./doctor-patients.ts";
import { type Report, reportJson, reportLines } from "./doctor-report.ts";
import { type WishWords, wishOf } from "./doctor-wish.ts";
import { givenFlags } from "./flags.ts";
import { printJson, printLines, screenOf } from "./terminal.ts";
import { lagsOf } from "./unit-lag.ts";

interface DoctorOptions extends WishWords {
  readonly config?: string;
  readonly control?: string;
  readonly name?: string;
  readonly logLine?: readonly string[];
  readonly log?: string;
  readonly json?: true;
}

/** Gives the exit status: 0, or 4 where something is broken. */
export async function doctor(words: readonly string[], command: Command): Promise<number> {
  const options = command.opts<DoctorOptions>();
  const leave = new AbortController();
  const statusOfSignal = catchSignals(leave);
  const journal = openJournal(leave.signal, options.json === true);
  const { config, control, name } = options;
  const asked = { words, flags: givenFlags(command, appFlags), name, config, control, wish: wishOf(options), journal };
  try {
    const isLog = options.log !== undefined || options.logLine !== undefined;
    const reports = isLog ? [await explainLog(asked, options)] : await examineAll(asked);
    journal.clear();
    if (options.json === true) await printJson(reportJson(reports));
    else await printLines(reportLines(reports, screenOf(process.stdout).colour));
    return reports.some(isBroken) ? 4 : 0;
  } catch (error) {
    journal.clear();
    if (leave.signal.aborted) return statusOfSignal();
    throw error;
  }
}

type Doing = Asked & { readonly journal: ReturnType<typeof openJournal> };

async function examineAll(asked: Doing): Promise<Report[]> {
  const reports: Report[] = [];
  const configs = new Set<string>();
  for (const { patient, known } of await patientsOf(asked)) {
    const findings = await examine(patient, known);
    reports.push({ name: titleOf(patient), findings, tried: asked.journal.take() });
    if (patient.configFile !== undefined) configs.add(resolve(patient.configFile));
  }
  return [...reports, ...(await Promise.all([...configs].map(examineUnits))).flat()];
}

/** The services of a config: nothing is said of one that is as it should be. */
async function examineUnits(config: string): Promise<Report[]> {
  const lags = await lagsOf(config);
  return lags.map((lag) => ({ name: lag.unit, findings: [unitBehind(lag)], tried: [] }));
}

/** An app that nobody has named is called by its program. */
function titleOf({ name, app, configFile, running }: Patient): string {
  if (app === undefined || configFile !== undefined || running !== undefined) return name;
  return app.command === undefined ? `${name} (--wsgi ${app.wsgi})` : joinWords(app.command);
}

async function explainLog(asked: Doing, { log, logLine = [] }: DoctorOptions): Promise<Report> {
  const lines = [...logLine, ...(log === undefined ? [] : await readLog(log))];
  const { examineLog } = await import("../doctor/log.ts");
  const patients = (await acquaintances(asked)).map(({ patient }) => patient);
  const { wish, journal } = asked;
  const findings = await examineLog(lines, patients, { wish, journal });
  return { name: log ?? "the log", findings, tried: journal.take() };
}

function isBroken({ findings }: Report): boolean {
  return findings.some(({ level }) => level === "broken");
}

const statuses = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** A trial is ended and removed before we leave. Gives the exit status of the signal that came. */
function catchSignals(leave: AbortController): () => number {
  let status = 1;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      status = statuses[name];
      leave.abort();
    });
  }
  return () => status;
}
