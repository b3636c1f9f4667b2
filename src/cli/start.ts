/** `fcgi-pm start`: one app from flags, or every app of a config, in the foreground. */
import { readFileSync } from "node:fs";
import { basename, extname } from "node:path";
import type { Command } from "commander";
import type { Config } from "../config/app.ts";
import { appFlags, managerFlags } from "../config/keys.ts";
import { appFromFlags, managerFromFlags } from "../config/parse.ts";
import { FcgiPmError } from "../errors.ts";
import { type Manager, startManager } from "../manager/manager.ts";
import { catchSignals } from "../manager/signals.ts";
import { runtimeDirectory } from "../os/runtime-dir.ts";
import { findConfig, loadConfig, parseContext } from "./context.ts";
import { givenFlags } from "./flags.ts";
import { version } from "./version.ts";

/** Runs until the manager has ended; gives the exit status. */
export async function start(words: readonly string[], command: Command): Promise<number> {
  const config = await configOf(words, command);
  const signals = catchSignals();
  return signals.obey(await launch(config));
}

/** Starts the manager of a config with what this process has to offer. */
export function launch(config: Config): Promise<Manager> {
  return startManager(config, {
    version,
    runtimeDirectory: runtimeDirectory(process.env),
    // The process list has as much room for a title as the command line took.
    titleRoom: readFileSync("/proc/self/cmdline").length - 1,
  });
}

async function configOf(words: readonly string[], command: Command): Promise<Config> {
  const named = command.opts<{ config?: string; name?: string }>();
  const flags = givenFlags(command, appFlags);
  const manager = givenFlags(command, managerFlags);
  const [program] = words;
  if (program === undefined) {
    refuseAppFlags(flags, named.name);
    const config = await loadConfig(findConfig(named.config));
    return { ...config, manager: managerFromFlags(manager, parseContext(), config.manager) };
  }
  if (named.config !== undefined) {
    throw new FcgiPmError("FCGI_PM_USAGE_WRONG", `Cannot start "${program}" and --config ${named.config} at once`, {
      remedy: "name a program, or give --config",
    });
  }
  const context = parseContext();
  const app = appFromFlags(named.name ?? nameOf(program), words, flags, context);
  return { manager: managerFromFlags(manager, context), apps: [app] };
}

/** `/var/www/blog/app.fcgi` is called `app`. */
function nameOf(program: string): string {
  const base = basename(program);
  return (
    basename(base, extname(base))
      .replace(/[^A-Za-z0-9._-]/g, "-")
      .replace(/^[^A-Za-z0-9]+/, "") || "app"
  );
}

function refuseAppFlags(flags: Readonly<Record<string, unknown>>, name: string | undefined): void {
  const given = [...Object.keys(flags), ...(name === undefined ? [] : ["name"])];
  if (given.length === 0) return;
  throw new FcgiPmError(
    "FCGI_PM_USAGE_WRONG",
    `Without a program, --${given[0]} has no meaning: the apps of a config have their own keys`,
    { remedy: "name a program (fcgi-pm start app.fcgi), or set the key in the config" },
  );
}
