/** Signals to the manager. */
import type { Manager } from "./manager.ts";

/**
 * Obeys signals until the manager has stopped. Gives the exit status: 0, or 128 and the signal's number where it came
 * before the workers were ready.
 */
export async function obeySignals(manager: Manager): Promise<number> {
  let status = 0;
  const end = (signal: "SIGTERM" | "SIGINT", number: number) => () => {
    if (!manager.isReady()) status = 128 + number;
    manager.stop(signal);
  };
  process.on("SIGTERM", end("SIGTERM", 15));
  process.on("SIGINT", end("SIGINT", 2));
  process.on("SIGUSR1", () => manager.journal.reopen());
  for (const signal of ["SIGHUP", "SIGUSR2"] as const) {
    process.on(signal, () => manager.journal.tell(undefined, { type: "manager.ignores", signal }));
  }
  await manager.stopped;
  return status;
}
