/** Workers without a manager: a program of fixtures/apps on a listener of this process, stopped and looked at as a manager does. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type Outcome, releaseKept, type Trace } from "../../src/os/kept-connections.ts";
import { bindTcp, bindUnix, type Listener } from "../../src/os/listener.ts";
import { isStopped, lookAt, lookForConnections } from "../../src/os/procfs.ts";
import { discard, scratch } from "../helpers/manager.ts";
import type { Program } from "../helpers/programs.ts";
import type { Undo } from "../helpers/undo.ts";
import { pause, until } from "../helpers/wait.ts";
import { freePort } from "../helpers/webservers.ts";
import { connectFromElsewhere } from "./far-socket.ts";

export { Undo } from "../helpers/undo.ts";

/** `far`: a Unix socket whose clients are in another network namespace. */
export type Kind = "unix" | "far" | "tcp" | "tcp6";

/** A listener, and how a client gets there. */
export interface Site {
  readonly listener: Listener;
  connect(): Socket;
}

export async function openSite(undo: Undo, kind: Kind, backlog = 64): Promise<Site> {
  if (kind === "tcp" || kind === "tcp6") {
    return openPort(undo, kind === "tcp" ? "127.0.0.1" : "::1", await freePort(), backlog);
  }
  const directory = scratch();
  undo.add(() => discard(directory));
  const path = `${directory}/app.sock`;
  const listener = bindUnix(path, { backlog, mode: 0o600 });
  undo.add(() => tryRelease(listener));
  const dial = () => (kind === "far" ? connectFromElsewhere(path) : connect({ path, allowHalfOpen: true }));
  return { listener, connect: () => opened(undo, dial()) };
}

function openPort(undo: Undo, host: string, port: number, backlog: number): Site {
  const listener = bindTcp(host, port, backlog);
  undo.add(() => tryRelease(listener));
  return { listener, connect: () => opened(undo, connect({ host, port, allowHalfOpen: true, noDelay: true })) };
}

function tryRelease(listener: Listener): void {
  try {
    listener.release();
  } catch {} // the test did it
}

function opened(undo: Undo, socket: Socket): Socket {
  socket.on("error", () => {});
  undo.add(() => socket.destroy());
  return socket;
}

/** Starts a worker of this program and waits until it waits for a request, or has one already. */
export async function startWorker(undo: Undo, { listener }: Site, program: Program): Promise<number> {
  // A program that recycles itself would end in the middle of a test.
  const env = { ...process.env, PHP_FCGI_MAX_REQUESTS: "1000000", ...program.env };
  const shim = ["-c", 'exec "$@" <&3 3<&-', "sh", ...program.command];
  const child = spawn("/bin/sh", shim, { stdio: ["ignore", "ignore", "ignore", listener.fd], detached: true, env });
  const pid = child.pid ?? 0;
  undo.add(() => end(child));
  const isReady = () => ["waiting", "busy"].includes(lookAt(pid, listener));
  await until(isReady, { what: `${program.name} to be ready`, timeoutMs: 60_000 });
  return pid;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  process.kill(-(child.pid ?? 0), "SIGKILL");
  await gone;
}

/** Stops the worker, does what is to be done meanwhile, and lets it go on. */
export async function whileStopped<T>(pid: number, act: () => T | Promise<T>): Promise<T> {
  process.kill(-pid, "SIGSTOP");
  await until(() => isStopped(pid), { what: "SIGSTOP to take effect", everyMs: 1 });
  try {
    return await act();
  } finally {
    process.kill(-pid, "SIGCONT");
  }
}

/** As a manager drains: looks at the stopped worker again and again, until nothing is in flight there. */
export class Drain {
  readonly outcomes: Outcome[] = [];
  readonly pid: number;
  readonly site: Site;
  readonly #onIdle: () => void;
  #trace: Trace | undefined;

  /** `onIdle`: done before the worker goes on. */
  constructor(pid: number, site: Site, onIdle: () => void = () => {}) {
    this.pid = pid;
    this.site = site;
    this.#onIdle = onIdle;
  }

  /** True when the worker may be signalled. `holdMs`: how long a worker that waits is kept stopped, for what comes. */
  async look(holdMs = 10): Promise<boolean> {
    const outcome = await whileStopped(this.pid, () => this.#hold(performance.now() + holdMs));
    this.outcomes.push(outcome);
    return outcome === "idle";
  }

  /** One look at a worker that the test has stopped. */
  lookAtStopped(): void {
    this.outcomes.push(this.#ask());
  }

  async #hold(untilMs: number): Promise<Outcome> {
    for (;;) {
      const outcome = this.#ask();
      if (outcome === "idle") this.#onIdle();
      if (outcome !== "waiting" || performance.now() > untilMs) return outcome;
      await pause(1);
    }
  }

  #ask(): Outcome {
    const { trace, outcome } = releaseKept(this.pid, this.site.listener, this.#trace);
    this.#trace = trace;
    return outcome;
  }

  /** Looks for so long, or until nothing is in flight. */
  async lookFor(durationMs: number, everyMs = 30): Promise<boolean> {
    const end = performance.now() + durationMs;
    while (performance.now() < end) {
      if (await this.look()) return true;
      await pause(everyMs);
    }
    return false;
  }

  get connections(): number {
    return this.#trace?.connections ?? 0;
  }
}

/** Resolves when the worker holds no connection any more. */
export function untilFree(pid: number, { listener }: Site): Promise<unknown> {
  return until(() => lookForConnections(pid, listener) === "elsewhere", { what: "the worker to be free" });
}
