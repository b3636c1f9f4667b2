import { expect, test } from "@jest/globals";
import { describeExit, type Notice, sentenceOf } from "../../src/supervision/notice.ts";

const worker = { number: 3, pid: 42 };
const exit = { code: 1, signal: null };

test.each<[Notice, string]>([
  [{ type: "worker.spawned", generation: 1, ...worker }, "worker 3 spawned, pid 42"],
  [{ type: "worker.ready", tookMs: 12.4, ...worker }, "worker 3 ready after 12ms"],
  [
    { type: "worker.died", exit, livedMs: 61_000, wasReady: true, retryInMs: 0, ...worker },
    "worker 3 died after 1m: exit code 1",
  ],
  [
    { type: "worker.died", exit, livedMs: 40, wasReady: false, retryInMs: 0, ...worker },
    "worker 3 died before it was ready, after 40ms: exit code 1; the next try comes at once",
  ],
  [
    { type: "worker.died", exit, livedMs: 40, wasReady: false, retryInMs: 1600, ...worker },
    "worker 3 died before it was ready, after 40ms: exit code 1; the next try comes in 1.6s",
  ],
  [
    { type: "worker.died", exit, livedMs: 40, wasReady: false, retryInMs: null, ...worker },
    "worker 3 died before it was ready, after 40ms: exit code 1",
  ],
  [{ type: "worker.recycled", livedMs: 7_200_000, ...worker }, "worker 3 ended by itself after 2h, replaced"],
  [{ type: "worker.late", waitedMs: 60_000, ...worker }, "worker 3 is not ready after 1m, it will be replaced"],
  [{ type: "worker.stopped", exit: { code: 0, signal: null }, ...worker }, "worker 3 stopped: exit code 0"],
  [
    { type: "worker.killed", why: "idle", ...worker },
    "worker 3 killed with its process group: it is idle and ignores the stop signal",
  ],
  [
    { type: "worker.killed", why: "timeout", ...worker },
    "worker 3 killed with its process group: it is still there at the end of stop-timeout",
  ],
  [{ type: "worker.killed", why: "now", ...worker }, "worker 3 killed with its process group: all is to end now"],
  [
    { type: "worker.lingers", waitedMs: 5000, ...worker },
    "worker 3 is still there 5s after SIGKILL: the kernel holds it",
  ],
  [
    { type: "worker.drain-timeout", waitedMs: 60_000, ...worker },
    "worker 3 is still busy after 1m, it gets the stop signal now",
  ],
  [
    { type: "spawn.refused", number: 3, reason: "spawn EAGAIN", retryInMs: 100 },
    "worker 3 could not be spawned: spawn EAGAIN; the next try comes in 100ms",
  ],
  [{ type: "pool.ready", ready: 4, size: 4 }, "4 of 4 workers ready"],
  [
    { type: "pool.crash-loop", failures: 5, retryInMs: 800 },
    "no worker gets ready: 5 tries failed; the next try comes in 800ms",
  ],
  [
    { type: "pool.spends-too-fast", waitMs: 250 },
    "workers die faster than the spawn budget allows: the next one comes in 250ms",
  ],
  [{ type: "pool.stopped" }, "all workers have ended"],
  [
    { type: "roll.began", generation: 3, from: 2, size: 4 },
    "reload: 4 workers of generation 2 replaced by generation 3",
  ],
  [{ type: "roll.advanced", generation: 3, done: 1, size: 4 }, "reload: 1 of 4 workers are of generation 3"],
  [{ type: "roll.done", generation: 3, size: 4, tookMs: 1500 }, "reloaded to generation 3 after 1.5s"],
  [
    { type: "roll.taken-back", generation: 3, number: 5, to: 2 },
    "reload taken back: worker 5 of generation 3 failed, generation 2 serves on",
  ],
  [{ type: "roll.given-up", generation: 3 }, "reload to generation 3 given up: the app is to stop"],
])("%j is told in a sentence", (notice, sentence) => {
  expect(sentenceOf(notice)).toBe(sentence);
});

test("an exit is its code or its signal", () => {
  expect(describeExit({ code: 3, signal: null })).toBe("exit code 3");
  expect(describeExit({ code: null, signal: "SIGSEGV" })).toBe("signal SIGSEGV");
  expect(describeExit({ code: null, signal: null })).toBe("exit code unknown");
});
