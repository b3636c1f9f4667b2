/** From an app's config to what is needed to run it: everything is looked up and checked before anything is started. */
import { existsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { App } from "../config/app.ts";
import type { Facts } from "../config/diff.ts";
import { type Identity, resolveIdentity, resolveOwner } from "../os/identity.ts";
import { bindTcp, bindUnix, type Listener, proveSocketPath } from "../os/listener.ts";
import { type Launcher, launcherFor } from "../os/process.ts";
import { queueCap } from "../os/procfs.ts";
import { type Program, resolveProgram, type Wanted } from "../os/program.ts";
import { formatAddress, isLoopback } from "../supervision/socket.ts";
import { appEnvironment, type Environment } from "./environment.ts";
import type { ShellNotice } from "./notices.ts";

export interface Plan {
  readonly app: App;
  readonly identity: Identity;
  readonly environment: Environment;
  readonly program: Program;
  /** Numbers for the socket's owner; empty: it stays as it is made. */
  readonly owner: { readonly uid?: number; readonly gid?: number };
  /** Which files the program was made of when this was planned: another text, another program. */
  readonly fingerprint: string;
}

/** Looks up user, environment and program. `own` is the environment of the manager. Changes nothing; throws the first thing that is wrong. */
export async function planApp(app: App, own: NodeJS.ProcessEnv = process.env): Promise<Plan> {
  const identity = resolveIdentity(app.user, app.group);
  const environment = appEnvironment(app, identity, own);
  const program = await resolveProgram({
    wanted: wantedOf(app),
    directory: app.directory,
    ...(app.cwd === undefined ? {} : { cwd: app.cwd }),
    environment,
    identity,
  });
  return { app, identity, environment, program, owner: ownerOf(app, identity), fingerprint: fingerprintOf(program) };
}

/** The plan as a reload compares it. */
export function factsOf(plan: Plan): Facts {
  const { app, environment, identity, owner, fingerprint } = plan;
  return {
    app,
    environment,
    program: fingerprint,
    identity: JSON.stringify(identity),
    owner: JSON.stringify(owner),
  };
}

function wantedOf({ command, wsgi, python, threads, scriptName, lighttpdRootFix }: App): Wanted {
  if (command !== undefined) return { command };
  return {
    wsgi: {
      application: wsgi ?? "",
      ...(python === undefined ? {} : { python }),
      threads,
      ...(scriptName === undefined ? {} : { scriptName }),
      lighttpdRootFix,
    },
  };
}

/** The program's file, those of its arguments that are files (an interpreter's script), and the sources that are known besides. */
function fingerprintOf({ path, args, cwd, sources }: Program): string {
  return [path, ...args, ...sources].map((word) => describeFile(resolve(cwd, word))).join(" ");
}

function describeFile(path: string): string {
  const file = statSync(path, { throwIfNoEntry: false, bigint: true });
  return file?.isFile() === true ? `${file.dev}:${file.ino}:${file.size}:${file.mtimeNs}` : "-";
}

/** The socket belongs to the workers' user and group, unless the config says otherwise. */
function ownerOf(app: App, identity: Identity): { uid?: number; gid?: number } {
  if (app.socketOwner !== undefined) return resolveOwner(app.socketOwner);
  return identity.setpriv === undefined ? {} : { uid: identity.uid, gid: identity.gid };
}

/** Binds the app's listener; absent for a program without one. */
export function bindListener(plan: Plan): Listener | undefined {
  const { listen, listenQueueDepth, socketMode } = plan.app;
  switch (listen.kind) {
    case "unix":
      return bindUnix(listen.path, { backlog: listenQueueDepth, mode: socketMode, ...plan.owner });
    case "tcp":
      return bindTcp(listen.host, listen.port, listenQueueDepth);
    case "none":
      return undefined;
  }
}

/** Could the listener be bound? Binds nothing, so that it may be asked beside a running manager. Gives where it would listen. */
export function proveListener(plan: Plan, runtimeDirectory: string): string {
  const { listen } = plan.app;
  switch (listen.kind) {
    case "unix":
      // The runtime directory is made at the start.
      if (dirname(listen.path) !== runtimeDirectory || existsSync(runtimeDirectory)) proveSocketPath(listen.path);
      return `, on ${listen.path}`;
    case "tcp":
      return `, on ${formatAddress(listen.host, listen.port)}`;
    case "none":
      return ", without a listener";
  }
}

export function launcherOf(plan: Plan, listener: Listener | undefined): Launcher {
  const { app, program, identity } = plan;
  return launcherFor({
    program: program.path,
    args: program.args,
    cwd: program.cwd,
    umask: app.umask,
    identity,
    rlimits: app.rlimits,
    ...(listener === undefined ? {} : { listenerFd: listener.fd }),
    ...(app.priority === undefined ? {} : { priority: app.priority }),
  });
}

/** What an operator should know about an app as it is configured. */
export function warningsOf(plan: Plan, listener: Listener | undefined): ShellNotice[] {
  const { app, identity } = plan;
  const notices: ShellNotice[] = [];
  if (listener !== undefined) {
    const { address } = listener;
    const cap = queueCap();
    if (listener.replacedStale) notices.push({ type: "listener.replaced-stale", address });
    if (listener.origin === "bound") notices.push({ type: "listener.bound", address });
    if (listener.origin !== "inherited" && cap !== undefined && cap < app.listenQueueDepth) {
      notices.push({ type: "listener.capped", wanted: app.listenQueueDepth, cap });
    }
    if (app.listen.kind === "tcp" && !isLoopback(app.listen.host)) notices.push({ type: "listener.public", address });
  }
  if (identity.uid === 0) notices.push({ type: "app.runs-as-root", remedy: "Set user, such as www-data" });
  return notices;
}
