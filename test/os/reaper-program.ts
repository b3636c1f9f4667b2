/**
 * A program that `reaper.test.ts` runs as PID 1, as a subreaper, or without a reaper: it starts many children, each of
 * which leaves an orphan, and tells as one line of JSON how they ended. On USR2 it tells which timers it has. Its argument
 * says who is to reap.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { becomeSubreaper } from "../../src/os/posix.ts";
import { reapStrangers } from "../../src/os/reaper.ts";

const childCount = 300;
/** Of one thread, one after another: `spawnSync` has an event loop of its own. */
const threadCount = 20;

function tell(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

/** The orphan lives longer than its parent, and dies while others are waited for. */
async function exitOf(code: number): Promise<boolean> {
  const child = spawn("/bin/sh", ["-c", `(sleep 0.0${code % 10} &); exit ${code}`], { stdio: "ignore" });
  const [seen] = await once(child, "exit");
  return seen === code;
}

/** Longer than the reaper waits before it takes a dead child for a stranger. */
function block(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);
}

async function main(): Promise<void> {
  const [who] = process.argv.slice(2);
  if (who === "subreaper") becomeSubreaper();
  else if (who !== "nobody") reapStrangers(who === "asked");
  process.on("SIGUSR2", () => tell({ timers: process.getActiveResourcesInfo().filter((name) => name === "Timeout") }));
  const thread = new Worker(new URL(import.meta.url));
  const fromThread = once(thread, "message");
  const exits = Array.from({ length: childCount }, (_, index) => exitOf(index % 200));
  block();
  setTimeout(block, 100);
  const right = (await Promise.all(exits)).filter(Boolean).length;
  const [rightOfThread] = await fromThread;
  tell({ right, rightOfThread });
  // Somebody looks at us from outside until we are killed.
  process.stdin.resume();
}

function inThread(): void {
  const seen = Array.from({ length: threadCount }, () => spawnSync("/bin/sh", ["-c", "sleep 0.02; exit 7"]).status);
  parentPort?.postMessage(seen.filter((status) => status === 7).length);
}

if (isMainThread) await main();
else inThread();
