/** Signals to the manager. They are caught before anything is started and wait until there is somebody to obey them. */
import type { Manager } from "./manager.ts";

type Caught = "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGUSR1" | "SIGUSR2";

/**
 * timeout(1) sends its signal to us and then to our process group, npm passes on what the terminal has told us already: that is one
 * wish, not a second one.
 */
const echoMs = 200;

const numbers = { SIGTERM: 15, SIGINT: 2 } as const;

type End = keyof typeof numbers;

export interface Signals {
  /**
   * Obeys signals, those that came before included, until the manager has stopped. Gives the exit status: 0, or 128 and
   * the signal's number where it came before the workers were ready. Throws why the manager ended by itself.
   */
  obey(manager: Manager): Promise<number>;
}

/** From here on no signal ends this process by itself: its workers would be left alone. */
export function catchSignals(): Signals {
  const waiting: Caught[] = takeEarly();
  let act = (signal: Caught) => {
    waiting.push(signal);
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const) {
    process.on(signal, () => act(signal));
  }
  const obey = async (manager: Manager): Promise<number> => {
    let status = 0;
    let firstEndMs: number | undefined;
    const end = (signal: End) => {
      if (performance.now() - (firstEndMs ?? -echoMs) < echoMs) return;
      // Whoever has ended it before (exit-on, a command): the first signal asks to end gracefully, only the next one to kill.
      const haste = firstEndMs === undefined ? "gracefully" : "now";
      if (!manager.isReady()) status = 128 + numbers[signal];
      manager.stop(signal, haste);
      // What came with it has waited while it was obeyed.
      firstEndMs ??= performance.now();
    };
    act = (signal) => (isEnd(signal) ? end(signal) : obeyOne(manager, signal));
    process.on("uncaughtException", (error) => manager.abort(error));
    for (const signal of waiting.splice(0)) act(signal);
    await manager.stopped;
    if (manager.failure !== undefined) throw manager.failure;
    return status;
  };
  return { obey };
}

/** What has come to PID 1 since bin/fcgi-pm.js began. */
function takeEarly(): Caught[] {
  const early = Reflect.get(globalThis, Symbol.for("fcgi-pm.early-signals")) as Caught[] | undefined;
  return early?.splice(0) ?? [];
}

function isEnd(signal: Caught): signal is End {
  return signal in numbers;
}

function obeyOne(manager: Manager, signal: Exclude<Caught, End>): void {
  if (signal === "SIGHUP") manager.reload(signal);
  else if (signal === "SIGUSR1") manager.journal.reopen();
  else manager.journal.tell(undefined, { type: "manager.ignores", signal });
}
