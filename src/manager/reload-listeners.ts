/** The listeners of the apps that come, go on under another name, or move in a reload. */
import type { App } from "../config/app.ts";
import type { Change } from "../config/diff.ts";
import { isSameListener } from "../config/rules.ts";
import type { AppOutcome } from "../control/protocol.ts";
import { FcgiPmError } from "../errors.ts";
import type { Listener } from "../os/listener.ts";
import { proveOwner } from "../os/path-rights.ts";
import type { Doors } from "./doors.ts";
import type { Hall } from "./hall.ts";
import type { Plan } from "./plan.ts";
import type { Runtime } from "./runtime.ts";

/** What is to be done for one app. */
export interface Step {
  readonly change: Change;
  readonly action: AppOutcome["action"];
  /** Absent for an app that is removed. */
  readonly plan?: Plan;
  /** Absent for an app that is added. */
  readonly runtime?: Runtime;
}

/** A step with the listener it needs. */
export interface Ready extends Step {
  readonly listener?: Listener | undefined;
  /** The app whose listener this one takes over. */
  readonly donor?: Runtime | undefined;
}

/** Binds what is new; a failure releases what was bound, and nothing has changed. */
export function bindNew(hall: Hall, steps: readonly Step[], doors: Doors): Ready[] {
  refuseExchanges(steps);
  const [arrivals, removed] = [steps.filter(isArrival), steps.filter(({ action }) => action === "removed")];
  const staying = hall.apps.filter((one) => ![...arrivals, ...removed].some(({ runtime }) => runtime === one));
  doors.claim([...staying.map(({ plan }) => plan.app), ...arrivals.flatMap(({ plan }) => plan?.app ?? [])]);
  for (const step of steps) proveRights(step);
  const bound: Listener[] = [];
  try {
    return steps.map((step): Ready => {
      if (!isArrival(step) || step.plan === undefined) return step;
      refuseSharing(step.plan.app, doors, staying);
      const inherited = doors.inherit(step.plan.app);
      const donor = removed.find((one) => takesOver(step, one, inherited))?.runtime;
      const listener = inherited ?? donor?.listener ?? doors.open(step.plan);
      // A socket of systemd's is the same wherever the config wants the app to move.
      if (listener !== undefined && donor === undefined && listener !== step.runtime?.listener) bound.push(listener);
      return { ...step, listener, ...(donor && { donor }) };
    });
  } catch (error) {
    for (const listener of bound) listener.release();
    throw error;
  }
}

/** The socket of an app that stays may be given to others: known before anything is changed. */
function proveRights({ change, action, plan, runtime }: Step): void {
  const listener = runtime?.listener;
  if (change.kind !== "kept" || !change.rights || action === "moved" || listener?.origin === "inherited") return;
  if (plan?.app.listen.kind === "unix") proveOwner(plan.app.listen.path, plan.owner);
}

/** A new pool comes, beside the one that may be there. */
export function isArrival({ action }: Step): boolean {
  return action === "added" || action === "moved";
}

/** An app that is renamed goes on with the listener that is there; a socket of systemd's goes to whom it is for. */
function takesOver(step: Step, removed: Step, inherited: Listener | undefined): boolean {
  const listener = removed.runtime?.listener;
  if (inherited !== undefined || listener?.origin === "inherited")
    return listener !== undefined && listener === inherited;
  return wantsPlaceOf(step, removed);
}

function wantsPlaceOf({ plan }: Step, { runtime }: Step): boolean {
  return plan !== undefined && runtime !== undefined && isSameListener(runtime.plan.app.listen, plan.app.listen);
}

/** A socket that is for this app by its name, and that another one has since it was for nobody else. */
function refuseSharing({ name }: App, doors: Doors, staying: readonly Runtime[]): void {
  const listener = doors.inheritedFor(name);
  const holder = staying.find((one) => listener !== undefined && one.listener === listener)?.name;
  if (listener === undefined || holder === undefined) return;
  throw new FcgiPmError(
    "FCGI_PM_RELOAD_REFUSED",
    `Cannot reload: the socket ${listener.address} of systemd's is for ${name} by its name, and ${holder} listens on it`,
    { remedy: `give its unit FileDescriptorName=${holder}, or one of the two apps another name` },
  );
}

/** Were one of the two moves taken back, both apps would serve the same listener, and answer each other's requests. */
function refuseExchanges(steps: readonly Step[]): void {
  for (const step of steps.filter(isArrival)) {
    const holder = steps.find((one) => one !== step && one.action === "moved" && wantsPlaceOf(step, one));
    if (holder === undefined) continue;
    const [app, other] = [step.change.app, holder.change.app];
    throw new FcgiPmError(
      "FCGI_PM_RELOAD_REFUSED",
      `Cannot reload: ${app} is to listen where ${other} listens until it has moved`,
      { remedy: `reload twice: first with the new listener of ${other}, then with that of ${app}` },
    );
  }
}
