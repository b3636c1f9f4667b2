/** Apps that somebody else starts: shown, and taken over from the config; nothing else is the manager's. */
import type { External } from "../config/app.ts";
import type { AppOutcome } from "../control/protocol.ts";
import { FcgiPmError } from "../errors.ts";
import type { ExternalStatus } from "../observe/status.ts";
import { reach } from "../os/reachable.ts";
import { formatAddress } from "../supervision/socket.ts";
import type { Journal } from "./journal.ts";

/** All are asked at once; those that nobody wants to know of are only named. */
export function statusOfExternals(externals: readonly External[], asks: boolean): Promise<ExternalStatus[]> {
  return Promise.all(
    externals.map(async (external): Promise<ExternalStatus> => {
      const known = { app: external.name, address: addressOf(external) };
      if (!asks) return { ...known, state: null, connectMs: null, reason: null };
      const answer = await reach(external.listen);
      return answer.isReachable
        ? { ...known, state: "reachable", connectMs: answer.connectMs, reason: null }
        : { ...known, state: "unreachable", connectMs: null, reason: answer.reason };
    }),
  );
}

/** What a reload does about the external apps, for one of them or for all: nothing that could fail. */
export function planExternals(
  before: readonly External[],
  after: readonly External[],
  app: string | undefined,
): readonly AppOutcome[] {
  const [there, wanted] = [byName(before), byName(after)];
  const names = [...new Set([...wanted.keys(), ...there.keys()])].filter((name) => app === undefined || name === app);
  return names.map((name) => compare(name, there.get(name), wanted.get(name)));
}

function byName(externals: readonly External[]): ReadonlyMap<string, External> {
  return new Map(externals.map((external) => [external.name, external]));
}

function compare(app: string, before: External | undefined, after: External | undefined): AppOutcome {
  const outcome = { app, external: true, result: "done", generation: 0, wanted: 0, tookMs: 0 } as const;
  const [one, other] = [before && addressOf(before), after && addressOf(after)];
  if (one === other) return { ...outcome, action: "unchanged", changes: [] };
  if (one === undefined) return { ...outcome, action: "added", changes: [`new in the config, at ${other}`] };
  if (other === undefined)
    return { ...outcome, action: "removed", changes: ["no longer in the config as an external app"] };
  return { ...outcome, action: "moved", changes: [`address: ${one} -> ${other}`] };
}

/** Of one that is asked for by its name the others stay as they are. */
export function takeOver(
  before: readonly External[],
  after: readonly External[],
  app: string | undefined,
): readonly External[] {
  if (app === undefined) return after;
  const named = after.filter(({ name }) => name === app);
  const [others, isThere] = [before.filter(({ name }) => name !== app), before.some(({ name }) => name === app)];
  return isThere ? before.flatMap((one) => (one.name === app ? named : [one])) : [...others, ...named];
}

/** Tells what has changed. */
export function tellChanges(journal: Journal, outcomes: readonly AppOutcome[]): void {
  for (const { app, action, changes } of outcomes) {
    if (action !== "unchanged") journal.tell(app, { type: "app.external", changes });
  }
}

/** Whatever is asked for, it is not the manager's to do. */
export function notOurs(name: string): FcgiPmError {
  const message = `Cannot do that for ${name}: it is external, somebody else starts it`;
  return new FcgiPmError("FCGI_PM_APP_EXTERNAL", message);
}

function addressOf({ listen }: External): string {
  return listen.kind === "unix" ? listen.path : formatAddress(listen.host, listen.port);
}
