/**
 * From one config to another while requests come in. First everything is read, looked up, compared and bound: what fails
 * up to there changes nothing. Then each app takes over its change, all at once; an app whose new workers fail goes
 * back to what it was.
 */
import type { Config } from "../config/app.ts";
import { type Change, diffApps, isUntouched } from "../config/diff.ts";
import type { AppOutcome, ReloadRequest } from "../control/protocol.ts";
import { FcgiPmError } from "../errors.ts";
import { nowMs } from "../os/clock.ts";
import type { Listener } from "../os/listener.ts";
import { planExternals } from "./externals.ts";
import { type Hall, makeOf } from "./hall.ts";
import { type Outcome, rolled, scaled, started } from "./outcome.ts";
import { factsOf, type Plan, planApp } from "./plan.ts";
import { isArrival, type Ready, type Step } from "./reload-listeners.ts";
import type { Runtime } from "./runtime.ts";

/** Reads nothing and changes nothing: what a reload to `config` would do, for one app or for all. */
export async function planReload(
  hall: Hall,
  config: Config,
  app: string | undefined,
  request: ReloadRequest,
): Promise<Step[]> {
  const plans: Plan[] = [];
  for (const wanted of config.apps) if (app === undefined || wanted.name === app) plans.push(await planApp(wanted));
  const present = hall.apps.filter(({ name }) => app === undefined || name === app);
  if (app !== undefined && plans.length === 0) hall.find(app);
  const changes = diffApps(
    present.map(({ plan }) => factsOf(plan)),
    plans.map(factsOf),
  );
  // Code changes in places that nobody can see from here: who names an app, or reloads where nothing else has changed,
  // wants it to run its code anew.
  const areKept = planExternals(hall.externals, config.externals, app).every(({ action }) => action === "unchanged");
  const rollsAll = request.all === true || app !== undefined || (areKept && changes.every(isUntouched));
  return changes.map((change) => stepOf(inOtherHands(change, config), rollsAll, plans, present));
}

/** What is removed here may go on elsewhere. */
function inOtherHands(change: Change, { externals }: Config): Change {
  const isExternal = change.kind === "removed" && externals.some(({ name }) => name === change.app);
  return isExternal ? { ...change, details: ["external = true: somebody else starts it"] } : change;
}

function stepOf(change: Change, rollsAll: boolean, plans: readonly Plan[], present: readonly Runtime[]): Step {
  const plan = plans.find((one) => one.app.name === change.app);
  const runtime = present.find((one) => one.name === change.app);
  const action = actionOf(change, rollsAll);
  return { change, action, ...(plan && { plan }), ...(runtime && { runtime }) };
}

function actionOf(change: Change, rollsAll: boolean): AppOutcome["action"] {
  if (change.kind !== "kept") return change.kind;
  if (change.moves) return "moved";
  if (change.rolls || rollsAll) return "rolled";
  if (change.size) return "scaled";
  return isUntouched(change) ? "unchanged" : "applied";
}

/** What would be done, for whoever asks first. */
export function plannedOutcome({ change, action, plan, runtime }: Step): AppOutcome {
  return {
    app: change.app,
    action,
    changes: change.details,
    result: "planned",
    generation: generationOf(action, runtime),
    wanted: plan?.app.processes ?? 0,
    tookMs: 0,
  };
}

function generationOf(action: Step["action"], runtime: Runtime | undefined): number {
  if (runtime === undefined) return 1;
  return action === "rolled" || action === "moved" ? runtime.nextGeneration : runtime.pool.wish.generation;
}

/** Takes over all changes at once; each promise resolves when its change is done or taken back. */
export function performAll(hall: Hall, steps: readonly Ready[], batch: number): Promise<AppOutcome>[] {
  const running = new Map<Ready, Promise<AppOutcome>>();
  for (const step of steps.filter(isArrival)) running.set(step, perform(hall, step, batch, undefined));
  for (const step of steps.filter((one) => !isArrival(one))) {
    const taker = steps.find(({ donor }) => donor !== undefined && donor === step.runtime);
    running.set(step, perform(hall, step, batch, taker && running.get(taker)));
  }
  return steps.map((step) => running.get(step)).filter((one) => one !== undefined);
}

/** `taker`: what comes of the app that takes this one's listener over. */
async function perform(
  hall: Hall,
  step: Ready,
  batch: number,
  taker: Promise<AppOutcome> | undefined,
): Promise<AppOutcome> {
  const startedMs = nowMs();
  const { change, action } = step;
  const outcome = await act(hall, step, batch, taker).catch(explain);
  const runtime = hall.apps.find(({ name }) => name === change.app);
  return {
    app: change.app,
    action,
    changes: change.details,
    generation: runtime?.pool.wish.generation ?? 0,
    wanted: runtime?.pool.wish.size ?? 0,
    tookMs: Math.round(nowMs() - startedMs),
    ...outcome,
  };
}

/** What nobody could foresee (a socket's owner that may not be given away) fails for this app alone. */
function explain(error: unknown): Outcome {
  if (error instanceof FcgiPmError) return { result: "failed", reason: error.message };
  throw error;
}

function act(hall: Hall, step: Ready, batch: number, taker: Promise<AppOutcome> | undefined): Promise<Outcome> {
  switch (step.action) {
    case "added":
    case "moved":
      return bring(hall, step);
    case "removed":
      return remove(hall, step, taker);
    case "rolled":
      return roll(hall, step, batch);
    default:
      return apply(hall, step);
  }
}

