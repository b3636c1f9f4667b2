/**
 * Random lives of a pool in a simulated world, millions of events, each checked. To play a failure again, take seed and
 * path from fast-check's report: `FCGI_PM_SEED=-1234 FCGI_PM_PATH=56:0:1 npm test -- test/supervision/pool.property`.
 */
import { expect, test } from "@jest/globals";
import { type NoticeType, sentenceOf } from "../../src/supervision/notice.ts";
import type { Effect } from "../../src/supervision/worker.ts";
import fc from "../helpers/chance.ts";
import { type Command, type Fate, type Nature, World } from "../helpers/world.ts";
import { longestUnrestMs } from "./bounds.ts";
import { Watch } from "./watch.ts";

/** A command after so many milliseconds. */
interface Whim {
  readonly afterMs: number;
  readonly command: Command;
}

/** A time of trouble, so many events long, and how it ends. */
interface Chapter {
  readonly events: number;
  readonly end: "calm" | "reload" | "stop" | "stop now";
}

interface Life {
  readonly nature: Nature;
  readonly whims: readonly Whim[];
  readonly chapters: readonly Chapter[];
}

const exit = fc.constantFrom(
  { code: 0, signal: null },
  { code: 3, signal: null },
  { code: null, signal: "SIGSEGV" },
  { code: null, signal: "SIGKILL" },
);

const service = {
  onStop: fc.constantFrom("finishes", "dies", "ignores"),
  idleMs: fc.constantFrom(20, 1, 3000),
  busyMs: fc.constantFrom(0, 5, 200, 8000),
  crowd: fc.constantFrom(false, false, false, true),
  lingersMs: fc.constantFrom(0, 0, 0, 12_000),
} as const;

function death(...afterMs: number[]) {
  return fc.record({ afterMs: fc.constantFrom(...afterMs), exit });
}

const never = Number.POSITIVE_INFINITY;
const wild: fc.Arbitrary<Fate> = fc.record({
  bootMs: fc.constantFrom(5, 0, 30, 400, 5000, never),
  death: fc.option(death(3, 25, 300, 2000, 20_000), { nil: undefined }),
  ...service,
});
const sound: fc.Arbitrary<Fate> = fc.record({
  bootMs: fc.constantFrom(5, 0, 30, 150),
  death: fc.option(death(2000, 20_000, 300_000), { nil: undefined }),
  ...service,
});
const stillborn: fc.Arbitrary<Fate> = fc.record({ bootMs: fc.constant(400), death: death(3, 25, 300), ...service });
const neverBoots: fc.Arbitrary<Fate> = fc.record({
  bootMs: fc.constant(never),
  death: fc.constant(undefined),
  ...service,
});

/** What the workers of one generation are like: some code works, some dies at boot, some never boots, some is wild. */
const generation = fc.oneof(
  { weight: 4, arbitrary: fc.array(sound, { minLength: 1, maxLength: 4 }) },
  { weight: 3, arbitrary: fc.array(wild, { minLength: 1, maxLength: 4 }) },
  { weight: 1, arbitrary: fc.array(stillborn, { minLength: 1, maxLength: 2 }) },
  { weight: 1, arbitrary: fc.array(neverBoots, { minLength: 1, maxLength: 2 }) },
);

const policy = fc.record({
  startTimeoutMs: fc.constantFrom(3000, 200, 60_000),
  // Longer than start-timeout it makes no sense: where the kernel cannot be asked, nobody would ever be ready.
  startGraceMs: fc.constantFrom(120, 50),
  stopSignal: fc.constantFrom("SIGTERM", "SIGUSR1"),
  stopTimeoutMs: fc.constantFrom(10_000, 700, 3500),
  drain: fc.constantFrom("idle", "idle", "signal"),
  drainTimeoutMs: fc.constantFrom(5000, 0, 300, 60_000),
  minServerLifeMs: fc.constantFrom(10_000, 200),
  restartDelayMs: fc.constantFrom(100, 20),
  maxRestartDelayMs: fc.constantFrom(60_000, 150, 2000),
  initStartDelayMs: fc.constantFrom(0, 0, 70),
});

const nature: fc.Arbitrary<Nature> = fc.record({
  policies: fc.array(policy, { minLength: 1, maxLength: 3 }),
  generations: fc.array(generation, { minLength: 1, maxLength: 4 }),
  sight: fc.constantFrom("seen", "seen", "unseen", "at times"),
  refusesOneIn: fc.constantFrom(0, 0, 20, 2),
  tardy: fc.boolean(),
  seed: fc.integer(),
});

const size = fc.integer({ min: 1, max: 6 });
const batch = fc.integer({ min: 1, max: 3 });
const gracefully = fc.constant("gracefully" as const);
const policyChange = fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined });

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ wish: fc.record({ size, haste: gracefully }) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      wish: fc.record({ batch, size }, { requiredKeys: ["batch"] }),
      rolls: fc.constant(true),
      policy: policyChange,
    }),
  },
  { weight: 1, arbitrary: fc.record({ wish: fc.constant({}), policy: policyChange }) },
  { weight: 1, arbitrary: fc.record({ wish: fc.record({ size, haste: fc.constant("now" as const) }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      wish: fc.record({ size: fc.constant(0), haste: fc.constantFrom("gracefully", "now") }),
      rolls: fc.boolean(),
    }),
  },
);

