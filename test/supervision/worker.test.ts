import { expect, test } from "@jest/globals";
import { deadlineOf, lifecycleTable, type Sight, type Worker } from "../../src/supervision/worker.ts";
import { condemned, deadline, defaults, exited, looked, play, retired, spawned } from "./play.ts";

const waiting = looked("waiting");

function nextMs(worker: Worker | undefined): number {
  return worker === undefined ? Number.NaN : deadlineOf(worker, defaults);
}

test("a spawned worker is looked at soon, and more rarely the longer it boots", () => {
  const first = play([[0, spawned]]);
  expect(first.worker).toMatchObject({ state: "starting", pid: 42, lookAtMs: 2 });
  expect(
    play([
      [0, spawned],
      [2, deadline],
    ]).effects,
  ).toEqual(["look 42"]);
  const second = play([
    [0, spawned],
    [2, deadline],
    [3, looked("elsewhere")],
  ]);
  expect(second.worker).toMatchObject({ state: "starting", lookAtMs: 6 });
});

test("a worker that waits for requests is ready, and so is one that already has one", () => {
  for (const sight of ["waiting", "busy"] as const) {
    const { worker, effects } = play([
      [0, spawned],
      [2, deadline],
      [3, looked(sight)],
    ]);
    expect(worker).toMatchObject({ state: "ready", readyMs: 3 });
    expect(effects).toEqual(["worker.ready 1"]);
  }
});

test("a worker that does something else is not ready yet, however long it lives", () => {
  const { worker } = play([
    [0, spawned],
    [50_000, deadline],
    [50_001, looked("elsewhere")],
  ]);
  expect(worker?.state).toBe("starting");
});

test("where the kernel cannot be asked a worker is ready once it has lived for start-grace", () => {
  const early = play([
    [0, spawned],
    [2, deadline],
    [2, looked("unseen")],
  ]);
  expect(early.worker).toMatchObject({ state: "starting", lookAtMs: 1000 });
  const late = play([
    [0, spawned],
    [2, deadline],
    [2, looked("unseen")],
    [1000, deadline],
    [1000, looked("unseen")],
  ]);
  expect(late.worker?.state).toBe("ready");
});

test("a ready worker has no deadline: it may last", () => {
  const { worker } = play([
    [0, spawned],
    [3, waiting],
  ]);
  expect(worker && deadlineOf(worker, defaults)).toBe(Number.POSITIVE_INFINITY);
});

test("a worker that is not ready at the end of start-timeout is stopped, and its end is an early death", () => {
  const late = play([
    [0, spawned],
    [60_000, deadline],
  ]);
  expect(late.effects).toEqual(["worker.late 1", "SIGTERM 42", "SIGCONT group 42"]);
  const gone = play([
    [0, spawned],
    [60_000, deadline],
    [60_010, exited({ signal: "SIGTERM" })],
  ]);
  expect(gone.ending).toMatchObject({ kind: "early" });
});

test("a late worker that has to be killed counts as an early death all the same", () => {
  const gone = play([
    [0, spawned],
    [60_000, deadline],
    [70_000, deadline],
    [70_001, exited({ signal: "SIGKILL" })],
  ]);
  expect(gone.ending?.kind).toBe("early");
});

test("a spawn that the system refuses is an early death", () => {
  const { worker, ending } = play([[5, { type: "refused", reason: "EAGAIN" }]]);
  expect(worker).toBeUndefined();
  expect(ending).toMatchObject({ kind: "early", spawnedMs: 0 });
});

test("whoever dies takes along what is left in its process group", () => {
  expect(
    play([
      [0, spawned],
      [1, exited({ code: 1 })],
    ]).effects,
  ).toEqual(["SIGKILL group 42"]);
  expect(
    play([
      [0, spawned],
      [3, waiting],
      [9, exited({ code: 1 })],
    ]).effects,
  ).toEqual(["SIGKILL group 42"]);
});

test("exit 0 after service is recycling: free, and the children may finish", () => {
  const { ending, effects } = play([
    [0, spawned],
    [30, waiting],
    [90, exited({ code: 0 })],
  ]);
  expect(ending).toMatchObject({ kind: "died", free: true });
  expect(effects).toEqual([]);
});

test("exit 0 sooner after readiness than the start took is no recycling and costs a token", () => {
  const { ending } = play([
    [0, spawned],
    [300, waiting],
    [500, exited({ code: 0 })],
  ]);
  expect(ending).toMatchObject({ kind: "died", free: false });
});

