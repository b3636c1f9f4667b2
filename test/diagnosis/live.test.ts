/** What two looks at an app mean, where it would take long to make it so. */
import { describe, expect, test } from "@jest/globals";
import type { Finding } from "../../src/diagnosis/finding.ts";
import { liveFindings } from "../../src/diagnosis/live.ts";
import type { LiveExit, LiveFacts, LiveLook, LiveWorker } from "../../src/diagnosis/live-look.ts";

const worker = (number: number, more: Partial<LiveWorker> = {}): LiveWorker => ({
  number,
  state: "ready",
  pid: 100 + number,
  busyMs: null,
  ageMs: 60_000,
  ...more,
});

const well: LiveLook = {
  app: "blog",
  state: "running",
  wanted: 2,
  ready: 2,
  busy: 0,
  queue: 0,
  queueHighest: 3,
  listenQueueDepth: 511,
  restarts: 0,
  cpuMs: 100,
  nextTryInMs: null,
  lastExit: null,
  roll: null,
  workers: [worker(1), worker(2)],
};

const exit: LiveExit = {
  worker: 1,
  exit: { code: 1, signal: null },
  at: "2026-11-21T12:00:00.000Z",
  livedMs: 40,
  wasReady: false,
  lastLines: ["no such table: posts"],
};
const nowMs = Date.parse(exit.at) + 60_000;

/** Two looks that show the same, and what differs from an app that is well. */
function looks(look: Partial<LiveLook>, more: Partial<LiveFacts> = {}): Finding[] {
  const seen = { ...well, ...look };
  return liveFindings({
    before: seen,
    after: seen,
    betweenMs: 600,
    waitingForClients: [],
    stopped: [],
    isNonBlocking: false,
    users: ["www-data"],
    nowMs,
    isFromFlags: false,
    ...more,
  });
}

const jammed = { busy: 2, queue: 5, workers: [worker(1, { busyMs: 9000 }), worker(2, { busyMs: 4000 })] };

