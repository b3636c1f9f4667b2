import { expect, test } from "@jest/globals";
import { stateOf } from "../../src/supervision/pool.ts";
import { PoolPlay, recycled, running, terminated } from "./play.ts";

/** Each worker dies as soon as it is spawned, so many times. */
function failing(play: PoolPlay, times: number): PoolPlay {
  for (let time = 0; time < times; time += 1) {
    play.dies(play.lastPid);
    if (play.there.some((slot) => slot.endsWith("backoff"))) play.until(play.pool.notBeforeMs);
  }
  return play;
}

test("as many workers are spawned as are wanted, and when all are ready the pool rests", () => {
  const play = running(3);
  expect(play.spawns).toEqual([0, 0, 0]);
  expect(play.there).toEqual(["1 ready", "2 ready", "3 ready"]);
  expect(play.heard("pool.ready")).toBe(true);
  expect(play.rests).toBe(true);
});

test("one spawn is under way at a time", () => {
  const play = new PoolPlay();
  play.spawning = "pending";
  play.want(3);
  expect(play.there).toEqual(["1 spawning", "2 backoff", "3 backoff"]);
  expect(play.rests).toBe(true);
});

test("init-start-delay spaces the first spawns, not those that follow", () => {
  const play = new PoolPlay({ initStartDelayMs: 500 }).want(3).until(2000).ready(101, 102, 103);
  expect(play.spawns).toEqual([0, 500, 1000]);
  expect(play.until(3000).dies(101, 102).spawns).toEqual([0, 500, 1000, 3000, 3000]);
  play.want(0, "now").exits(103, terminated).exits(104, terminated).exits(105, terminated).until(9000);
  expect(play.want(2).until(9999).spawns.slice(5)).toEqual([9000, 9500]);
});

test("a worker that dies after it was ready is replaced at once", () => {
  const play = running(2).until(50).dies(101);
  expect(play.spawns).toEqual([0, 0, 50]);
  expect(play.ready(103).there).toEqual(["1 ready", "2 ready"]);
});

test("when the budget is spent, deaths after readiness are replaced as the tokens come", () => {
  const play = running(1);
  for (let death = 0; death < 12; death += 1) {
    play.dies(play.lastPid).until(10 + (death >= 10 ? (death - 9) * 1000 : 0));
    play.ready(play.lastPid);
  }
  expect(play.spawns).toEqual([0, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 1010, 2010]);
  expect(play.heard("pool.spends-too-fast")).toBe(true);
});

test("exit 0 after service is recycling, and costs nothing however often it happens", () => {
  const play = running(1);
  for (let life = 1; life <= 100; life += 1) {
    play
      .until(10 + 20 * life)
      .exits(play.lastPid, recycled)
      .ready(play.lastPid);
  }
  expect(play.spawns).toHaveLength(101);
  expect(play.spawns.at(-1)).toBe(2010);
  expect(play.pool.budget.tokens).toBe(10);
});

test("exit 0 before readiness, while others are ready, draws on the budget and is no failure to start", () => {
  const play = running(2).until(100).exits(101, recycled).until(105);
  play.exits(play.lastPid, recycled);
  expect(play.pool.failures).toBe(0);
  expect(play.spawns).toEqual([0, 0, 100, 105]);
});

test("early deaths: the first replacement at once, then after restart-delay, doubling", () => {
  const play = failing(new PoolPlay().want(1), 6);
  expect(play.spawns).toEqual([0, 0, 100, 300, 700, 1500, 3100]);
  expect(play.heard("pool.crash-loop")).toBe(true);
});

test("jitter makes the wait longer by a quarter at most", () => {
  const play = new PoolPlay().want(1);
  play.chance = 1;
  expect(failing(play, 4).spawns).toEqual([0, 0, 125, 375, 875]);
});

test("the wait never exceeds max-restart-delay, and there is no end to trying", () => {
  const { spawns } = failing(new PoolPlay().want(1), 50);
  expect(spawns).toHaveLength(51);
  expect((spawns[50] ?? 0) - (spawns[49] ?? 0)).toBe(60_000);
});

test("after a worker has lived min-server-life the waits start over", () => {
  const play = failing(new PoolPlay().want(1), 5).ready(106).until(20_000).dies(106);
  expect(play.spawns.at(-1)).toBe(20_000);
  expect(play.dies(play.lastPid).spawns.at(-1)).toBe(20_000);
  expect(play.dies(play.lastPid).until(20_100).spawns.at(-1)).toBe(20_100);
});

