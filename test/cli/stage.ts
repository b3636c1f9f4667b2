/**
 * Managers that a test plays: real control servers with operations that the test writes, and the real commands beside
 * them, with a terminal or without one.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach } from "@jest/globals";
import type { Operations } from "../../src/control/protocol.ts";
import { type ControlServer, openControl } from "../../src/control/server.ts";
import type { AppStatus, Status } from "../../src/observe/status.ts";
import { bin, discard, type Ended, scratch } from "../helpers/manager.ts";
import { until } from "../helpers/wait.ts";
import { manager } from "../observe/samples.ts";

/** What a manager of a test does; what it says nothing of is not to be asked. */
export type Part = Partial<Operations>;

export interface Stage {
  readonly directory: string;
  /** Where the managers of this test are found. */
  readonly controls: string;
  /** Plays a manager whose control socket is called after `name`; gives its path. */
  play(name: string, part: Part): Promise<string>;
  /** Ends it, as one that stops. */
  leave(path: string): Promise<void>;
  /** Runs `fcgi-pm ARGS…` to its end. */
  run(...args: string[]): Promise<Ended>;
  /** Runs it in the background, its output read as it comes. */
  start(...args: string[]): Running;
  /** Runs it on a terminal of that size. */
  onTerminal(size: Size, ...args: string[]): Running;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface Running {
  readonly child: ChildProcess;
  /** Standard output so far; of a terminal all that it shows. */
  output(): string;
  readonly ended: Promise<Ended>;
}

/** A new stage for each test of the file, cleared after it. */
export function useStage(): Stage {
  let directory = "";
  const servers = new Map<string, ControlServer>();
  const children = new Set<ChildProcess>();
  beforeEach(() => {
    directory = scratch();
    mkdirSync(join(directory, "control"), { mode: 0o700 });
  });
  afterEach(async () => {
    for (const child of children) child.kill("SIGKILL");
    await until(() => children.size === 0, { what: "the end of all commands" });
    for (const server of servers.values()) await server.close();
    servers.clear();
    discard(directory);
  });
  const launch = (command: string, args: readonly string[]): Running => {
    const env = { ...process.env, RUNTIME_DIRECTORY: directory };
    const child = spawn(command, args, { env, stdio: "pipe" });
    children.add(child);
    const running = listen(child);
    void running.ended.then(() => children.delete(child));
    return running;
  };
  const stage: Stage = {
    get directory() {
      return directory;
    },
    get controls() {
      return join(directory, "control");
    },
    play: async (name, part) => {
      const path = join(directory, "control", `${name}.control`);
      const onBug = (error: unknown) => console.error(error);
      servers.set(path, await openControl({ operations: part as Operations, listen: { path }, onBug }));
      return path;
    },
    leave: async (path) => {
      await servers.get(path)?.close();
      servers.delete(path);
    },
    run: (...args) => stage.start(...args).ended,
    start: (...args) => launch(process.execPath, [bin, ...args]),
    onTerminal: ({ columns, rows }, ...args) => {
      const words = [process.execPath, bin, ...args].map((word) => `'${word}'`).join(" ");
      const size = `stty cols ${columns} rows ${rows}`;
      return launch("script", ["-qefc", `${size}; exec ${words}`, "/dev/null"]);
    },
  };
  return stage;
}

function listen(child: ChildProcess): Running {
  let [stdout, stderr] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr: stderr.trimEnd() }));
  });
  return { child, output: () => stdout, ended };
}

/** The status of a manager of this number with these apps. */
export function statusOf(pid: number, ...apps: AppStatus[]): Status {
  return { version: 1, manager: { ...manager, pid }, apps };
}

/** Answers with this status, whole or by app, as a manager does. */
export function showing(status: Status): Pick<Operations, "status"> {
  return {
    status: (app) => (app === undefined ? status : { ...status, apps: status.apps.filter((one) => one.app === app) }),
  };
}
