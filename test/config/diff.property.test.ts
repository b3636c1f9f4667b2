import { isDeepStrictEqual } from "node:util";
import { expect, test } from "@jest/globals";
import type { App } from "../../src/config/app.ts";
import { rlimitNames, stopSignals } from "../../src/config/app.ts";
import type { Change, Facts } from "../../src/config/diff.ts";
import { diffApps, isUntouched } from "../../src/config/diff.ts";
import fc from "../helpers/chance.ts";

const path = fc.constantFrom("/a", "/b", "/a b", "/x\ny", '/"q" -> z');
const name = fc.constantFrom("www-data", "blog", "33");
const account = fc.option(name, { nil: undefined });
const number = fc.constantFrom(0, 1, 2, 90_000, 90_001, 67_108_864, 67_108_865);
const secret = fc.constantFrom("s3cr3t-a", "s3cr3t-b");
const variables = fc.dictionary(fc.constantFrom("A", "B", "FCGI_PM_LISTEN_QUEUE_DEPTH", "constructor"), secret);
const limit = fc.oneof(number, fc.constant<"unlimited">("unlimited"));

const listen: fc.Arbitrary<App["listen"]> = fc.oneof(
  fc.record({ kind: fc.constant<"unix">("unix"), path }),
  fc.record({ kind: fc.constant<"tcp">("tcp"), host: fc.constantFrom("::", "127.0.0.1"), port: fc.constantFrom(1, 2) }),
  fc.constant<App["listen"]>({ kind: "none" }),
);

/** Few values for each field, so that two apps are often alike in it. */
const values: { readonly [F in keyof Required<App>]: fc.Arbitrary<App[F]> } = {
  name: fc.constant("blog"),
  command: fc.tuple(
    fc.constantFrom("/srv/blog", "blog", "./blog"),
    fc.constantFrom("", "two words", "x".repeat(150), `${"x".repeat(150)}y`),
  ),
  wsgi: fc.option(fc.constantFrom("blog:app", "shop:app"), { nil: undefined }),
  python: fc.option(fc.constantFrom("python3", "/venv"), { nil: undefined }),
  threads: number,
  scriptName: fc.option(fc.constantFrom("", "/blog"), { nil: undefined }),
  lighttpdRootFix: fc.boolean(),
  directory: path,
  listen,
  processes: number,
  listenQueueDepth: number,
  socketMode: number,
  socketOwner: fc.option(fc.record({ user: name, group: name }), { nil: undefined }),
  cwd: fc.option(path, { nil: undefined }),
  user: account,
  group: account,
  umask: number,
  env: variables,
  envFile: fc.array(path, { maxLength: 2 }),
  passEnv: fc.array(name, { maxLength: 2 }),
  allowedClients: fc.array(name, { maxLength: 2 }),
  initStartDelayMs: number,
  startTimeoutMs: number,
  startGraceMs: number,
  minServerLifeMs: number,
  restartDelayMs: number,
  maxRestartDelayMs: number,
  stopSignal: fc.constantFrom(...stopSignals),
  stopTimeoutMs: number,
  drain: fc.constantFrom("idle", "signal"),
  drainTimeoutMs: number,
  watch: fc.array(path, { maxLength: 3 }),
  priority: fc.option(number, { nil: undefined }),
  rlimits: fc.dictionary(fc.constantFrom(...rlimitNames), limit),
  outputFile: fc.option(path, { nil: undefined }),
  outputMaxSize: number,
  outputMaxAgeMs: fc.option(number, { nil: undefined }),
  outputKeep: number,
};

const app = fc.record(values).map(withoutAbsent);
const facts: fc.Arbitrary<Facts> = fc.record({
  app,
  environment: variables,
  program: name,
  identity: name,
  owner: name,
});

const everything = [...Object.keys(values), "environment", "program", "identity", "owner"];
const some = fc.oneof(fc.subarray(everything, { maxLength: 3 }), fc.subarray(everything));

/** An app, and the same one with some things of another. */
const pair = fc
  .tuple(facts, facts, some)
  .map(([before, other, names]): [Facts, Facts] => [before, mix(before, other, names)]);

function mix(before: Facts, other: Facts, names: readonly string[]): Facts {
  const mixed = (one: object, two: object) => {
    const chosen = Object.entries(two).filter(([name]) => names.includes(name));
    return {
      ...Object.fromEntries(Object.entries(one).filter(([name]) => !names.includes(name))),
      ...Object.fromEntries(chosen),
    };
  };
  return { ...mixed(before, other), app: withoutAbsent(mixed(before.app, other.app)) } as Facts;
}

/** A field that is absent is not there at all. */
function withoutAbsent(app: object): App {
  return Object.fromEntries(Object.entries(app).filter(([, value]) => value !== undefined)) as unknown as App;
}

