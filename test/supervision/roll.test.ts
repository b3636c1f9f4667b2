/** Rolling reloads, played as scripts: new first, taken back when the new generation fails. */
import { expect, test } from "@jest/globals";
import { stateOf } from "../../src/supervision/pool.ts";
import { defaults, PoolPlay, recycled, running, terminated } from "./play.ts";

/** Four old workers (101 to 104) and a roll under way whose first new worker (105) is ready; one old one (104) has gone. */
function halfway(): PoolPlay {
  return running(4).until(100).roll(2).ready(105).leaves(104).until(400);
}

test("a roll replaces worker by worker: a new one is ready before an old one leaves", () => {
  const play = running(4).until(100).roll(2);
  expect(play.deeds(100)).toEqual(["spawn 5"]);
  expect(play.ready(105).of(1)).toEqual(["1 ready", "2 ready", "3 ready", "4 draining"]);
  expect(play.leaves(104).of(2)).toEqual(["4 starting", "5 ready"]);
  expect(play.of(1)).toEqual(["1 ready", "2 ready", "3 ready"]);
  play.ready(106).leaves(103).ready(107).leaves(102).ready(108).leaves(101);
  expect(play.there).toEqual(["2 ready", "3 ready", "4 ready", "5 ready"]);
  expect(play.of(2)).toEqual(play.there);
  expect(play.rests).toBe(true);
});

test("when it is done it is over", () => {
  const play = running(1).until(100).roll(2).ready(102).leaves(101).until(200).want(2).dies(103);
  expect(play.rolls).toEqual(["roll.began", "roll.advanced 1", "roll.done"]);
  expect(play.of(2)).toEqual(["1 starting", "2 ready"]);
});

test("it says how far it has come, and when it is done", () => {
  const play = running(2).until(100).roll(2).ready(103).leaves(102).until(250).ready(104).leaves(101);
  expect(play.rolls).toEqual(["roll.began", "roll.advanced 1", "roll.advanced 2", "roll.done"]);
  expect(play.notices.filter(({ type }) => type.startsWith("roll."))).toEqual([
    { type: "roll.began", generation: 2, from: 1, size: 2 },
    { type: "roll.advanced", generation: 2, done: 1, size: 2 },
    { type: "roll.advanced", generation: 2, done: 2, size: 2 },
    { type: "roll.done", generation: 2, size: 2, tookMs: 150 },
  ]);
});

test("the old worker is held, looked at and signalled as in every stop", () => {
  const play = running(1).until(100).roll(2).ready(102);
  expect(play.looks(101, "busy").dealings(101, 100)).toEqual([
    [100, "hold 101"],
    [100, "SIGCONT group 101"],
  ]);
  play.until(103).leaves(101);
  expect(play.dealings(101, 101).map(([, words]) => words)).toEqual([
    "hold 101",
    "SIGTERM 101",
    "SIGCONT group 101",
    "SIGKILL group 101",
  ]);
});

test("while an old worker drains there is no second surplus one", () => {
  const play = running(2).until(100).roll(2).ready(103).looks(102, "busy").until(150);
  expect(play.there).toEqual(["1 ready", "2 draining", "3 ready"]);
  expect(play.leaves(102).there).toEqual(["1 ready", "2 starting", "3 ready"]);
});

test("a batch replaces as many at a time", () => {
  const play = running(4).until(100).roll(2, 2);
  expect(play.of(2)).toEqual(["5 starting", "6 starting"]);
  expect(play.ready(105).of(1)).toEqual(["1 ready", "2 ready", "3 ready", "4 draining"]);
  expect(play.ready(106).of(1)).toEqual(["1 ready", "2 ready", "3 draining", "4 draining"]);
  expect(play.leaves(103).of(2)).toEqual(["3 starting", "5 ready", "6 ready"]);
  expect(play.leaves(104).of(2)).toEqual(["3 starting", "4 starting", "5 ready", "6 ready"]);
  expect(play.ready(107, 108).of(1)).toEqual(["1 draining", "2 draining"]);
  expect(play.leaves(101, 102).rolls.at(-1)).toBe("roll.done");
});