test("a worker that lives on starts them over for those beside it", () => {
  const play = failing(new PoolPlay().want(1), 5).ready(106).until(20_000).want(2);
  expect(play.dies(107).spawns.slice(-2)).toEqual([20_000, 20_000]);
  expect(play.pool.failures).toBe(1);
});

test("workers that were spawned together and die early together count as one failure", () => {
  const play = new PoolPlay().want(4).until(5).dies(101, 102, 103, 104);
  expect(play.pool.failures).toBe(1);
});

test("while nobody gets ready one worker at a time is tried", () => {
  const play = new PoolPlay().want(4).until(5).dies(101, 102, 103, 104);
  expect(play.there).toEqual(["1 starting", "2 backoff", "3 backoff", "4 backoff"]);
  expect(play.rests).toBe(false);
  expect(play.until(1000).spawns).toHaveLength(5);
  play.dies(105).until(1200);
  expect(play.spawns.slice(5)).toEqual([1100]);
});

test("when the scout gets ready all others are spawned at once", () => {
  const play = failing(new PoolPlay().want(4).until(5).dies(101, 102, 103), 4);
  const before = play.spawns.length;
  play.ready(play.lastPid);
  expect(play.spawns.length - before).toBe(3);
  expect(new Set(play.spawns.slice(before)).size).toBe(1);
});

test("with others ready a slot that fails waits for itself only", () => {
  const play = running(2).until(100).dies(101).dies(103).dies(104);
  expect(play.there).toEqual(["1 backoff", "2 ready"]);
  expect(play.until(300).spawns).toEqual([0, 0, 100, 100, 200]);
});

test("a worker that served is replaced at once, although another slot fails to start", () => {
  const recycling = running(2).until(100).dies(101).dies(103).dies(104).until(110).exits(102, recycled);
  expect(recycling.spawns.at(-1)).toBe(110);
  const crashing = running(2).until(100).dies(101).dies(103).dies(104).until(110).dies(102);
  expect(crashing.spawns.at(-1)).toBe(110);
});

test("a worker that served is replaced at once, although another is being tried", () => {
  const play = running(2).until(100).dies(101).dies(103).until(110).dies(102);
  expect(play.there).toEqual(["1 starting", "2 starting"]);
});

test("a spawn that the system refuses waits like an early death", () => {
  const play = new PoolPlay();
  play.spawning = "refused";
  play.want(1).until(750);
  expect(play.spawns).toEqual([0, 0, 100, 300, 700]);
  expect(play.heard("spawn.refused 1")).toBe(true);
});

test("a worker that is not ready at the end of start-timeout is stopped and replaced when it is gone", () => {
  const play = new PoolPlay({ startTimeoutMs: 3000 }).want(1).until(3000);
  expect(play.dealings(101, 3000)).toEqual([
    [3000, "SIGTERM 101"],
    [3000, "SIGCONT group 101"],
  ]);
  expect(play.spawns).toEqual([0]);
  expect(play.until(3040).exits(101, terminated).spawns).toEqual([0, 3040]);
});

test("a late worker keeps its place: who follows it waits as after any early death, whatever numbers are free", () => {
  const play = running(2, { startTimeoutMs: 3000 }).until(100).roll(2).ready(103).leaves(102).ready(104).leaves(101);
  expect(play.there).toEqual(["2 ready", "3 ready"]);
  play.until(20_000).dies(103).until(20_010).dies(105).until(20_020).dies(106).until(23_120);
  expect(play.there).toEqual(["2 ready", "3 stopping"]);
  expect(play.exits(107, terminated).there).toEqual(["2 ready", "3 backoff"]);
  expect(play.until(24_000).spawns.slice(4)).toEqual([20_000, 20_010, 20_120, 23_320]);
});

test("where the kernel cannot be asked workers are ready after start-grace", () => {
  const play = new PoolPlay().want(1).until(2).looks(101, "unseen").until(999);
  expect(play.there).toEqual(["1 starting"]);
  expect(play.until(1000).looks(101, "unseen").there).toEqual(["1 ready"]);
  expect(play.rests).toBe(true);
});