/** All that means something of an app, in one form. */
function meaningOf({ app, environment, program, identity, owner }: Facts): object {
  const { env, envFile, passEnv, allowedClients, user, group, socketOwner, ...rest } = app;
  const { directory, listenQueueDepth, socketMode, outputFile, outputMaxSize, outputMaxAgeMs, outputKeep, ...others } =
    rest;
  const { threads, scriptName, lighttpdRootFix, ...always } = others;
  const words = [app.command?.[0], app.python, app.cwd, app.wsgi !== undefined && app.cwd === undefined ? "." : "/"];
  return {
    ...always,
    watch: new Set(app.watch),
    environment: { ...environment, FCGI_PM_LISTEN_QUEUE_DEPTH: "" },
    program,
    identity,
    ...(words.every((word) => word?.startsWith("/") !== false) ? {} : { directory }),
    ...(app.wsgi === undefined ? {} : { threads, scriptName, lighttpdRootFix }),
    ...(app.listen.kind === "none" ? {} : { listenQueueDepth }),
    ...(app.listen.kind === "unix" ? { socketMode, owner } : {}),
    ...(outputFile === undefined ? {} : { outputFile, outputMaxSize, outputMaxAgeMs, outputKeep }),
  };
}

/** Whatever the prototypes: fast-check makes objects without one, too. */
function isSame(one: object, other: object): boolean {
  return isDeepStrictEqual(structuredClone(one), structuredClone(other));
}

function diff(before: Facts, after: Facts): Change {
  const [change] = diffApps([before], [after]);
  if (change === undefined) throw new Error("expected one change");
  return change;
}

function effectsOf(change: Change): string[] {
  return Object.entries(change).flatMap(([name, value]) => (value === true ? [name] : []));
}

test("what is equal is untouched", () => {
  fc.assert(
    fc.property(facts, (one) => {
      const change = diff(one, structuredClone(one));
      expect([isUntouched(change), effectsOf(change), change.details]).toEqual([true, [], []]);
    }),
  );
});

test("a change has a line and an effect exactly where something differs that means something", () => {
  let [alike, different] = [0, 0];
  fc.assert(
    fc.property(pair, ([before, after]) => {
      const change = diff(before, after);
      const same = isSame(meaningOf(before), meaningOf(after));
      expect([isUntouched(change), change.details.length === 0, effectsOf(change).length === 0]).toEqual([
        same,
        same,
        same,
      ]);
      if (same) alike += 1;
      else different += 1;
    }),
    { numRuns: 2000 },
  );
  expect(Math.min(alike, different)).toBeGreaterThan(100);
});

test("there and back is the same work", () => {
  fc.assert(
    fc.property(pair, ([before, after]) => {
      expect(effectsOf(diff(after, before))).toEqual(effectsOf(diff(before, after)));
    }),
  );
});

test("what moves does not roll, and only a listener that stays is changed in place", () => {
  fc.assert(
    fc.property(pair, ([before, after]) => {
      const { moves, rolls, rights, depth } = diff(before, after);
      expect(moves).toBe(!isSame(before.app.listen, after.app.listen));
      if (moves) expect([rolls, rights, depth]).toEqual([false, false, false]);
      if (rights) expect(after.app.listen.kind).toBe("unix");
      if (depth) expect(after.app.listen.kind).not.toBe("none");
    }),
  );
});

test("a difference is told in one line that shows it, and tells no variable's value", () => {
  fc.assert(
    fc.property(pair, ([before, after]) => {
      for (const line of diff(before, after).details) {
        expect(line).not.toMatch(/\n|s3cr3t|undefined|\[object/);
        const [, one, other] = /^[a-z -]+: (\S+) -> (\S+)$/.exec(line) ?? [];
        if (one !== undefined) expect(one).not.toBe(other);
      }
    }),
    { numRuns: 1000 },
  );
});

test("of any two configs every app is told once: those of the new one in its order, then those that are gone", () => {
  const named = fc
    .uniqueArray(fc.tuple(fc.constantFrom("a", "b", "c", "d"), facts), { selector: ([name]) => name })
    .map((list) => list.map(([name, one]): Facts => ({ ...one, app: { ...one.app, name } })));
  const namesOf = (list: readonly Facts[]) => list.map(({ app }) => app.name);
  fc.assert(
    fc.property(named, named, (before, after) => {
      const gone = namesOf(before).filter((name) => !namesOf(after).includes(name));
      const changes = diffApps(before, after);
      expect(changes.map((change) => change.app)).toEqual([...namesOf(after), ...gone]);
      for (const { app, kind, before: old, after: young } of changes) {
        expect(old).toBe(before.find((one) => one.app.name === app)?.app);
        expect(young).toBe(after.find((one) => one.app.name === app)?.app);
        expect(kind).toBe(old === undefined ? "added" : young === undefined ? "removed" : "kept");
      }
    }),
  );
});