test("a batch never makes more of the new generation than are wanted", () => {
  expect(running(2).until(100).roll(2, 9).of(2)).toEqual(["3 starting", "4 starting"]);
});

test("idle ones leave first", () => {
  const play = running(4).until(100);
  play.idle = [102, 103];
  expect(play.roll(2).ready(105).of(1)).toEqual(["1 ready", "2 ready", "3 draining", "4 ready"]);
  play.leaves(103).until(300);
  expect(play.ready(106).of(1)).toEqual(["1 ready", "2 draining", "4 ready"]);
  expect(play.timesOf(/^survey/)).toEqual([100, 300]);
});

test("nobody is retired before the survey is answered", () => {
  const play = running(3).until(100);
  play.idle = "pending";
  expect(play.roll(2, 2).ready(104).until(250).ready(105).deeds(250)).toEqual([]);
  expect(play.of(1)).toEqual(["1 ready", "2 ready", "3 ready"]);
  expect(play.timesOf(/^survey/)).toEqual([100]);
  expect(play.tell({ type: "surveyed", idle: [101] }).of(1)).toEqual(["1 draining", "2 ready", "3 draining"]);
});

test("an answer is good for a tenth of a second", () => {
  const play = running(4).until(100);
  play.idle = [101, 102];
  play.roll(2).ready(105).until(200).leaves(102).ready(106);
  expect(play.of(1)).toEqual(["1 draining", "3 ready", "4 ready"]);
  expect(play.timesOf(/^survey/)).toEqual([100]);
  expect(
    play
      .until(201)
      .leaves(101)
      .ready(107)
      .timesOf(/^survey/),
  ).toEqual([100, 201]);
});

test("where all of them go, and where they are just signalled, nobody is asked who is idle", () => {
  const last = running(1).until(100).roll(2).ready(102);
  expect(last.of(1)).toEqual(["1 draining"]);
  const stopped = running(3).until(100).want(0);
  expect(stopped.of(1)).toEqual(["1 draining", "2 draining", "3 draining"]);
  const signalled = running(3, { drain: "signal" }).until(100).roll(2).ready(104);
  expect(signalled.of(1)).toEqual(["1 ready", "2 ready", "3 stopping"]);
  for (const play of [last, stopped, signalled]) expect(play.timesOf(/^survey/)).toEqual([]);
});

test("scaled down, the idle ones leave first, whatever their numbers", () => {
  const play = running(4).until(100);
  play.idle = [101, 103];
  expect(play.want(2).there).toEqual(["1 draining", "2 ready", "3 draining", "4 ready"]);
  expect(play.deeds(100)).toEqual(["survey 101 102 103 104", "hold 103", "hold 101"]);
});

test("scaled down in a roll, those of whom some may stay are asked", () => {
  const play = running(3).until(100).roll(2, 2).ready(104).leaves(103).ready(105).until(400);
  expect(play.of(2)).toEqual(["3 starting", "4 ready", "5 ready"]);
  expect(play.of(1)).toEqual(["1 ready", "2 draining"]);
  play.idle = "pending";
  play.want(1);
  expect(play.of(1)).toEqual(["1 ready", "2 draining"]);
  expect(play.pool.roll?.phase).toBe("replacing");
  play.tell({ type: "surveyed", idle: [104] });
  expect(play.of(1)).toEqual(["1 draining", "2 draining"]);
  expect(play.of(2)).toEqual(["3 draining", "4 draining", "5 ready"]);
  expect(play.pool.roll?.phase).toBe("leaving");
});

