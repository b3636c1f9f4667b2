/** Four workers with nothing to do: from the command until all are replaced. */
import { type Manager, startManager } from "./contestants.ts";
import { measure } from "./gauge.ts";
import { echo } from "./programs.ts";
import { type Reloader, reloadByControl, reloadCommands, workers } from "./reloaders.ts";
import { inTurns, type Samples } from "./rounds.ts";
import { medianOf, type Result, type Row, ratioTo, type Table } from "./table.ts";

const mostMs = 150;

const table: Table = {
  title: "A reload of idle workers",
  about:
    "From the start of the command until none of the old workers is left and as many new ones wait in accept: `fcgi-pm reload --all`, " +
    "which starts Node first; `pkill -TERM` for the workers of multiwatch and of the bare loop; `supervisorctl restart`, in Python. " +
    "Then the same for a client that already runs.",
  columns: reloadCommands,
};

export async function measureIdleReload(): Promise<Result> {
  const present = reloadCommands.filter(({ missing }) => missing.length === 0);
  const managers = new Map<Reloader, Manager>();
  try {
    for (const who of present) managers.set(who, await startManager(who.contestant, workers, echo()));
    return await compare(present, managers);
  } finally {
    await Promise.all([...managers.values()].map((manager) => manager.stop()));
  }
}

async function compare(present: readonly Reloader[], managers: ReadonlyMap<Reloader, Manager>): Promise<Result> {
  const told: number[] = [];
  const renew = async (who: Reloader, commandOf: Reloader["command"]) => {
    const manager = managers.get(who);
    if (manager === undefined) throw new Error(`${who.name} does not run`);
    const [ms = Number.NaN] = await measure("renewed", manager.pid, ...commandOf(manager));
    return ms;
  };
  const rounds = { count: 7, slowEvery: 3, pauseMs: 300 };
  const samples = await inTurns(present, rounds, async (who) => {
    const ms = await renew(who, who.command);
    if (who.name === "fcgi-pm") told.push(await renew(who, reloadByControl));
    return ms;
  });
  const byControl = new Map([["fcgi-pm", told]]);
  return {
    table,
    rows: [
      { metric: "command to done, ms", ...judged(samples), ...ratioTo(samples, "supervisord, all") },
      { metric: "`POST /v1/reload` to done, ms", ...judged(byControl) },
    ],
  };
}

function judged(samples: Samples): Pick<Row, "samples" | "target" | "reached"> {
  return { samples, target: `< ${mostMs}`, reached: medianOf(samples, "fcgi-pm") < mostMs };
}