describe("an app", () => {
  test("that is well has no finding, idle, busy or non-blocking", () => {
    expect(looks({})).toEqual([]);
    expect(looks({ busy: 2 })).toEqual([]);
    expect(looks({ busy: 2 }, { waitingForClients: [101] })).toEqual([]);
    expect(looks({}, { isNonBlocking: true })).toEqual([]);
    expect(looks({ busy: null, queue: null, queueHighest: null, cpuMs: null })).toEqual([]);
  });

  test.each<[what: string, look: Partial<LiveLook>, code: string, level: string]>([
    ["is stopped", { state: "stopped", wanted: 0, ready: 0, workers: [] }, "live.stopped", "broken"],
    ["has no worker that stays alive", { state: "backoff", ready: 0, lastExit: exit }, "live.crash-loop", "broken"],
    [
      "has fewer workers than wanted",
      { state: "degraded", ready: 1, lastExit: exit, restarts: 4 },
      "live.degraded",
      "risk",
    ],
    ["has none", { state: "degraded", ready: 0 }, "live.degraded", "broken"],
    ["still starts", { state: "starting", ready: 0 }, "live.starting", "risk"],
    ["had a full queue once", { queueHighest: 511 }, "live.queue-was-full", "risk"],
    ["has a full queue", { ...jammed, queue: 512 }, "live.queue-full", "broken"],
    ["is busy with too much", jammed, "live.all-busy", "risk"],
    ["lost a worker a minute ago", { lastExit: exit, restarts: 1 }, "live.workers-die", "risk"],
    [
      "has a worker that cannot leave",
      { workers: [...well.workers, worker(3, { state: "draining", busyMs: 45_000 })] },
      "live.drain-hangs",
      "risk",
    ],
  ])("that %s is told so", (_what, look, code, level) => {
    expect(looks(look)).toContainEqual(expect.objectContaining({ code, level }));
  });

  test("whose workers are all held by kept connections is at risk, even where nobody waits by now", () => {
    const pinned = { waitingForClients: [101, 102] };
    expect(looks({ ...jammed, queue: 0 }, pinned)).toMatchObject([{ code: "live.keep-alive-pins", level: "risk" }]);
    expect(looks(jammed, pinned)).toMatchObject([{ code: "live.keep-alive-pins", level: "broken" }]);
  });

  test("whose workers are stopped is told that before the queue which fills because of it", () => {
    const codes = looks({ ...jammed, queue: 512 }, { stopped: [101, 102] }).map(({ code }) => code);
    expect(codes.slice(0, 2)).toEqual(["live.workers-stopped", "live.queue-full"]);
  });

  test("that dies again and again is sent to a trial of its program, which flags have named", () => {
    const remedyOf = (isFromFlags: boolean) =>
      looks({ state: "backoff", ready: 0, lastExit: exit }, { isFromFlags })[0]?.remedy[0];
    expect(remedyOf(false)).toMatch(/^fcgi-pm doctor blog {3}#/);
    expect(remedyOf(true)).toMatch(/^fcgi-pm doctor \.\/PROGRAM/);
  });

  test.each<[what: string, look: Partial<LiveLook>]>([
    [
      "recycles its workers, as php-cgi does",
      { lastExit: { ...exit, exit: { code: 0, signal: null }, wasReady: true } },
    ],
    ["lost a worker long ago", { lastExit: { ...exit, at: "2026-11-20T12:00:00.000Z" } }],
    ["drains, and not for long", { workers: [...well.workers, worker(3, { state: "draining", busyMs: 2000 })] }],
  ])("that %s is left in peace", (_what, look) => {
    expect(looks(look)).toEqual([]);
  });

  test("whose workers are all others at the second look flaps, unless a reload replaced them", () => {
    const after = { ...well, workers: [worker(1, { pid: 201 }), worker(2, { pid: 202 })] };
    const codes = (more: Partial<LiveFacts>) => looks({}, { after, ...more }).map(({ code, level }) => [code, level]);
    expect(codes({})).toEqual([["live.workers-flap", "risk"]]);
    expect(codes({ after: { ...after, ready: 0 } })).toEqual([["live.workers-flap", "broken"]]);
    expect(codes({ isNonBlocking: true })).toEqual([["live.non-blocking", "broken"]]);
    expect(codes({ before: { ...well, roll: { from: 1, to: 2 } } })).toEqual([]);
  });

  test("that runs as root is a risk", () => {
    expect(looks({}, { users: ["root"] })).toMatchObject([{ code: "live.runs-as-root", level: "risk" }]);
  });
});

describe("busy workers", () => {
  const after = { ...well, ...jammed };

  test("that only wait for clients, and use no processor, are pinned by kept connections", () => {
    expect(looks(jammed, { waitingForClients: [101, 102] })[0]).toMatchObject({
      code: "live.keep-alive-pins",
      level: "broken",
    });
  });

  test.each<[why: string, more: Partial<LiveFacts>]>([
    ["one of them works", { waitingForClients: [101] }],
    ["it cannot be seen", { waitingForClients: undefined }],
    ["they used the processor", { waitingForClients: [101, 102], after: { ...after, cpuMs: 400 } }],
  ])("are not taken for pinned where %s", (_why, more) => {
    expect(looks(jammed, more).map(({ code }) => code)).toEqual(["live.all-busy"]);
  });

  test("are told apart by whether they use the processor", () => {
    expect(looks(jammed)[0]?.what).toContain("they wait for something else");
    expect(looks(jammed, { after: { ...after, cpuMs: 1200 } })[0]?.what).not.toContain("something else");
  });

  test("are no finding while nobody waits", () => {
    expect(looks({ ...jammed, queue: 0 })).toEqual([]);
    expect(looks(jammed, { after: { ...after, queue: 0 } })).toEqual([]);
  });
});

test("the last words of a worker are shown behind a bar, and an end without words as such", () => {
  const [loop] = looks({ state: "backoff", ready: 0, lastExit: exit });
  expect(loop?.seen).toContain("| no such table: posts");
  const silent = { ...exit, lastLines: [], exit: { code: null, signal: "SIGSEGV" } };
  const [crash] = looks({ state: "backoff", ready: 0, lastExit: silent });
  expect(crash?.what).toContain("SIGSEGV");
  expect(crash?.seen).toContain("it wrote nothing");
});