test("a new worker that dies at boot takes the roll back at once, and the old generation serves on", () => {
  const play = running(4).until(100).roll(2).dies(105);
  expect(play.rolls).toEqual(["roll.began", "roll.taken-back 5"]);
  expect(play.notices.slice(-2)).toMatchObject([
    { type: "worker.died", number: 5, retryInMs: null },
    { type: "roll.taken-back", generation: 2, number: 5, to: 1 },
  ]);
  expect(play.of(1)).toEqual(["1 ready", "2 ready", "3 ready", "4 ready"]);
  expect(play.there).toEqual(play.of(1));
  expect(play.pool.wish).toMatchObject({ size: 4, generation: 1 });
  expect(play.rests).toBe(true);
  expect(play.until(3_600_000).spawns).toHaveLength(5);
});

test("taken back, those of the new generation that start are retired, those that serve are replaced, new first", () => {
  const play = running(4).until(100).roll(2, 2).ready(105).leaves(104);
  expect(play.of(2)).toEqual(["4 starting", "5 ready", "6 starting"]);
  play.dies(107);
  expect(play.of(2)).toEqual(["5 ready", "6 draining"]);
  expect(play.of(1)).toEqual(["1 ready", "2 ready", "3 ready", "4 starting"]);
  expect(play.ready(108).of(2)).toEqual(["5 draining", "6 draining"]);
  play.leaves(105, 106);
  expect(play.of(1)).toEqual(["1 ready", "2 ready", "3 ready", "4 ready"]);
  const spawned = play.notices.filter((notice) => notice.type === "worker.spawned");
  expect(spawned.map(({ generation }) => generation)).toEqual([1, 1, 1, 1, 2, 2, 2, 1]);
  expect(play.rests).toBe(true);
});

test("a new worker that is late takes the roll back at the moment it is late", () => {
  const play = running(2, { startTimeoutMs: 3000 }).until(100).roll(2).until(3099);
  expect(play.rolls).toEqual(["roll.began"]);
  expect(play.until(3100).said.slice(-4)).toEqual([
    [3100, "worker.late 3"],
    [3100, "SIGTERM 103"],
    [3100, "SIGCONT group 103"],
    [3100, "roll.taken-back 3"],
  ]);
  play.until(3140).exits(103, terminated);
  expect(play.there).toEqual(["1 ready", "2 ready"]);
  expect(play.pool.failures).toBe(0);
  expect(play.rests).toBe(true);
});

test("a spawn that the system refuses takes the roll back", () => {
  const play = running(2).until(100);
  play.spawning = "refused";
  expect(play.roll(2).rolls).toEqual(["roll.began", "roll.taken-back 3"]);
  expect(play.there).toEqual(["1 ready", "2 ready"]);
});

test("exit 0 before anybody of the new generation was ready takes the roll back: it is not tried again", () => {
  const play = running(2).until(100).roll(2).exits(103, recycled);
  expect(play.rolls).toEqual(["roll.began", "roll.taken-back 3"]);
  expect(play.until(3_600_000).spawns).toEqual([0, 0, 100]);
});

test("exit 0 before readiness is no failure of a generation that has shown that it works", () => {
  const play = halfway().exits(106, recycled);
  expect(play.of(2)).toEqual(["4 starting", "5 ready"]);
  expect(play.rolls).toEqual(["roll.began", "roll.advanced 1"]);
});

test("nor is it one when the worker that showed it has only just recycled itself", () => {
  const play = running(2).until(100).roll(2).ready(103).looks(102, "busy").until(200).exits(103, recycled);
  expect(play.exits(104, recycled).of(2)).toEqual(["3 starting"]);
  expect(play.pool.wish.generation).toBe(2);
  play.until(20_000).exits(105, recycled);
  expect(play.pool.wish.generation).toBe(1);
});

test("a ready worker of the failed generation does not show that the old one starts", () => {
  const play = running(2).until(100).dies(101, 102).roll(2).leaves(103, 104);
  play.ready(105).until(20_000).dies(106);
  expect(play.rolls.at(-1)).toMatch("roll.taken-back");
  expect(play.of(2).filter((worker) => worker.endsWith("ready"))).toHaveLength(1);
  for (let time = 0; time < 4; time += 1) play.exits(play.lastPid, recycled);
  expect(play.pool.failures).toBeGreaterThan(1);
});