/** A new pool starts beside the one that may be there; only when it is complete it takes the place. */
async function bring(hall: Hall, step: Ready): Promise<Outcome> {
  const { change, plan, listener, runtime } = step;
  if (plan === undefined) throw new Error(`Nothing is planned for ${change.app}`);
  const fresh = hall.raise(plan, listener);
  if (runtime !== undefined && !change.size) fresh.scale(runtime.processes);
  await hall.journal.openOutput(plan.app, hall.logFormat);
  const done: Outcome = { result: "done" };
  const outcome = runtime?.isWanted === false ? done : await started(fresh, () => fresh.start());
  if (outcome.result !== "done") return sendAway(hall, step, fresh, outcome);
  takePlace(hall, step, fresh);
  if (runtime !== undefined) await hall.dismiss(runtime, "gracefully");
  return outcome;
}

/** A listener that was taken over is as the new app wants it, as far as we may. */
function adjust(hall: Hall, app: string, plan: Plan, listener: Listener): void {
  try {
    listener.setBacklog(plan.app.listenQueueDepth);
    if (plan.app.listen.kind === "unix") listener.setRights({ mode: plan.app.socketMode, ...plan.owner });
  } catch (error) {
    const { message: reason } = error as Error;
    hall.journal.tell(app, { type: "listener.unchanged", address: listener.address, reason });
  }
}

/** The depth and the rights of a socket of systemd's are those of its unit. */
function sayUnchanged(hall: Hall, { name, listener }: Runtime): void {
  if (listener?.origin !== "inherited") return;
  const reason = "it is systemd's, and its unit says how it is: SocketMode=, SocketUser=, SocketGroup=, Backlog=";
  hall.journal.tell(name, { type: "listener.unchanged", address: listener.address, reason });
}

async function sendAway(hall: Hall, step: Ready, fresh: Runtime, outcome: Outcome): Promise<Outcome> {
  const { change, runtime } = step;
  const { journal, logFormat } = hall;
  await hall.dismiss(fresh, "now");
  await (runtime === undefined ? journal.closeOutput(change.app) : journal.openOutput(runtime.plan.app, logFormat));
  return { ...outcome, result: outcome.result === "failed" ? "taken-back" : outcome.result };
}

function takePlace(hall: Hall, { action, runtime, donor }: Ready, fresh: Runtime): void {
  const { listener, plan, name } = fresh;
  // It may have been stopped while the new workers started: a stop outranks everything.
  if (runtime?.isWanted === false) {
    fresh.isWanted = false;
    fresh.stop("gracefully");
  }
  hall.enthrone(fresh);
  if (donor !== undefined && listener !== undefined) adjust(hall, name, plan, listener);
  const address = listener?.address ?? "no listener";
  hall.journal.tell(name, action === "added" ? { type: "app.added" } : { type: "app.moved", address });
}

/** An app whose listener is taken over serves until the other one does. */
async function remove(
  hall: Hall,
  { change, runtime }: Ready,
  taker: Promise<AppOutcome> | undefined,
): Promise<Outcome> {
  if (runtime === undefined) return { result: "done" };
  const taken = await taker;
  if (taken !== undefined && taken.result !== "done") {
    return { result: "taken-back", reason: `${taken.app}, which was to take its listener over, does not start` };
  }
  hall.journal.tell(change.app, { type: "app.removed" });
  await hall.dismiss(runtime, "gracefully");
  await hall.journal.closeOutput(change.app);
  hall.journal.forget(change.app);
  return { result: "done" };
}

/** What can be applied in place follows when the new workers have proved themselves. */
async function roll(hall: Hall, step: Ready, batch: number): Promise<Outcome> {
  const { runtime, plan } = step;
  if (runtime === undefined || plan === undefined) throw new Error(`Nothing is planned for ${step.change.app}`);
  const make = makeOf(plan, runtime.listener);
  const outcome = await rolled(runtime, () => runtime.roll(make, batch));
  if (outcome.result === "taken-back") return outcome;
  const applied = await apply(hall, step);
  return outcome.result === "done" ? applied : outcome;
}

/** In place: no worker is touched, save that some come or go where their number changes. */
async function apply(hall: Hall, { change, runtime, plan, action }: Ready): Promise<Outcome> {
  if (runtime === undefined || plan === undefined || isUntouched(change)) return { result: "done" };
  const { app } = plan;
  if (change.depth || change.rights) sayUnchanged(hall, runtime);
  if (change.depth) runtime.listener?.setBacklog(app.listenQueueDepth);
  if (change.rights) runtime.listener?.setRights({ mode: app.socketMode, ...plan.owner });
  if (change.output) await hall.journal.openOutput(app, hall.logFormat);
  if (action !== "rolled") runtime.adopt(plan);
  if (action !== "rolled") hall.journal.tell(app.name, { type: "app.changed", changes: change.details });
  return change.size ? scaled(runtime, () => runtime.scale(app.processes)) : { result: "done" };
}

/** What a running manager cannot change about itself. */
export function refuseManagerChanges(before: Config["manager"], after: Config["manager"]): void {
  const changed = (Object.keys({ ...before, ...after }) as (keyof Config["manager"])[]).find(
    (field) => before[field] !== after[field],
  );
  if (changed === undefined) return;
  const key = changed.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new FcgiPmError(
    "FCGI_PM_RELOAD_REFUSED",
    `Cannot reload: ${key} in [manager] has changed, which needs a new manager`,
    {
      remedy: "put it back, or stop and start fcgi-pm",
    },
  );
}
