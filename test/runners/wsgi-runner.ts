/** The WSGI runner without a manager: workers on a listener of this process, and requests to them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Address } from "../../src/fastcgi/address.ts";
import { type Answer, type RequestOptions, request } from "../../src/fastcgi/client.ts";
import { type WebRequest, webServerParams } from "../../src/fastcgi/web-server-params.ts";
import { bindTcp, bindUnix, type Listener } from "../../src/os/listener.ts";
import { lookAt } from "../../src/os/procfs.ts";
import { collect, makeDirectory, RawPeer, type Undo } from "../fastcgi/peers.ts";
import { root } from "../helpers/manager.ts";
import { until } from "../helpers/wait.ts";
import { freePort } from "../helpers/webservers.ts";

/** Debian's, whatever other Python stands first in PATH: it has Flask and Django. */
export const python = "/usr/bin/python3";
export const runner = join(root, "src/runners/wsgi.py");
export const apps = join(root, "test/runners/apps");

export interface RunnerOptions {
  readonly app?: string;
  readonly args?: readonly string[];
  readonly kind?: "unix" | "tcp";
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly workers?: number;
  /** Through a shell that does something to its descriptors first. */
  readonly shell?: string;
  /** Fewer bytes than usual wait in the kernel. */
  readonly backlog?: number;
}

export interface Workers {
  readonly listen: Address;
  readonly listener: Listener;
  readonly directory: string;
  readonly children: readonly ChildProcess[];
  readonly pids: readonly number[];
  /** Of all workers together. */
  readonly stderr: { readonly text: string };
  readonly stdout: { readonly text: string };
  ask(uri: string, more?: Partial<WebRequest>, options?: Partial<RequestOptions>): Promise<Answer>;
  /** The environ that an application would find, for these parameters. */
  environ(params: Readonly<Record<string, string>>): Promise<Record<string, unknown>>;
  /** A connection that is closed at the end of the test. */
  peer(undo: Undo): RawPeer;
  /** Sends the signal to all; the exit codes, or the signals that ended them. */
  end(signal?: NodeJS.Signals): Promise<(number | string | null)[]>;
  isWaiting(): boolean;
}

/** Starts workers and waits until all of them wait for requests. */
export async function startWorkers(undo: Undo, options: RunnerOptions = {}): Promise<Workers> {
  const { kind = "unix", workers = 1, backlog = 511 } = options;
  const directory = makeDirectory(undo);
  const path = join(directory, "app.sock");
  const port = await freePort();
  const listen: Address = kind === "unix" ? { kind, path } : { kind, host: "127.0.0.1", port };
  const listener = kind === "unix" ? bindUnix(path, { backlog, mode: 0o600 }) : bindTcp("127.0.0.1", port, backlog);
  undo.add(() => listener.release());
  const children = Array.from({ length: workers }, () => spawnRunner(undo, listener.fd, options));
  const pids = children.map(({ pid }) => pid ?? 0);
  const [stderr, stdout] = [together(children, "stderr"), together(children, "stdout")];
  const isWaiting = () => pids.every((pid) => lookAt(pid, listener) === "waiting");
  await until(isWaiting, { what: `the workers to wait\n${stderr.text}`, timeoutMs: 20_000 });
  const ask: Workers["ask"] = (uri, more = {}, rest = {}) => {
    const params = webServerParams({ scriptName: "", uri, ...more });
    return request({ listen, params, timeoutMs: 20_000, ...rest });
  };
  const environ: Workers["environ"] = async (params) => {
    const { body } = await request({ listen, params, timeoutMs: 20_000 });
    return JSON.parse(body.toString()) as Record<string, unknown>;
  };
  const end: Workers["end"] = async (signal = "SIGTERM") => {
    for (const child of children) child.kill(signal);
    return Promise.all(children.map(endOf));
  };
  const peer = (forTest: Undo) => new RawPeer(listen, forTest);
  return { listen, listener, directory, children, pids, stderr, stdout, ask, environ, peer, end, isWaiting };
}

/** One runner with this descriptor as fd 0. */
export function spawnRunner(undo: Undo, fd: number | "ignore", options: RunnerOptions): ChildProcess {
  const { app = "rules:application", args = [], cwd = apps, shell } = options;
  const env = { PATH: process.env["PATH"], PYTHONDONTWRITEBYTECODE: "1", ...options.env };
  const words = [python, runner, ...args, app];
  const [command = "", ...rest] = shell === undefined ? words : ["/bin/sh", "-c", shell, "sh", ...words];
  const child = spawn(command, rest, { cwd, env, stdio: [fd, "pipe", "pipe"] });
  undo.add(async () => {
    child.kill("SIGKILL");
    await endOf(child);
  });
  return child;
}

export async function endOf(child: ChildProcess): Promise<number | string | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return child.exitCode ?? child.signalCode;
}

function together(children: readonly ChildProcess[], name: "stdout" | "stderr"): { readonly text: string } {
  const all = children.map((child) => collect(child[name]));
  return {
    get text() {
      return all.map(({ text }) => text).join("");
    },
  };
}
