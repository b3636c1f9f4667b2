/**
 * From one config to another while requests come in. First everything is read, looked up, compared and bound: what fails
 * up to there changes nothing. Then each app takes over its change, all at once; an app whose new workers fail goes
 * back to what it was.
 */
import type { Config } from "../config/app.ts";
import { type Change, diffApps, isUntouched } from "../config/diff.ts";
import { isSameListener } from "../config/rules.ts";
import type { AppOutcome, ReloadRequest } from "../control/protocol.ts";
import { FcgiPmError } from "../errors.ts";
import { nowMs } from "../os/clock.ts";
import type { Listener } from "../os/listener.ts";
import { type Hall, makeOf } from "./hall.ts";
import { type Outcome, rolled, scaled, started } from "./outcome.ts";
import { bindListener, factsOf, type Plan, planApp } from "./plan.ts";
import type { Runtime } from "./runtime.ts";

/** What is to be done for one app. */
interface Step {
  readonly change: Change;
  readonly action: AppOutcome["action"];
  /** Absent for an app that is removed. */
  readonly plan?: Plan;
  /** Absent for an app that is added. */
  readonly runtime?: Runtime;
}

/** A step with the listener it needs. */
interface Ready extends Step {
  readonly listener?: Listener | undefined;
  /** Another app takes the present listener over. */
  readonly handsOn: boolean;
}

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
  const rollsAll = request.all === true || app !== undefined || changes.every(isUntouched);
  return changes.map((change) => stepOf(change, rollsAll, plans, present));
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
    generation: (runtime?.pool.wish.generation ?? 0) + (action === "rolled" ? 1 : 0),
    wanted: plan?.app.processes ?? 0,
    tookMs: 0,
  };
}

/** Binds what is new; a failure releases what was bound, and nothing has changed. */
export function bindNew(steps: readonly Step[]): Ready[] {
  const leaving = steps.filter(({ action }) => action === "removed" || action === "moved");
  const donors = new Map<Step, Step>();
  for (const step of steps.filter(({ action }) => action === "added" || action === "moved")) {
    const donor = leaving.find((one) => one !== step && isTakenOver(one, step));
    if (donor !== undefined) donors.set(step, donor);
  }
  const bound: Listener[] = [];
  try {
    return steps.map((step) => {
      const handsOn = [...donors.values()].includes(step);
      if (step.action !== "added" && step.action !== "moved") return { ...step, handsOn };
      const donor = donors.get(step);
      if (donor !== undefined) return { ...step, handsOn, listener: donor.runtime?.listener };
      const listener = step.plan && bindListener(step.plan);
      if (listener !== undefined) bound.push(listener);
      return { ...step, handsOn, listener };
    });
  } catch (error) {
    for (const listener of bound) listener.release();
    throw error;
  }
}

/** An app that is renamed, or that swaps its listener with another, goes on with the listener that is there. */
function isTakenOver(from: Step, to: Step): boolean {
  return (
    from.runtime !== undefined &&
    to.plan !== undefined &&
    isSameListener(from.runtime.plan.app.listen, to.plan.app.listen)
  );
}

/** Takes the change over; resolves when that is done or taken back. */
export async function perform(hall: Hall, step: Ready, batch: number): Promise<AppOutcome> {
  const startedMs = nowMs();
  const { change, action } = step;
  const outcome = await act(hall, step, batch);
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

function act(hall: Hall, step: Ready, batch: number): Promise<Outcome> {
  switch (step.action) {
    case "added":
    case "moved":
      return bring(hall, step);
    case "removed":
      return remove(hall, step);
    case "rolled":
      return roll(hall, step, batch);
    default:
      return apply(hall, step);
  }
}

/** A new pool starts beside the one that may be there; only when it is complete it takes the place. */
async function bring(hall: Hall, { change, plan, listener, runtime, handsOn, action }: Ready): Promise<Outcome> {
  if (plan === undefined) throw new Error(`Nothing is planned for ${change.app}`);
  await hall.journal.openOutput(plan.app, hall.logFormat);
  const fresh = hall.raise(plan, listener);
  if (runtime?.isStopped === true) {
    hall.enthrone(fresh);
    void hall.dismiss(runtime, handsOn ? "handed on" : "released", "gracefully");
    return { result: "done" };
  }
  const isOurs = listener !== undefined && !hall.apps.some((one) => one.listener === listener);
  const outcome = await started(fresh, () => fresh.start());
  if (outcome.result !== "done") {
    await hall.dismiss(fresh, isOurs ? "released" : "handed on", "now");
    return { ...outcome, result: outcome.result === "failed" ? "taken-back" : outcome.result };
  }
  hall.enthrone(fresh);
  tell(
    hall,
    change.app,
    action === "added" ? { type: "app.added" } : { type: "app.moved", address: listener?.address ?? "no listener" },
  );
  if (runtime !== undefined) await hall.dismiss(runtime, handsOn ? "handed on" : "released", "gracefully");
  return outcome;
}

async function remove(hall: Hall, { change, runtime, handsOn }: Ready): Promise<Outcome> {
  if (runtime === undefined) return { result: "done" };
  tell(hall, change.app, { type: "app.removed" });
  await hall.dismiss(runtime, handsOn ? "handed on" : "released", "gracefully");
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
  return outcome.result === "done" ? apply(hall, step) : outcome;
}

/** In place: no worker is touched, save that some come or go where their number changes. */
async function apply(hall: Hall, { change, runtime, plan, action }: Ready): Promise<Outcome> {
  if (runtime === undefined || plan === undefined || isUntouched(change)) return { result: "done" };
  const { app } = plan;
  if (change.depth) runtime.listener?.setBacklog(app.listenQueueDepth);
  if (change.rights) runtime.listener?.setRights({ mode: app.socketMode, ...plan.owner });
  if (change.output) await hall.journal.openOutput(app, hall.logFormat);
  if (action !== "rolled") runtime.adopt(plan);
  if (action !== "rolled") tell(hall, app.name, { type: "app.changed", changes: change.details });
  return change.size ? scaled(runtime, () => runtime.scale(app.processes)) : { result: "done" };
}

function tell(hall: Hall, app: string, notice: Parameters<Hall["journal"]["tell"]>[1]): void {
  hall.journal.tell(app, notice);
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
