import { expect, test } from "@jest/globals";
import { describeOutcome } from "../../src/cli/outcome.ts";
import { progressOf } from "../../src/cli/progress.ts";
import type { AppOutcome } from "../../src/control/protocol.ts";
import { blog, gone, worker } from "../observe/samples.ts";

const outcome: AppOutcome = {
  app: "blog",
  action: "rolled",
  changes: [],
  result: "done",
  generation: 3,
  wanted: 4,
  tookMs: 112,
};

test.each<[Partial<AppOutcome>, string]>([
  [{}, "blog: rolled to generation 3, 4 of 4 workers replaced in 112ms"],
  [{ action: "scaled", wanted: 1 }, "blog: scaled to 1 worker in 112ms"],
  [{ action: "stopped" }, "blog: stopped in 112ms"],
  [{ action: "restarted" }, "blog: restarted, 4 workers ready in 112ms"],
  [{ action: "unchanged" }, "blog: unchanged"],
  [{ action: "applied" }, "blog: changed in place"],
  [{ action: "added" }, "blog: added, 4 workers ready in 112ms"],
  [{ action: "removed" }, "blog: removed in 112ms"],
  [{ action: "moved" }, "blog: moved to its new listener with 4 workers in 112ms"],
  [{ result: "planned" }, "blog: would roll to generation 3, 4 workers replaced"],
  [{ result: "planned", action: "unchanged" }, "blog: would stay as it is"],
  [{ result: "planned", action: "removed" }, "blog: would be removed"],
  [{ external: true, action: "added" }, "blog: external, added"],
  [{ external: true, action: "moved" }, "blog: external, changed"],
  [{ external: true, action: "removed" }, "blog: external, removed"],
  [{ external: true, action: "unchanged" }, "blog: unchanged"],
  [{ external: true, action: "removed", result: "planned" }, "blog: external, would be removed"],
])("%j is %j", (more, sentence) => {
  expect(describeOutcome({ ...outcome, ...more })).toEqual([sentence]);
});

test("what has changed stands below, and cannot move a cursor", () => {
  const changes = ["processes: 2 -> 4", "env GREETING: \x1b[2J"];
  expect(describeOutcome({ ...outcome, changes }).slice(1)).toEqual([
    "  processes: 2 -> 4",
    "  env GREETING: \\x1b[2J",
  ]);
});

test("progress says what is being waited for, and nothing of an app that rests", () => {
  expect(progressOf(blog)).toEqual([]);
  expect(progressOf({ ...blog, roll: { from: 1, to: 2, done: 2, of: 4 } })).toEqual(["blog: 2 of 4 workers replaced"]);
  expect(progressOf({ ...blog, wanted: 8, ready: 6 })).toEqual(["blog: 6 of 8 workers ready"]);
  expect(progressOf({ ...blog, wanted: 1, workers: [worker, worker, worker] })).toEqual(["blog: 2 workers to end"]);
  const stopping = { ...blog, state: "stopping", wanted: 0, workers: [worker, gone] } as const;
  expect(progressOf(stopping)).toEqual(["blog: 1 worker to end"]);
});