test("a crash after readiness costs a token", () => {
  const { ending } = play([
    [0, spawned],
    [3, waiting],
    [90_000, exited({ signal: "SIGSEGV" })],
  ]);
  expect(ending).toMatchObject({ kind: "died", free: false });
});

test("a worker that is asked to leave is held and looked at before it gets the stop signal", () => {
  const { worker, effects } = play([
    [0, spawned],
    [3, waiting],
    [100, retired],
  ]);
  expect(worker?.state).toBe("draining");
  expect(effects).toEqual(["hold 42"]);
});

test("an idle worker gets the stop signal while it is held, then SIGCONT", () => {
  const { worker, effects } = play([
    [0, spawned],
    [3, waiting],
    [100, retired],
    [101, looked("elsewhere")],
  ]);
  expect(worker?.state).toBe("stopping");
  expect(effects).toEqual(["SIGTERM 42", "SIGCONT group 42"]);
});

/** A draining worker that was seen so many times, each time at once. */
function seen(sight: Sight, times: number) {
  const looks = Array.from({ length: times }, () => [100, looked(sight)] as const);
  return play([[0, spawned], [3, waiting], [100, retired], ...looks]);
}

test("a busy worker goes on, and is held and looked at again shortly", () => {
  const busy = seen("busy", 1);
  expect(busy.effects).toEqual(["SIGCONT group 42"]);
  expect(busy.worker?.state).toBe("draining");
  expect(nextMs(busy.worker)).toBeLessThan(105);
  const again = play([
    [0, spawned],
    [3, waiting],
    [100, retired],
    [101, looked("busy")],
    [105, deadline],
  ]);
  expect(again.effects).toEqual(["hold 42"]);
  expect(nextMs(again.worker)).toBe(60_100);
});

test("the longer it is busy the more rarely it is looked at, up to a hundred times a second", () => {
  expect(nextMs(seen("busy", 50).worker)).toBeGreaterThan(nextMs(seen("busy", 5).worker));
  expect(nextMs(seen("busy", 1000).worker)).toBe(110);
});

test("one that serves many requests at once runs for moments only, however long that lasts", () => {
  const crowded = seen("crowded", 1000);
  expect(crowded.effects).toEqual(["SIGCONT group 42"]);
  expect(nextMs(crowded.worker)).toBe(102);
});

test("a busy worker may finish until drain-timeout, then it gets the stop signal", () => {
  const { worker, effects } = play([
    [0, spawned],
    [3, waiting],
    [100, retired],
    [101, looked("busy")],
    [60_100, deadline],
  ]);
  expect(worker?.state).toBe("stopping");
  expect(effects).toEqual(["worker.drain-timeout 1", "SIGTERM 42", "SIGCONT group 42"]);
});

test("the answer to a look without hold does not tell whether a worker may be stopped", () => {
  const stale = play([
    [0, spawned],
    [2, deadline],
    [3, retired],
  ]);
  expect(stale.effects).toEqual([]);
  const held = play([
    [0, spawned],
    [2, deadline],
    [3, retired],
    [4, waiting],
  ]);
  expect(held.worker?.state).toBe("draining");
  expect(held.effects).toEqual(["hold 42"]);
});

test('with drain = "signal", and where the kernel cannot be asked, the stop signal comes at once', () => {
  const signalled = play(
    [
      [0, spawned],
      [3, waiting],
      [100, retired],
    ],
    { drain: "signal", stopSignal: "SIGUSR1" },
  );
  expect(signalled.effects).toEqual(["SIGUSR1 42", "SIGCONT group 42"]);
  const unseen = play([
    [0, spawned],
    [3, waiting],
    [100, retired],
    [100, looked("unseen")],
  ]);
  expect(unseen.effects).toEqual(["SIGTERM 42", "SIGCONT group 42"]);
});

const stopping = [
  [0, spawned],
  [3, waiting],
  [100, retired],
  [100, looked("elsewhere")],
] as const;

test("a worker that is still there a second after the stop signal is held and looked at, and again each second", () => {
  const first = play([...stopping, [1100, deadline]]);
  expect(first.effects).toEqual(["hold 42"]);
  expect(nextMs(first.worker)).toBe(2100);
});

