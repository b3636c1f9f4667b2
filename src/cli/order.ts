/** `stop`, `restart`, `reload`, `scale`: what managers are told, and what comes of it. */
import { type ControlClient, outcomesIn } from "../control/client.ts";
import { errorOf, hasFailed } from "../control/failed-outcome.ts";
import type { AppOutcome, CommandAnswer, ReloadRequest, StopRequest } from "../control/protocol.ts";
import { blameUnit, sentenceOfLag, type UnitLag } from "../diagnosis/unit-lag.ts";
import { FcgiPmError } from "../errors.ts";
import { waitForEnd } from "../os/process-end.ts";
import { complain, warn } from "./complain.ts";
import { type Meant, managersFor, managersToAdd, type Reached, theManager } from "./managers.ts";
import { describeOutcome } from "./outcome.ts";
import { showProgress } from "./progress.ts";
import { printJson, printLines } from "./terminal.ts";
import { parseCount, parseScale } from "./words.ts";

export interface OrderOptions {
  readonly json?: true;
  readonly control?: string;
}

/** What managers are told. */
interface Order {
  readonly verb: "stop" | "restart" | "reload" | "scale";
  /** Absent: it is for all apps. */
  readonly app: string | undefined;
  tell(client: ControlClient): Promise<CommandAnswer>;
}

/** Stops an app, or a manager: then it returns when that process has ended. */
export async function stop(app: string | undefined, request: StopRequest, options: OrderOptions): Promise<number> {
  if (app === undefined) return stopManager(request, options);
  const tell = (client: ControlClient) => client.command("/v1/apps/:app/stop", request, app);
  return carryOut({ verb: "stop", app, tell }, await managersFor(app, options.control), options);
}

async function stopManager(request: StopRequest, options: OrderOptions): Promise<number> {
  const manager = await theManager(options.control);
  const { pidHere } = await import("../os/pid-here.ts");
  const { pid: toldPid } = manager.status.manager;
  const pid = pidHere(toldPid, manager.client.path);
  const end = waitForEnd(pid);
  const tell = (client: ControlClient) => client.command("/v1/stop", request);
  const status = await carryOut({ verb: "stop", app: undefined, tell }, { managers: [manager], failed: [] }, options);
  if (status !== 0) return status;
  await end;
  // Of one that we do not see, only its answer tells.
  const words = pid === 0 ? `process ${toldPid} of another container) is about to end` : `process ${pid}) has ended`;
  if (options.json !== true) await printLines([`the manager (${words}`]);
  return 0;
}

export async function restart(app: string | undefined, options: OrderOptions): Promise<number> {
  const tell = (client: ControlClient) =>
    app === undefined ? client.command("/v1/restart", {}) : client.command("/v1/apps/:app/restart", {}, app);
  return carryOut({ verb: "restart", app, tell }, await managersFor(app, options.control), options);
}

export interface ReloadOptions {
  readonly dryRun?: true;
  readonly all?: true;
  readonly batch?: string;
}

export async function reload(app: string | undefined, wish: ReloadOptions, options: OrderOptions): Promise<number> {
  const { dryRun, all } = wish;
  const batch = parseCount("--batch", wish.batch);
  const request: ReloadRequest = { ...(dryRun && { dryRun }), ...(all && { all }), ...(batch && { batch }) };
  const tell = (client: ControlClient) =>
    app === undefined ? client.command("/v1/reload", request) : client.command("/v1/apps/:app/reload", request, app);
  return carryOut({ verb: "reload", app, tell }, await managersToAdd(app, options.control), options);
}

export async function scale(app: string, count: string, options: OrderOptions): Promise<number> {
  const request = parseScale(app, count);
  const tell = (client: ControlClient) => client.command("/v1/apps/:app/scale", request, app);
  return carryOut({ verb: "scale", app, tell }, await managersFor(app, options.control), options);
}

/**
 * Tells all of them at once, waits for all, says what came of it; what one of them cannot do does not keep the others from
 * it. Gives the exit status.
 */
async function carryOut(order: Order, { managers, failed }: Meant, { json }: OrderOptions): Promise<number> {
  const endProgress = json === true ? () => {} : showProgress(managers, order.app);
  const told = await Promise.allSettled(managers.map(({ client }) => order.tell(client)));
  endProgress();
  const reasons = told.map((result): unknown => (result.status === "rejected" ? result.reason : undefined));
  const { errors, warnings } = await besideUnits(order, managers, reasons);
  const outcomes = told.flatMap((result) =>
    result.status === "fulfilled" ? result.value.apps : outcomesOf(result.reason),
  );
  if (json !== true) await printLines(outcomes.flatMap(wordsOf));
  else if (outcomes.length > 0 || errors.length === 0) await printJson({ version: 1, apps: outcomes });
  // One that failed for some apps is told app by app.
  const others = errors.filter((error) => outcomesOf(error).length === 0);
  const failures = [...outcomes.filter(hasFailed).map((one) => errorOf(order.verb, one)), ...others, ...failed];
  const status = Math.max(0, ...failures.map((failure) => complain(failure, json === true ? "json" : "words")));
  if (json !== true) for (const lag of warnings) warn(sentenceOfLag(lag), lag.remedy);
  return status;
}

/** A changed config may ask for more than its service may do: that is why a reload fails, or works only half. */
async function besideUnits({ verb }: Order, managers: readonly Reached[], reasons: readonly unknown[]) {
  const lags = verb === "reload" ? await Promise.all(managers.map(lagOf)) : [];
  const blamed = reasons.map((reason, index) => blameUnit(reason, lags[index]));
  const others = lags.flatMap((lag, index) => (blamed[index] === reasons[index] && lag) || []);
  return {
    errors: blamed.filter((error) => error !== undefined),
    warnings: others.filter(({ settings }) => settings.length > 0),
  };
}

async function lagOf({ client, status }: Reached): Promise<UnitLag | undefined> {
  const [{ lagOfManager }, { pidHere }] = await Promise.all([import("./unit-lag.ts"), import("../os/pid-here.ts")]);
  return lagOfManager(pidHere(status.manager.pid, client.path), status.manager);
}

/** What came of a command that failed for some apps. */
function outcomesOf(error: unknown): readonly AppOutcome[] {
  return error instanceof FcgiPmError ? outcomesIn(error) : [];
}

/** What failed is said as an error instead. */
function wordsOf(outcome: AppOutcome): string[] {
  return hasFailed(outcome) ? [] : describeOutcome(outcome);
}
