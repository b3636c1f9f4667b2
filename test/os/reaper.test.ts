/** Orphans that come to us are reaped, and no exit of our own children is lost by it. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { execa } from "execa";
import { discard, processes, root } from "../helpers/manager.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(120_000);

// Where koffi is found.
const directory = join(root, "node_modules", `.reaper-${process.pid}`);
const program = join(directory, "program.mjs");

beforeAll(async () => {
  mkdirSync(directory, { recursive: true });
  const esbuild = join(root, "node_modules/.bin/esbuild");
  const source = join(import.meta.dirname, "reaper-program.ts");
  const how = ["--bundle", "--format=esm", "--platform=node", "--external:koffi", "--log-level=warning"];
  await execa(esbuild, [source, ...how, `--outfile=${program}`]);
});

afterAll(() => discard(directory));

const running = new Set<ChildProcess>();

afterEach(async () => {
  for (const child of running) child.kill("SIGKILL");
  await until(() => running.size === 0, { what: "the end of all programs" });
});

interface Run {
  /** Of the program itself, in the tests' own PID namespace. */
  readonly pid: number;
  readonly told: readonly { right?: number; rightOfThread?: number; timers?: string[] }[];
}

const namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];

function run(who: string, prefix: readonly string[]): () => Run | undefined {
  const [command = "", ...args] = [...prefix, process.execPath, program, who];
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  running.add(child);
  child.once("close", () => running.delete(child));
  const told: Run["told"][number][] = [];
  createInterface({ input: child.stdout }).on("line", (line) => told.push(JSON.parse(line)));
  return () => {
    const pid = prefix.length === 0 ? child.pid : processes().find(({ parent }) => parent === child.pid)?.pid;
    return pid === undefined ? undefined : { pid, told };
  };
}

/** Started, and all its own children have ended. */
async function runOut(who: string, prefix: readonly string[]): Promise<Run> {
  const look = run(who, prefix);
  return until(() => (look()?.told.length ? look() : undefined), { what: "the exits", timeoutMs: 60_000 });
}

/** Dead children that nobody has waited for. */
function zombies({ pid }: Run): number {
  return processes().filter(({ parent, state }) => parent === pid && state === "Z").length;
}

/** Children that still live: orphans that were adopted. */
function living({ pid }: Run): number {
  return processes().filter(({ parent, state }) => parent === pid && state !== "Z").length;
}

const allRight = { right: 300, rightOfThread: 20 };

describe.each([
  ["as PID 1", "itself", namespace],
  ["as a subreaper", "asked", []],
])("%s", (_as, who, prefix) => {
  test("all own exits are heard with their codes, no zombie is left, and at rest nothing is waited for", async () => {
    const program = await runOut(who, prefix);
    expect(program.told).toEqual([allRight]);
    await until(() => living(program) === 0 && zombies(program) === 0, { what: "no zombie", timeoutMs: 30_000 });
    await until(
      () => {
        process.kill(program.pid, "SIGUSR2");
        return program.told.at(-1)?.timers?.length === 0;
      },
      { what: "no timer", everyMs: 100, timeoutMs: 30_000 },
    );
  });
});

describe.each([
  ["as PID 1", "nobody", namespace],
  ["as a subreaper", "subreaper", []],
])("%s, but without the reaper", (_as, who, prefix) => {
  test("there would be zombies", async () => {
    const program = await runOut(who, prefix);
    await until(() => living(program) === 0 && zombies(program) > 100, {
      what: "zombies of all orphans",
      timeoutMs: 30_000,
    });
    expect(program.told).toEqual([allRight]);
  });
});