test("a new worker that dies after it was ready does not take the roll back", () => {
  const play = halfway().dies(105);
  expect(play.of(2)).toEqual(["4 starting", "5 starting"]);
  expect(play.rolls).toEqual(["roll.began", "roll.advanced 1"]);
  expect(play.pool.wish.generation).toBe(2);
});

test("an old worker that dies during the roll is followed by one of the new generation", () => {
  const play = halfway().dies(102);
  expect(play.pool.budget.tokens).toBe(9);
  expect(play.of(1)).toEqual(["1 ready", "3 ready"]);
  expect(play.of(2)).toEqual(["2 starting", "4 starting", "5 ready"]);
  play.ready(106);
  expect(play.of(1)).toEqual(["1 ready", "3 ready"]);
  expect(play.ready(107).of(1)).toEqual(["1 ready", "3 draining"]);
});

test("an old worker that was late before the roll, and one that is refused, are no news of the new generation", () => {
  const late = running(2, { startTimeoutMs: 3000 }).until(100).dies(101).until(3100).roll(2);
  expect(late.of(1)).toEqual(["1 stopping", "2 ready"]);
  expect(late.exits(103, terminated).rolls).toEqual(["roll.began"]);
  const refused = running(2).until(100);
  refused.spawning = "pending";
  refused.dies(101).roll(2).tell({ type: "refused", number: 1, reason: "EAGAIN" });
  expect(refused.rolls).toEqual(["roll.began"]);
  expect(refused.pool.failures).toBe(0);
});

test("when all new ones are ready and old ones still drain, the roll stands whatever comes", () => {
  const play = running(2).until(100).roll(2, 2).ready(103, 104).looks(101, "busy").looks(102, "busy");
  expect(play.pool.roll).toEqual({ phase: "leaving", from: 1, beganMs: 100 });
  expect(play.rolls).toEqual(["roll.began", "roll.advanced 1", "roll.advanced 2"]);
  play.until(150).leaves(101).dies(103).dies(105).dies(106);
  expect(play.pool.failures).toBe(2);
  expect(play.pool.wish.generation).toBe(2);
  play.until(400).ready(107);
  expect(play.rolls).toHaveLength(3);
  expect(play.leaves(102).rolls.at(-1)).toBe("roll.done");
});

test("then a late one does not take it back either", () => {
  const play = running(1, { startTimeoutMs: 3000 }).until(100).roll(2).ready(102).looks(101, "busy").until(200);
  expect(play.dies(102).until(3200).heard("worker.late 2")).toBe(true);
  expect(play.pool.wish.generation).toBe(2);
  expect(play.rolls).toEqual(["roll.began", "roll.advanced 1"]);
});

test("a reload while the old ones of the last one drain goes back, if it has to, to that one", () => {
  const play = running(1).until(100).roll(2).ready(102).looks(101, "busy").until(150).roll(3);
  expect(play.of(3)).toEqual([]);
  expect(play.leaves(101).of(3)).toEqual(["1 starting"]);
  expect(play.dies(103).notices.at(-1)).toMatchObject({ type: "roll.taken-back", generation: 3, to: 2 });
  expect(play.of(2)).toEqual(["2 ready"]);
});

test("a reload into a reload: everything before it is old, and it goes back to where the first one came from", () => {
  const play = running(4).until(100).roll(2, 1, { stopTimeoutMs: 999 }).ready(105).leaves(104).until(400);
  expect(play.roll(3, 1, { stopTimeoutMs: 777 }).of(2)).toEqual(["4 draining", "5 ready"]);
  expect(play.pool.roll).toEqual({ phase: "replacing", from: 1, policy: defaults, beganMs: 400 });
  play.leaves(106);
  expect(play.of(3)).toEqual(["4 starting"]);
  expect(play.rolls).toEqual(["roll.began", "roll.advanced 1", "roll.began"]);
  expect(play.dies(107).rolls.at(-1)).toBe("roll.taken-back 4");
  expect(play.pool.wish.generation).toBe(1);
  expect(play.pool.policy).toEqual(defaults);
  expect(play.ready(108).of(2)).toEqual(["5 draining"]);
});

