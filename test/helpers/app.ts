/** An app under a manager of its own, to be asked for answers, and to be told and asked through the control socket. */
import { chmodSync, existsSync } from "node:fs";
import { join } from "node:path";
import { type ControlClient, connectControl } from "../../src/control/client.ts";
import type { AppOutcome } from "../../src/control/protocol.ts";
import type { AppStatus, WorkerStatus } from "../../src/observe/status.ts";
import type { Load, Target } from "./load.ts";
import { type Place, type RunningManager, startReady } from "./manager.ts";
import type { Program } from "./programs.ts";
import { pause, until } from "./wait.ts";
import { freePort, type Upstream } from "./webservers.ts";

export type Transport = "unix" | "tcp";

export interface RunningApp extends Target {
  readonly manager: RunningManager;
  readonly control: ControlClient;
  /** Where a web server finds it. */
  readonly upstream: Upstream;
  status(): Promise<AppStatus>;
  pids(): Promise<number[]>;
  reload(request?: { batch?: number }): Promise<AppOutcome>;
}

export interface AppOptions {
  readonly transport?: Transport;
  readonly processes?: number;
  /** More flags of `start`. */
  readonly flags?: readonly string[];
}

/** The control socket of a manager, once it is there. */
export async function controlOf({ runtime, pid }: RunningManager): Promise<ControlClient> {
  const path = join(runtime, "control", `${pid}.control`);
  await until(() => existsSync(path), { what: "the control socket" });
  return connectControl(path, { timeoutMs: 60_000 });
}

/** Starts the program as the app `app` and waits until its workers are ready. A web server of another user may reach it. */
export async function startApp(place: Place, program: Program, options: AppOptions = {}): Promise<RunningApp> {
  const { transport = "unix", processes = 4, flags = [] } = options;
  const [command = "", ...args] = program.command;
  const port = await freePort();
  chmodSync(place.directory, 0o755);
  const where =
    transport === "unix" ? ["--socket", place.path, "--socket-mode", "0666"] : ["--port", `127.0.0.1:${port}`];
  const env = Object.entries(program.env).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
  const size = ["--processes", String(processes)];
  const manager = await startReady([command, "--name", "app", ...where, ...size, ...env, ...flags, "--", ...args]);
  const control = await controlOf(manager);
  const listen: Target["listen"] =
    transport === "unix" ? { kind: "unix", path: place.path } : { kind: "tcp", host: "127.0.0.1", port };
  const upstream = transport === "unix" ? { unix: place.path } : { port };
  return { ...appOf(control, "app"), program, listen, upstream, manager, control };
}

/** What a test asks and tells one app of a manager. */
export function appOf(control: ControlClient, name: string): Pick<RunningApp, "status" | "pids" | "reload"> {
  const status = async () => (await control.status(name)).apps[0] as AppStatus;
  return {
    status,
    pids: async () => pidsOf((await status()).workers),
    reload: async (request = {}) =>
      (await control.command("/v1/apps/:app/reload", request, name)).apps[0] as AppOutcome,
  };
}

export function pidsOf(workers: readonly WorkerStatus[]): number[] {
  return workers.flatMap(({ pid }) => pid ?? []);
}

/** One reload, and what there was before and after it. */
export interface Reloaded {
  readonly outcome: AppOutcome;
  readonly before: readonly number[];
  readonly after: AppStatus;
  /** The fewest ready workers that anybody saw meanwhile. */
  readonly leastReady: number;
}

/** Reloads the app three times, spread over at least so many answers of the load. */
export async function reloadThrice(
  app: RunningApp,
  load: Load,
  answers: number,
  request: { batch?: number } = {},
): Promise<Reloaded[]> {
  const reloads: Reloaded[] = [];
  for (const share of [0.1, 0.35, 0.6]) {
    await answered(load, answers * share);
    reloads.push(await reloadOnce(app, request));
  }
  await answered(load, answers);
  return reloads;
}

/** Waits until the load has so many answers. */
export async function answered(load: Load, answers: number): Promise<void> {
  const what = `${answers} answers`;
  await until(() => load.result.answered >= answers, { what, timeoutMs: 240_000, everyMs: 20 });
}

async function reloadOnce(app: RunningApp, request: { batch?: number }): Promise<Reloaded> {
  const before = await app.pids();
  let leastReady = Number.POSITIVE_INFINITY;
  let isOver = false;
  const watching = (async () => {
    for (; !isOver; await pause(20)) leastReady = Math.min(leastReady, (await app.status()).ready);
  })();
  const outcome = await app.reload(request).finally(() => {
    isOver = true;
  });
  await watching;
  return { outcome, before, after: await app.status(), leastReady };
}