test("stop: idle workers are held, looked at and signalled, and nobody follows", () => {
  const play = running(2).until(100).want(0);
  expect(play.dealings(101, 100)).toEqual([[100, "hold 101"]]);
  play.looks(101, "elsewhere").looks(102, "elsewhere");
  expect(play.dealings(102, 100)).toEqual([
    [100, "hold 102"],
    [100, "SIGTERM 102"],
    [100, "SIGCONT group 102"],
  ]);
  play.until(120).exits(101, terminated).exits(102, recycled).until(3_600_000);
  expect(play.spawns).toEqual([0, 0]);
  expect(play.there).toEqual([]);
  expect(play.heard("pool.stopped")).toBe(true);
});

test("stop: a busy worker may finish; it is held and looked at again, more rarely each time", () => {
  const play = running(1).until(100).want(0);
  for (let look = 0; look < 400; look += 1) play.looks(101, "busy").until(play.nowMs + 100);
  const holds = play.timesOf(/^hold/);
  const pauses = holds.slice(1, 400).map((ms, at) => ms - 100 * (at + 1));
  expect(pauses[0]).toBeLessThan(5);
  expect(pauses.toSorted((one, other) => one - other)).toEqual(pauses);
  expect(pauses.at(-1)).toBe(10);
  expect(play.dealings(101, 100).some(([, words]) => words === "SIGTERM 101")).toBe(false);
});

test("stop: whoever is busy longer than drain-timeout gets the stop signal, then stop-timeout", () => {
  const play = running(1, { drainTimeoutMs: 30_000 }).until(100).want(0).looks(101, "busy");
  play.until(30_100);
  expect(play.timesOf(/^SIGTERM/)).toEqual([30_100]);
  expect(play.heard("worker.drain-timeout 1")).toBe(true);
  for (let look = 0; look < 9; look += 1) play.until(play.nowMs + 1000).looks(101, "busy");
  expect(play.timesOf(/^SIGTERM/)).toEqual([30_100]);
  expect(play.until(40_100).timesOf(/^SIGKILL group 101/)).toEqual([40_100]);
});

test("stop: an idle worker that ignores the signal hears it again after a second and is killed after two", () => {
  const play = running(1).until(100).want(0).looks(101, "elsewhere").until(1100).looks(101, "elsewhere");
  expect(play.until(1150).timesOf(/^SIGTERM/)).toEqual([100, 1100, 1150]);
  expect(
    play
      .until(2100)
      .looks(101, "elsewhere")
      .timesOf(/^SIGKILL/),
  ).toEqual([2100]);
});

test('stop with drain = "signal": the stop signal at once, busy or not', () => {
  const play = running(2, { drain: "signal", stopSignal: "SIGUSR1" }).until(100).want(0);
  expect(play.timesOf(/^SIGUSR1/)).toEqual([100, 100]);
  expect(play.timesOf(/^hold/)).toEqual([]);
});

test("a second stop kills whoever is left, with its group", () => {
  const play = running(2).until(100).want(0).looks(101, "busy").until(200).want(0, "now");
  expect(play.timesOf(/^SIGKILL group 101/)).toEqual([200]);
  expect(play.timesOf(/^SIGKILL group 102/)).toEqual([200]);
});

test("started again after that, nobody who is wanted is killed", () => {
  const play = running(3).until(100).want(0, "now").exits(101, terminated).exits(102, terminated);
  play.exits(103, terminated).tell({ type: "wanted", wish: { size: 2 } });
  expect(play.there).toEqual(["1 starting", "2 starting"]);
  expect(play.ready(104, 105).tell({ type: "wanted", wish: { size: 1 } }).there).toEqual(["1 ready", "2 killing"]);
});

test("stop outranks every restart: empty slots vanish and no alarm is left", () => {
  const play = failing(new PoolPlay().want(3).until(5).dies(101, 102), 5).want(0);
  play.dies(play.lastPid);
  expect(play.there).toEqual([]);
  expect(play.rests).toBe(true);
});

test("a death after stop is nobody's failure", () => {
  const play = running(1).until(100).want(0).dies(101);
  expect(play.there).toEqual([]);
  expect(play.pool.failures).toBe(0);
});

