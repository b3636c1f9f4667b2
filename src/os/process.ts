/**
 * Launches workers. The listener becomes fd 0 by way of a tiny shell that execs the program: handed over by Node as
 * stdio[0] it would lose O_NONBLOCK for every worker that shares it, because libuv clears the flag there. Each step is
 * an exec, so the worker is a direct child, with the pid that was spawned, and no shell is left.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, fchownSync, readdirSync } from "node:fs";
import { getPriority } from "node:os";
import type { RlimitName } from "../config/app.ts";
import { type Identity, toolPath } from "./identity.ts";
import { openPipe, setCloseOnExec } from "./posix.ts";

export interface LaunchPlan {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly umask: number;
  /** Absent for a program without a listener: its fd 0 is /dev/null. */
  readonly listenerFd?: number;
  readonly identity: Identity;
  readonly priority?: number;
  readonly rlimits: Readonly<Partial<Record<RlimitName, number | "unlimited">>>;
}

export interface Launched {
  readonly child: ChildProcess;
  readonly stdoutFd: number;
  readonly stderrFd: number;
}

/** Spawns worker after worker of one plan. */
export type Launcher = (env: Readonly<Record<string, string>>) => Launched;

/** Under these names the environment passes through the programs that run as root (see `launcherFor`). */
const veil = "_FCGI_PM_";

/**
 * The launcher of a plan. Throws FCGI_PM_TOOL_MISSING where the plan needs a tool that is not installed. The launcher
 * throws what spawn(2) reports: EAGAIN, ENOMEM, EMFILE, …
 *
 * Where the user changes, setpriv and its friends run as root before it does. The worker's environment may hold what
 * rules such a program (LD_PRELOAD from an env file that the site's user may write), so it passes them under other names
 * and gets its own only in the shell that already runs as the user.
 */
export function launcherFor(plan: LaunchPlan): Launcher {
  const niceness = nicenessOf(plan);
  const prefix = [...limits(plan), ...(plan.identity.setpriv ?? []), "/bin/sh", "-c"];
  const veiled = plan.identity.setpriv !== undefined;
  return (env) => {
    const names = Object.keys(env);
    const script = shim(plan, veiled ? names : []);
    const [command = "", ...args] = [...niceness(), ...prefix, script, "sh", plan.program, ...plan.args];
    return spawnWithPipes(command, args, plan, veiled ? veilNames(env, names) : env);
  };
}

/** What the shell does before it execs: the environment, SIGPIPE ignored as mod_fastcgi promises, the mask, the listener. */
function shim(plan: LaunchPlan, names: readonly string[]): string {
  const unveil = names.map((name, index) => `export ${name}="$${veil}${index}"; unset ${veil}${index}`);
  const redirect = plan.listenerFd === undefined ? "" : " <&3 3<&-";
  const steps = [...unveil, 'trap "" PIPE', `umask ${plan.umask.toString(8).padStart(4, "0")}`];
  return `${[...steps, "unset PWD OLDPWD SHLVL _"].join("; ")}; exec "$@"${redirect}`;
}

function veilNames(env: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, index) => [`${veil}${index}`, env[name] ?? ""]));
}

/** nice(1) counts from the value that it finds: ours, which systemd or a shell may have set. */
function nicenessOf({ priority }: LaunchPlan): () => string[] {
  if (priority === undefined) return () => [];
  const nice = toolPath("nice");
  return () => [nice, "-n", String(priority - getPriority())];
}

function limits(plan: LaunchPlan): string[] {
  const flags = Object.entries(plan.rlimits).map(([name, value]) => `--${name}=${value}`);
  return flags.length === 0 ? [] : [toolPath("prlimit"), ...flags, "--"];
}

/** Real pipes, since a program cannot open Node's socket pairs as /dev/stderr; a session of its own, so that Ctrl-C is not for it. */
function spawnWithPipes(
  command: string,
  args: readonly string[],
  plan: LaunchPlan,
  env: Readonly<Record<string, string>>,
): Launched {
  const stdout = openPipe();
  let stderr: { readFd: number; writeFd: number } | undefined;
  try {
    stderr = openPipe();
    if (plan.identity.setpriv !== undefined) {
      // A worker that opens /dev/stderr opens the pipe anew, with the rights of its own user.
      for (const fd of [stdout.writeFd, stderr.writeFd]) fchownSync(fd, plan.identity.uid, plan.identity.gid);
    }
    const stdio = ["ignore" as const, stdout.writeFd, stderr.writeFd];
    if (plan.listenerFd !== undefined) stdio.push(plan.listenerFd);
    const child = spawn(command, args, { cwd: plan.cwd, env: { ...env }, stdio, detached: true });
    return { child, stdoutFd: stdout.readFd, stderrFd: stderr.readFd };
  } catch (error) {
    closeSync(stdout.readFd);
    if (stderr !== undefined) closeSync(stderr.readFd);
    throw error;
  } finally {
    closeSync(stdout.writeFd);
    if (stderr !== undefined) closeSync(stderr.writeFd);
  }
}

/** Why no process came of it. Where the working directory has gone meanwhile, spawn says that there is no /bin/sh. */
export function whyNotSpawned(error: Error, cwd: string): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "ENOENT" || existsSync(cwd)) return error.message;
  return `its working directory ${cwd} is gone`;
}

/**
 * Nothing that we inherited goes on to a worker. Node does the same at its start, but gives up after the first gap
 * above 15: a higher descriptor leaked on to workers (measured).
 */
export function keepDescriptorsToOurselves(): void {
  for (const name of readdirSync("/proc/self/fd")) {
    const fd = Number(name);
    if (fd <= 2) continue;
    try {
      setCloseOnExec(fd);
    } catch {} // the descriptor of the directory just listed is closed by now
  }
}

/**
 * Sends a signal to a worker or to its process group. What is gone already is no error; nor is a worker that changed its
 * user, which we may not signal: that it lingers is said in time.
 */
export function sendSignal(pid: number, signal: NodeJS.Signals, group: boolean): void {
  try {
    process.kill(group ? -pid : pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

/** Is anybody left in the process group that this worker led? */
export function groupLives(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