test("a stop during the roll gives it up, and nobody is spawned", () => {
  const play = halfway().want(0);
  expect(play.rolls.at(-1)).toBe("roll.given-up");
  expect(play.there).toEqual(["1 draining", "2 draining", "3 draining", "4 draining", "5 draining"]);
  play.leaves(101, 102, 103, 105, 106);
  expect(play.there).toEqual([]);
  expect(play.heard("pool.stopped")).toBe(true);
  expect(play.until(3_600_000).spawns).toHaveLength(6);
});

test("a stop that brings another generation gives up the roll that was under way, and begins none", () => {
  const play = halfway().tell({ type: "wanted", wish: { size: 0, generation: 3 } });
  expect(play.rolls).toEqual(["roll.began", "roll.advanced 1", "roll.given-up"]);
  expect(play.notices.at(-1)).toEqual({ type: "roll.given-up", generation: 2 });
});

test("after a stop the generation that was last wanted is started", () => {
  const play = running(1).until(100).roll(2).want(0).leaves(102, 101).until(200).want(1);
  expect(play.of(2)).toEqual(["1 starting"]);
  expect(play.rolls).toEqual(["roll.began", "roll.given-up"]);
});

test("a reload of a stopped app is no roll: the next start is of that generation", () => {
  const play = new PoolPlay().roll(2).want(2).until(5);
  expect(play.of(2)).toEqual(["1 starting", "2 starting"]);
  expect(play.dies(101, 102).of(2)).toEqual(["1 starting"]);
  const both = new PoolPlay().tell({ type: "wanted", wish: { size: 1, generation: 2 } });
  expect(both.of(2)).toEqual(["1 starting"]);
  const leaving = running(1).until(100).want(0).roll(2).want(1);
  expect(leaving.of(1)).toEqual(["1 draining"]);
  expect(leaving.of(2)).toEqual(["2 starting"]);
  for (const { rolls } of [play, both, leaving]) expect(rolls).toEqual([]);
});

test("scaled up during a roll, all that is missing is of the new generation", () => {
  const play = halfway().want(6);
  expect(play.of(1)).toEqual(["1 ready", "2 ready", "3 ready"]);
  expect(play.of(2)).toEqual(["4 starting", "5 ready", "6 starting", "7 starting"]);
  play.ready(106, 107, 108).leaves(103).ready(109).leaves(102).ready(110).leaves(101);
  expect(play.of(2)).toHaveLength(6);
  expect(play.rolls.at(-1)).toBe("roll.done");
});

test("scaled down during a roll, old ones leave as far as the ready ones suffice, and nothing is spawned until it fits", () => {
  const play = halfway().want(2);
  expect(play.of(1)).toEqual(["1 ready", "2 draining", "3 draining"]);
  expect(play.of(2)).toEqual(["4 starting", "5 ready"]);
  play.leaves(103, 102).ready(106).leaves(101);
  expect(play.of(2)).toEqual(["4 ready", "5 ready"]);
  expect(play.spawns).toHaveLength(6);
  expect(play.rolls.at(-1)).toBe("roll.done");
});

test("a new worker that has to leave because the size shrinks takes nothing back", () => {
  const play = running(2, { drain: "signal" }).until(100).roll(2, 2).want(1);
  expect(play.of(2)).toEqual(["3 starting", "4 stopping"]);
  expect(play.exits(104, terminated).rolls).toEqual(["roll.began"]);
});