const life: fc.Arbitrary<Life> = fc.record({
  nature,
  whims: fc.array(fc.record({ afterMs: fc.constantFrom(3000, 0, 40, 700, 30_000, 200_000), command }), {
    minLength: 1,
    maxLength: 6,
  }),
  chapters: fc.array(
    fc.record({
      events: fc.integer({ min: 1, max: 4000 }),
      end: fc.constantFrom("calm", "reload", "stop", "stop now"),
    }),
    { minLength: 1, maxLength: 4 },
  ),
});

/** Plays one life, and gives the number of events that the law was told. */
function play({ nature, whims, chapters }: Life, seen: Set<NoticeType>): number {
  const watch = new Watch(nature, seen);
  const world = new World(nature, watch);
  try {
    for (const chapter of chapters) {
      storm(world, whims, chapter.events);
      if (chapter.end === "calm" || chapter.end === "reload") world.calmDown();
      playToTheEnd(world, watch, chapter.end);
    }
  } catch (error) {
    throw new Error(`${(error as Error).message}, at ${world.nowMs} ms\n${tell(world)}`, { cause: error });
  }
  return world.told;
}

/** Workers follow their fates while commands come in, one after the other, over and over. */
function storm(world: World, whims: readonly Whim[], events: number): void {
  const until = world.told + events;
  world.stirUp();
  for (let turn = 0; world.told < until; turn += 1) {
    const whim = whims[turn % whims.length] as Whim;
    const dueMs = world.nowMs + whim.afterMs;
    world.command(whim.command, dueMs);
    do world.advance();
    while (world.told < until && world.nowMs < dueMs);
  }
}

/** What is wanted at the end of a chapter: in calm that there be three again, old ones or new ones; else nobody. */
const lastCommand: Record<Chapter["end"], Command> = {
  calm: { wish: { size: 3, haste: "gracefully" } },
  reload: { wish: { size: 3, batch: 2, haste: "gracefully" }, rolls: true },
  stop: { wish: { size: 0, haste: "gracefully" } },
  "stop now": { wish: { size: 0, haste: "now" } },
};

/** The last command, which comes after all that are under way, comes true in a time that can be told. */
function playToTheEnd(world: World, watch: Watch, end: Chapter["end"]): void {
  const fromMs = Math.max(world.nowMs, world.wishedMs);
  world.command(lastCommand[end], fromMs);
  while (world.advance()) {
    if (world.nowMs > fromMs + longestUnrestMs(world.nature)) throw new Error("The law does not come to rest");
  }
  watch.atRest(world);
  // Where news are very late, a worker that boots in time may be taken for a late one.
  if (end === "reload" && !world.nature.tardy && !watch.isRenewed(world))
    throw new Error("The law takes back a reload");
}

/** The last things that happened, for people. */
function tell(world: World): string {
  const lines = world.past.slice(-60).map(([atMs, what]) => {
    const effect = what as Effect;
    return `${atMs.toFixed(2)} ${effect.type === "notice" ? `  ${sentenceOf(effect.notice)}` : JSON.stringify(what)}`;
  });
  return lines.join("\n");
}

/** Where the run that is played again went wrong; its seed is the helper's matter. */
function replay(): { path?: string } {
  const path = process.env["FCGI_PM_PATH"];
  return path === undefined ? {} : { path };
}

/** The lives are wild enough only if the law has had occasion to say all it can say. */
const everyNotice: readonly NoticeType[] = [
  "pool.crash-loop",
  "pool.ready",
  "pool.spends-too-fast",
  "pool.stopped",
  "roll.advanced",
  "roll.began",
  "roll.done",
  "roll.given-up",
  "roll.taken-back",
  "spawn.refused",
  "worker.died",
  "worker.drain-timeout",
  "worker.killed",
  "worker.late",
  "worker.lingers",
  "worker.ready",
  "worker.recycled",
  "worker.spawned",
  "worker.stopped",
];

test("what must hold after every event holds in millions of random lives", () => {
  let events = 0;
  const seen = new Set<NoticeType>();
  const startedMs = performance.now();
  const once = fc.property(life, (one) => {
    events += play(one, seen);
  });
  fc.assert(once, { numRuns: 400, ...replay() });
  const seconds = (performance.now() - startedMs) / 1000;
  process.stdout.write(`${events} events played, ${Math.round(events / seconds)} a second\n`);
  if (process.env["FCGI_PM_PATH"] !== undefined) return;
  // More than two millions as a rule; how many there are is chance.
  expect(events).toBeGreaterThan(1_500_000);
  expect([...seen].sort()).toEqual(everyNotice);
}, 600_000);
