/** A manager that is PID 1, as in a container: first of a PID namespace of its own, with the /proc that belongs to it. */
import { childrenOf, type RunningManager, runManager, tryKill } from "./manager.ts";
import { until } from "./wait.ts";

/** Ends with what it has started, whatever happens. It ignores TERM and INT itself: signals are for its child. */
export const asFirst = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];

/** Starts `fcgi-pm ARGS…` as PID 1. `pid` is its pid here; the pids that it tells are those of its namespace. */
export async function runAsFirst(
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<RunningManager> {
  const manager = runManager(args, { ...options, under: asFirst });
  const pid = await until(() => childrenOf(manager.pid)[0], { what: "the first process" });
  const signal = (name: NodeJS.Signals) => tryKill(pid, name);
  return {
    ...manager,
    pid,
    workers: () => childrenOf(pid),
    signal,
    stop: () => {
      signal("SIGTERM");
      return manager.ended;
    },
  };
}

export async function startReadyAsFirst(
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<RunningManager> {
  const manager = await runAsFirst(["start", ...args], options);
  await manager.notice("manager.ready", 60_000);
  return manager;
}
