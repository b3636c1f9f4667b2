/** `fcgi-pm check`: proves a config without starting anything. */
import type { App } from "../config/app.ts";
import { FcgiPmError } from "../errors.ts";
import { planApp, proveListener } from "../manager/plan.ts";
import { proveLogFile } from "../os/log-file.ts";
import { runtimeDirectory } from "../os/runtime-dir.ts";
import { findConfig, loadConfig } from "./context.ts";

/** Prints a line for each app; gives the exit status: 0, or 5 where something is wrong. */
export async function check(file: string | undefined): Promise<number> {
  const path = findConfig(file);
  const config = await loadConfig(path);
  let wrong = 0;
  const attempt = async (prove: () => Promise<string> | string) => {
    try {
      process.stdout.write(`${await prove()}\n`);
    } catch (error) {
      if (!(error instanceof FcgiPmError)) throw error;
      wrong += 1;
      process.stdout.write(`${error.message}\n  try: ${error.remedy}\n`);
    }
  };
  const { logFile } = config.manager;
  if (logFile !== undefined) await attempt(() => proveLog(logFile));
  for (const app of config.apps) await attempt(() => prove(app));
  if (wrong === 0) return 0;
  process.stderr.write(`error: ${path} cannot run as it is: ${wrong} ${wrong === 1 ? "problem" : "problems"}\n`);
  return 5;
}

function proveLog(path: string): string {
  proveLogFile(path);
  return `log: ${path} can be written`;
}

async function prove(app: App): Promise<string> {
  const plan = await planApp(app);
  const where = proveListener(plan, runtimeDirectory(process.env));
  return `${app.name}: ok, ${app.processes} × ${[plan.program.path, ...plan.program.args].join(" ")} as ${plan.identity.name}${where}`;
}
