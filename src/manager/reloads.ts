/** Reloads, whoever asks for them: a signal, a command, a file that changed. One at a time, as far as they could get in each other's way. */
import { dirname } from "node:path";
import type { App, Config } from "../config/app.ts";
import type { AppOutcome, ReloadRequest } from "../control/protocol.ts";
import { proveOutputFile } from "../os/log-file.ts";
import { ensureRuntimeDirectory } from "../os/runtime-dir.ts";
import type { Doors } from "./doors.ts";
import { planExternals, takeOver, tellChanges } from "./externals.ts";
import type { Hall } from "./hall.ts";
import { performAll, plannedOutcome, planReload, refuseManagerChanges } from "./reload.ts";
import { bindNew } from "./reload-listeners.ts";

export interface ReloadsParts {
  readonly hall: Hall;
  readonly config: Config;
  readonly runtimeDirectory: string;
  readonly doors: Doors;
  reread(): Promise<Config>;
  /** A reload begins; the function it gives is called when it is over, whatever came of it. */
  onReload(): () => void;
  /** The apps may be others now. */
  onChange(): void;
}

export class Reloads {
  readonly #parts: ReloadsParts;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: ReloadsParts) {
    this.#parts = parts;
  }

  /** Of one app or of all. Throws, with nothing changed, what is wrong with the config or cannot be bound. */
  async reload(app: string | undefined, request: ReloadRequest): Promise<readonly AppOutcome[]> {
    const over = request.dryRun === true ? () => {} : this.#parts.onReload();
    try {
      return await this.#reload(app, request);
    } finally {
      over();
    }
  }

  async #reload(app: string | undefined, request: ReloadRequest): Promise<readonly AppOutcome[]> {
    let under: readonly Promise<AppOutcome>[] = [];
    const turn = this.#turn.then(async () => {
      const began = await this.#begin(app, request);
      under = began.all;
      await Promise.allSettled(began.structural);
    });
    this.#turn = turn.catch(() => {});
    await turn;
    try {
      return await Promise.all(under);
    } finally {
      this.#parts.onChange();
    }
  }

  /**
   * Apps that come, go or move hold up the next reload. One that rolls does not: a newer version may overtake the one
   * that is just being rolled out.
   */
  async #begin(app: string | undefined, request: ReloadRequest) {
    const { hall, config, doors, reread } = this.#parts;
    const wanted = await reread();
    refuseManagerChanges(config.manager, wanted.manager);
    const externals = planExternals(hall.externals, wanted.externals, app);
    const steps = isOnlyExternal(hall, wanted, app) ? [] : await planReload(hall, wanted, app, request);
    if (request.dryRun === true) {
      const planned = externals.map((outcome) => ({ ...outcome, result: "planned" as const }));
      return { all: [...steps.map(plannedOutcome), ...planned].map(async (one) => one), structural: [] };
    }
    await doors.settled();
    proveOutputs(wanted.apps);
    prepareDirectory(wanted.apps, this.#parts.runtimeDirectory);
    // From here to the last of them nothing is waited for: all that is bound belongs to a pool of the hall.
    hall.refuseWhenClosing();
    const ready = bindNew(hall, steps, doors);
    hall.externals = takeOver(hall.externals, wanted.externals, app);
    tellChanges(hall.journal, externals);
    const all = performAll(hall, ready, request.batch ?? 1);
    // A bug in one of them is told where all are waited for, and not before.
    for (const one of all) one.catch(() => {});
    const structural = all.filter((_, index) => /^(added|removed|moved)$/.test(ready[index]?.action ?? ""));
    return { all: [...all, ...externals.map(async (one) => one)], structural };
  }
}

/** Is there, and was there, nothing of this name but an external app? */
function isOnlyExternal(hall: Hall, wanted: Config, app: string | undefined): boolean {
  const has = (all: readonly { readonly name: string }[]) => all.some(({ name }) => name === app);
  return !has(hall.apps) && !has(wanted.apps) && (has(hall.externals) || has(wanted.externals));
}

/** Makes the runtime directory where the socket of an app is to lie there. */
export function prepareDirectory(apps: readonly App[], directory: string): void {
  const liesThere = ({ listen }: App) => listen.kind === "unix" && dirname(listen.path) === directory;
  if (apps.some(liesThere)) ensureRuntimeDirectory(directory);
}

/** Can the output files be written? */
export function proveOutputs(apps: readonly App[]): void {
  for (const { name, outputFile } of apps) if (outputFile !== undefined) proveOutputFile(name, outputFile);
}