test("where it holds no request, or cannot be seen, the stop signal is said again", () => {
  for (const sight of ["elsewhere", "waiting", "unseen"] as const) {
    const { worker, effects } = play([...stopping, [1100, deadline], [1101, looked(sight)]]);
    expect(worker?.state).toBe("stopping");
    expect(effects).toEqual(["SIGTERM 42", "SIGCONT group 42"]);
  }
});

test("who was told again while it stood still is told once more while it runs, and then looked at", () => {
  const retold = [...stopping, [1100, deadline], [1101, looked("elsewhere")]] as const;
  expect(nextMs(play([...retold]).worker)).toBe(1151);
  const echoed = play([...retold, [1151, deadline]]);
  expect(echoed.effects).toEqual(["SIGTERM 42"]);
  expect(nextMs(echoed.worker)).toBe(2101);
  expect(play([...retold, [1151, deadline], [2101, deadline]]).effects).toEqual(["hold 42"]);
  expect(nextMs(play([...stopping, [1100, deadline], [1101, looked("unseen")]]).worker)).toBe(2100);
});

test("a request that came in after the stop signal is not ended by a second one", () => {
  for (const sight of ["busy", "crowded"] as const) {
    for (const lookMs of [1100, 2100]) {
      const { worker, effects } = play([...stopping, [lookMs, deadline], [lookMs + 1, looked(sight)]]);
      expect(worker?.state).toBe("stopping");
      expect(effects).toEqual(["SIGCONT group 42"]);
    }
  }
});

test("an idle worker that is still there two seconds after the stop signal is killed with its group", () => {
  const killed = play([...stopping, [2100, deadline], [2101, looked("elsewhere")]]);
  expect(killed.effects).toEqual(["SIGKILL group 42", "worker.killed 1"]);
});

test("one that cannot be seen is told again, and not killed before the stop timeout", () => {
  const { worker, effects } = play([...stopping, [2100, deadline], [2101, looked("unseen")]]);
  expect(worker?.state).toBe("stopping");
  expect(effects).toEqual(["SIGTERM 42", "SIGCONT group 42"]);
});

test("a worker that outstays the stop timeout is killed with its group", () => {
  const { worker, effects } = play([...stopping, [10_100, deadline]]);
  expect(worker?.state).toBe("killing");
  expect(effects).toEqual(["SIGKILL group 42", "worker.killed 1"]);
});

test("who is told to end now is killed, whatever it does", () => {
  const lives = [
    [[0, spawned]],
    [
      [0, spawned],
      [3, waiting],
    ],
    [
      [0, spawned],
      [3, waiting],
      [9, retired],
    ],
    stopping,
  ] as const;
  for (const life of lives) {
    expect(play([...life, [200, condemned]]).effects).toEqual(["SIGKILL group 42", "worker.killed 1"]);
  }
});

test("a worker that the kernel holds after SIGKILL is killed again each five seconds, and named", () => {
  expect(play([...stopping, [200, condemned], [5200, deadline]]).effects).toEqual([
    "SIGKILL group 42",
    "worker.lingers 1",
  ]);
});

test("who was asked to leave leaves, and nobody follows", () => {
  const { worker, ending, effects } = play([...stopping, [150, exited({ signal: "SIGTERM" })]]);
  expect(worker).toBeUndefined();
  expect(ending).toEqual({ kind: "left" });
  expect(effects).toEqual(["SIGKILL group 42", "worker.stopped 1"]);
});

test("news that come late change nothing", () => {
  const ready = [
    [0, spawned],
    [3, waiting],
  ] as const;
  expect(play([...ready, [4, looked("elsewhere")]])).toEqual({ ...play(ready), effects: [] });
  expect(play([...ready, [4, deadline]])).toEqual({ ...play(ready), effects: [] });
  expect(play([...stopping, [120, retired]])).toEqual({ ...play(stopping), effects: [] });
  const killed = [...stopping, [200, condemned]] as const;
  expect(play([...killed, [201, looked("busy")]])).toEqual({ ...play(killed), effects: [] });
});

test("every state has an answer to every event", () => {
  const table = lifecycleTable();
  const rows = Object.values(table).map((row) => Object.keys(row).length);
  expect(rows).toEqual([7, 7, 7, 7, 7, 7, 7]);
  expect(table.ready.exited).toBe("succeed");
  expect(table.ready.looked).toBe("-");
});
