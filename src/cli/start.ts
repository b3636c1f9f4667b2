/** `fcgi-pm start`: one app from flags, or every app of a config, in the foreground, or as what `--daemon` has started. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Config } from "../config/app.ts";
import { appFlags, managerFlags } from "../config/keys.ts";
import { appFromFlags, managerFromFlags } from "../config/parse.ts";
import { FcgiPmError } from "../errors.ts";
import { type Manager, startManager } from "../manager/manager.ts";
import { catchSignals } from "../manager/signals.ts";
import { controlDirectory, runtimeDirectory } from "../os/runtime-dir.ts";
import { appNameOf } from "./app-name.ts";
import { findConfig, loadConfig, parseContext, refuseConfigAsProgram } from "./context.ts";
import { givenFlags } from "./flags.ts";
import { reportVariable } from "./report.ts";
import { version } from "./version.ts";

/** Where a config comes from, for whoever has to read it again. */
export interface Origin {
  /** Absent for an app from flags. */
  readonly configFile?: string;
  reread(): Promise<Config>;
}

/** Runs until the manager has ended; gives the exit status. */
export async function start(words: readonly string[], command: Command): Promise<number> {
  const isDetached = takeReportVariable();
  const origin = originOf(words, command);
  // Nobody else finds it in our environment.
  const socket = process.env["NOTIFY_SOCKET"];
  try {
    return await run(origin, isDetached);
  } catch (error) {
    if (origin.configFile === undefined && socket === undefined) throw error;
    const { explainFailedStart } = await import("./failed-start.ts");
    throw await explainFailedStart(error, origin.configFile, socket);
  }
}

async function run(origin: Origin, isDetached: boolean): Promise<number> {
  const config = await origin.reread();
  const signals = catchSignals();
  const manager = await launch(config, origin);
  const ended = signals.obey(manager);
  if (!isDetached) return ended;
  const { detach } = await import("./detached.ts");
  return detach(manager, config, ended);
}

/** Starts the manager of a config with what this process has to offer. */
export function launch(config: Config, origin: Origin): Promise<Manager> {
  return startManager(config, {
    version,
    runtimeDirectory: runtimeDirectory(process.env),
    controlDirectory: controlDirectory(process.env),
    // The process list has as much room for a title as the command line took.
    titleRoom: readFileSync("/proc/self/cmdline").length - 1,
    unitLag: async () => (await import("./unit-lag.ts")).ownLag(origin.configFile),
    ...origin,
  });
}

/** Did `start --daemon` start us? No worker is to think the same of itself. */
function takeReportVariable(): boolean {
  const isThere = process.env[reportVariable] !== undefined;
  delete process.env[reportVariable];
  return isThere;
}

/** What is wrong with the words themselves is thrown; what is wrong with the file, when it is read. */
function originOf(words: readonly string[], command: Command): Origin {
  const { config: file, name } = command.opts<{ config?: string; name?: string }>();
  const flags = givenFlags(command, appFlags);
  const manager = givenFlags(command, managerFlags);
  const { wsgi } = flags as { wsgi?: string };
  const [program = wsgi] = words;
  if (program === undefined) {
    refuseAppFlags(flags, name);
    const path = findConfig(file);
    // Named as it was typed at the start; later, whoever reads it may be elsewhere.
    let named = path;
    const reread = async () => {
      const config = await fromFile(named, manager);
      named = resolve(path);
      return config;
    };
    return { configFile: resolve(path), reread };
  }
  refuseTwo(words, wsgi, file);
  refuseConfigAsProgram("start", program);
  const context = parseContext();
  return {
    reread: async () => {
      const apps = [appFromFlags(name ?? appNameOf(program, wsgi), words, flags, context)];
      return { manager: managerFromFlags(manager, context, undefined, apps), apps, externals: [] };
    },
  };
}

async function fromFile(path: string, flags: Readonly<Record<string, unknown>>): Promise<Config> {
  const config = await loadConfig(path);
  refuseNothing(path, config);
  return { ...config, manager: managerFromFlags(flags, parseContext(), config.manager, config.apps) };
}

/** A manager that runs nothing would only wait to be asked what `request` and `doctor` tell without it. */
function refuseNothing(path: string, { apps, externals }: Config): void {
  if (apps.length > 0) return;
  const names = externals.map(({ name }) => name).join(", ");
  const message = `There is nothing to start in ${path}: all its apps are external (${names})`;
  throw new FcgiPmError("FCGI_PM_NOTHING_TO_START", message);
}

function refuseTwo(words: readonly string[], wsgi: string | undefined, file: string | undefined): void {
  const refuse = (one: string, other: string, remedy: string) => {
    throw new FcgiPmError("FCGI_PM_USAGE_WRONG", `Cannot start ${one} and ${other} at once`, { remedy });
  };
  const [program] = words;
  if (program !== undefined && wsgi !== undefined)
    refuse(
      `"${program}"`,
      `--wsgi ${wsgi}`,
      `leave ${program} out: an application gets what it needs by --env NAME=VALUE`,
    );
  const one = program === undefined ? `--wsgi ${wsgi}` : `"${program}"`;
  if (file !== undefined) refuse(one, `--config ${file}`, "name a program, or give --config");
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