test("a worker whose spawn was under way at the stop is asked to leave as soon as it is there", () => {
  const play = new PoolPlay();
  play.spawning = "pending";
  play.want(1).want(0).tell({ type: "spawned", number: 1, pid: 300 });
  expect(play.there).toEqual(["1 draining"]);
  const now = new PoolPlay();
  now.spawning = "pending";
  now.want(1).want(0, "now").tell({ type: "spawned", number: 1, pid: 300 });
  expect(now.there).toEqual(["1 killing"]);
});

test("a spawn that is refused after the stop leaves no slot", () => {
  const play = new PoolPlay();
  play.spawning = "pending";
  play.want(1).want(0).tell({ type: "refused", number: 1, reason: "EAGAIN" });
  expect(play.there).toEqual([]);
});

test("started again while old workers leave, the pool waits for their places", () => {
  const play = running(1).until(100).want(0).looks(101, "busy").until(102).want(1);
  expect(play.spawns).toEqual([0]);
  expect(play.until(150).exits(101, recycled).spawns).toEqual([0, 150]);
});

test("a new start forgets the failures before it", () => {
  const play = failing(new PoolPlay().want(1), 8).want(0);
  play.dies(play.lastPid);
  const atMs = play.nowMs;
  expect(play.want(1).spawns.at(-1)).toBe(atMs);
  expect(play.pool.failures).toBe(0);
});

test("a new size forgets nothing, and the tokens of the time before come at the old rate", () => {
  const play = failing(new PoolPlay().want(1), 5).want(2);
  expect(play.pool.failures).toBe(5);
  const spent = running(1);
  for (let death = 0; death < 10; death += 1) spent.dies(spent.lastPid).ready(spent.lastPid);
  expect(spent.until(1010).want(4).pool.budget.tokens).toBeCloseTo(1);
});

test("a slot that fails does not wait less because a third worker gets ready", () => {
  const play = running(2).until(100).dies(101).dies(103).dies(104).want(3).ready(105);
  expect(play.there).toEqual(["1 backoff", "2 ready", "3 ready"]);
});

test("scaled up, the pool spawns what is missing", () => {
  const play = running(2).until(100).want(4);
  expect(play.spawns).toEqual([0, 0, 100, 100]);
  expect(play.ready(103, 104).there).toEqual(["1 ready", "2 ready", "3 ready", "4 ready"]);
});

test("scaled down, empty slots go first, then who is not ready, then the highest numbers", () => {
  const play = running(3).until(100).want(4);
  expect(play.want(2).there).toEqual(["1 ready", "2 ready", "3 draining", "4 draining"]);
  const failed = running(3).until(100).dies(103).dies(104).dies(105);
  expect(failed.want(2).there).toEqual(["1 ready", "2 ready"]);
  expect(new PoolPlay().want(3).until(1).want(2).there).toEqual(["1 starting", "2 starting", "3 draining"]);
});

test("that all are ready is said again when the size has changed", () => {
  const play = running(3).until(100).dies(103).want(2);
  expect(play.timesOf(/^pool.ready/)).toEqual([10, 100]);
  expect(
    play
      .until(200)
      .want(2)
      .timesOf(/^pool.ready/),
  ).toEqual([10, 100]);
});

test("scaled down and up again, there are never more alive than wanted", () => {
  const play = running(3).until(100).want(2).looks(103, "busy").want(3);
  expect(play.spawns).toHaveLength(3);
  expect(play.until(140).exits(103, recycled).spawns).toEqual([0, 0, 0, 140]);
});

test("somebody else's death, and news of a worker that is gone, change nothing", () => {
  const play = running(1).until(100).dies(101).ready(102);
  const before = play.pool;
  play.exits(4711, recycled).looks(101, "waiting").tell({ type: "spawned", number: 9, pid: 5 }).exits(101, recycled);
  expect(play.pool).toEqual(before);
});

test("the state of an app is what its workers are", () => {
  const play = new PoolPlay();
  const states = [stateOf(play.pool)];
  const note = (now: PoolPlay) => states.push(stateOf(now.pool));
  note(play.want(2));
  note(play.until(5).ready(101));
  note(play.ready(102));
  note(play.until(100).dies(101));
  note(play.dies(102).dies(103, 104).dies(105));
  note(play.want(0));
  expect(states).toEqual(["stopped", "starting", "starting", "running", "degraded", "backoff", "stopped"]);
  expect(stateOf(running(1).want(0).pool)).toBe("stopping");
});
