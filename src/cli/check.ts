/** `fcgi-pm check`: proves a config without starting anything. */
import { lstatSync } from "node:fs";
import { resolve } from "node:path";
import type { App, External } from "../config/app.ts";
import type { Finding } from "../diagnosis/finding.ts";
import { sentenceOfLag } from "../diagnosis/unit-lag.ts";
import { offlineFindings } from "../doctor/offline.ts";
import { FcgiPmError } from "../errors.ts";
import { formatAddress } from "../fastcgi/address.ts";
import { planApp, proveListener } from "../manager/plan.ts";
import { visible } from "../observe/visible.ts";
import { proveLogFile } from "../os/log-file.ts";
import { runtimeDirectory } from "../os/runtime-dir.ts";
import { findConfig, loadConfig } from "./context.ts";
import { print, printLines } from "./terminal.ts";

export interface CheckOptions {
  /** As whom the web server comes to the sockets. */
  readonly webUser?: string;
  /** Does somebody else look after the units of the service? */
  readonly leavesUnits?: boolean;
}

/** Prints a line for each app, and warnings below it; gives the exit status: 0, or 5 where something is wrong. */
export async function check(file: string | undefined, options: CheckOptions = {}): Promise<number> {
  const path = findConfig(file, "name it: fcgi-pm check FILE");
  const config = await loadConfig(path);
  let wrong = 0;
  const attempt = async (prove: () => Promise<string> | string) => {
    let text: string;
    try {
      text = await prove();
    } catch (error) {
      if (!(error instanceof FcgiPmError)) throw error;
      wrong += 1;
      text = `${error.message}\n  try: ${error.remedy}`;
    }
    await print(`${text}\n`);
  };
  const { logFile } = config.manager;
  if (logFile !== undefined) await attempt(() => proveLog(logFile));
  for (const app of config.apps) await attempt(() => prove(app, options.webUser));
  await printLines(config.externals.flatMap(describeExternal));
  if (wrong === 0 && options.leavesUnits !== true) await printLines(await aboutUnits(resolve(path)));
  if (wrong === 0) return 0;
  process.stderr.write(`error: ${path} cannot run as it is: ${wrong} ${wrong === 1 ? "problem" : "problems"}\n`);
  return 5;
}

function proveLog(path: string): string {
  proveLogFile(path);
  return `log: ${path} can be written`;
}

async function prove(app: App, webUser: string | undefined): Promise<string> {
  const plan = await planApp(app);
  const where = proveListener(plan, runtimeDirectory(process.env));
  const what = [plan.program.path, ...plan.program.args].join(" ");
  const line = `${app.name}: ok, ${app.processes} × ${what} as ${plan.identity.name}${where}`;
  return [line, ...offlineFindings(plan, webUser).flatMap(warningLines)].join("\n");
}

/** It runs all the same; whether the web server gets there is another matter. */
function warningLines({ level, what, remedy: [first = ""] }: Finding): string[] {
  return [`  ${level === "note" ? "note" : "warning"}: ${visible(what)}`, `    try: ${visible(first)}`];
}

/** What a service may do was written down when it was installed. */
async function aboutUnits(config: string): Promise<string[]> {
  const { lagsOf } = await import("./unit-lag.ts");
  return (await lagsOf(config)).flatMap((lag) => [`warning: ${visible(sentenceOfLag(lag))}`, `  try: ${lag.remedy}`]);
}

/** Of what somebody else starts there is nothing to prove: it may be started later, and elsewhere. */
function describeExternal({ name, listen }: External): string[] {
  const line = `${name}: external, at ${formatAddress(listen)}`;
  const why = listen.kind === "unix" ? whyNoSocket(listen.path) : undefined;
  return why === undefined ? [line] : [line, `  warning: ${visible(why)}`, `    try: ${startIt}`];
}

const startIt = "start what listens there, or correct the path: web servers answer with 502 until then";

function whyNoSocket(path: string): string | undefined {
  try {
    const file = lstatSync(path, { throwIfNoEntry: false });
    if (file === undefined) return `there is no socket ${path}`;
    return file.isSocket() || file.isSymbolicLink() ? undefined : `${path} is no socket`;
  } catch {
    return undefined; // a directory above it is closed to us, and need not be to the web server
  }
}