test("init-start-delay does not slow down a roll", () => {
  const play = new PoolPlay({ initStartDelayMs: 500 }).want(2).until(600).ready(101, 102).until(5000).roll(2, 2);
  expect(play.spawns).toEqual([0, 500, 5000, 5000]);
});

test("a reload of an app in a crash loop starts anew at once, and drops the slots that waited", () => {
  const play = new PoolPlay().want(3).until(5).dies(101, 102, 103).dies(104).until(50);
  expect(play.there).toEqual(["1 backoff", "2 backoff", "3 backoff"]);
  expect(stateOf(play.pool)).toBe("backoff");
  play.roll(2);
  expect(play.of(2)).toEqual(["1 starting", "2 starting", "3 starting"]);
  expect(play.spawns.slice(4)).toEqual([50, 50, 50]);
  expect(play.pool.failures).toBe(0);
  expect(play.ready(105, 106, 107).rolls.at(-1)).toBe("roll.done");
});

test("a policy that comes with a reload holds at once, and goes with it when it is taken back", () => {
  const play = running(2).until(100).roll(2, 1, { startTimeoutMs: 500, drainTimeoutMs: 1 });
  expect(play.pool.policy).toMatchObject({ startTimeoutMs: 500, drainTimeoutMs: 1 });
  expect(play.until(600).rolls.at(-1)).toBe("roll.taken-back 3");
  expect(play.pool.policy).toEqual(defaults);
});

test("a policy that comes alone holds at once and rolls nothing", () => {
  const play = running(1).until(100).want(0).looks(101, "busy").until(102);
  play.tell({ type: "wanted", wish: {}, policy: { ...defaults, drainTimeoutMs: 500 } });
  expect(
    play
      .looks(101, "busy")
      .until(600)
      .timesOf(/^SIGTERM/),
  ).toEqual([600]);
  expect(play.rolls).toEqual([]);
});

test("when one of many late workers takes back the policy too, the others are dealt with by the old one", () => {
  const play = running(2).until(100).roll(2, 2, { startTimeoutMs: 1000 }).until(1100);
  expect(play.deeds(1100)).toEqual(["SIGTERM 103", "SIGCONT group 103"]);
  expect(play.of(2)).toEqual(["3 stopping", "4 draining"]);
  expect(play.looks(104, "waiting").deeds(1100).at(-1)).toBe("hold 104");
});

test("a reload while a spawn is under way: it waits for it and lets it go", () => {
  const play = new PoolPlay();
  play.spawning = "pending";
  play.want(2).roll(2);
  expect(play.there).toEqual(["1 spawning", "2 backoff", "3 backoff"]);
  expect(play.spawns).toEqual([0]);
  play.tell({ type: "spawned", number: 1, pid: 300 });
  expect(play.of(1)).toEqual(["1 draining"]);
  expect(play.of(2)).toEqual(["2 spawning"]);
  play.tell({ type: "spawned", number: 2, pid: 301 });
  expect(play.of(2)).toEqual(["2 starting", "3 spawning"]);
});

test("what a command does not name stays as it is: a resize after a reload that was taken back rolls nothing", () => {
  const play = running(2).until(100).roll(2, 2).dies(103).want(3);
  expect(play.pool.wish).toEqual({ size: 3, generation: 1, batch: 2, haste: "gracefully" });
  expect(play.rolls.filter((words) => words === "roll.began")).toHaveLength(1);
});

test("numbers are given once among those who live", () => {
  const play = running(3).until(100);
  const numbers = () => play.pool.workers.map(({ number }) => number);
  const acts = [
    () => play.roll(2, 2),
    () => play.ready(104),
    () => play.dies(102),
    () => play.ready(105, 106),
    () => play.roll(3, 3),
    () => play.dies(play.lastPid),
    () => play.want(5),
    () => play.leaves(103),
  ];
  for (const act of acts) {
    act();
    expect(new Set(numbers()).size).toBe(numbers().length);
  }
});
