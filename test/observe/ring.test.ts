import { describe, expect, test } from "@jest/globals";
import { mergeByTime, Ring } from "../../src/observe/ring.ts";
import type { LogLine } from "../../src/observe/story.ts";
import fc from "../helpers/chance.ts";

const app = "blog";
const time = "2026-11-21T04:24:51.527Z";

function said(text: string, worker = 1): LogLine {
  return { time, app, worker, pid: 100 + worker, stream: "stdout", text };
}

function filled(lines: readonly LogLine[], limits?: { lines: number; bytes: number }): Ring {
  const ring = new Ring(app, limits);
  for (const line of lines) ring.push(line);
  return ring;
}

const times = fc
  .date({ min: new Date(0), max: new Date("9999-01-01"), noInvalidDate: true })
  .map((date) => date.toISOString());

/** Whatever a worker may write and the manager may say: control characters and other scripts included. */
const lines: fc.Arbitrary<LogLine> = fc.oneof(
  fc.record({
    time: times,
    app: fc.constant(app),
    worker: fc.integer({ min: 1, max: 3 }),
    pid: fc.integer({ min: 1, max: 2 ** 22 }),
    stream: fc.constantFrom("stdout" as const, "stderr" as const),
    text: fc.string({ unit: "binary", maxLength: 200 }),
  }),
  fc.record({ time: times, app: fc.constant(app), notice: fc.constant("pool.ready"), text: fc.string() }),
  fc.record({
    time: times,
    app: fc.constant(app),
    worker: fc.constant(1),
    notice: fc.constant("spawn.refused"),
    text: fc.constant(""),
  }),
);

describe("a ring", () => {
  test("gives the last lines as they were pushed, in order, and never more than it may hold", () => {
    const limits = fc.record({ lines: fc.integer({ min: 1, max: 30 }), bytes: fc.integer({ min: 200, max: 20_000 }) });
    fc.assert(
      fc.property(fc.array(lines, { maxLength: 80 }), limits, (pushed, most) => {
        const ring = new Ring(app, most);
        for (const line of pushed) {
          ring.push(line);
          expect(ring.bytes).toBeLessThanOrEqual(most.bytes);
          expect(ring.lines).toBeLessThanOrEqual(most.lines);
        }
        const kept = ring.last(1000);
        expect(kept).toHaveLength(ring.lines);
        const whole = pushed.filter((line) => isSmallerThan(line, most.bytes));
        expect(kept).toEqual(kept.length === 0 ? [] : whole.slice(-kept.length));
      }),
    );
  });

  test("keeps all lines while there is room for them", () => {
    fc.assert(
      fc.property(fc.array(lines, { maxLength: 100 }), (pushed) => {
        expect(filled(pushed).last(1000)).toEqual(pushed);
      }),
    );
  });

  test("gives as many of the last lines as are asked for, of one worker or of all", () => {
    const wanted = fc.record({ most: fc.nat(30), worker: fc.option(fc.integer({ min: 1, max: 3 })) });
    fc.assert(
      fc.property(fc.array(lines, { maxLength: 50 }), wanted, (pushed, { most, worker }) => {
        const fitting = pushed.filter((line) => worker === null || line.worker === worker);
        expect(filled(pushed).last(most, worker ?? undefined)).toEqual(most === 0 ? [] : fitting.slice(-most));
      }),
    );
  });

  test("that nobody has written to takes no memory, and one with a few lines takes a page", () => {
    expect(new Ring(app).bytes).toBe(0);
    expect(filled([said("one"), said("two")]).bytes).toBe(4096);
  });

  test("of the usual size holds 2,000 short lines, and no more than 1 MiB of long ones", () => {
    const short = Array.from({ length: 5000 }, (_, number) => said(`line ${number}`));
    expect(filled(short).last(10_000)).toEqual(short.slice(-2000));
    const long = filled(Array.from({ length: 100 }, (_, number) => said("ä".repeat(30_000) + number)));
    expect(long.bytes).toBeLessThanOrEqual(1024 * 1024);
    expect(long.last(10_000).map(({ text }) => text.slice(30_000))).toEqual(
      Array.from({ length: 16 }, (_, number) => String(84 + number)),
    );
  });

  test("leaves out a line that is larger than the whole of it, and keeps the others", () => {
    const ring = filled([said("before"), said("x".repeat(5000)), said("after")], { lines: 10, bytes: 4096 });
    expect(ring.last(10).map(({ text }) => text)).toEqual(["before", "after"]);
  });
});

/** 15 bytes before the texts: see the ring. */
function isSmallerThan({ time: at, notice = "", text }: LogLine, bytes: number): boolean {
  return 15 + Buffer.byteLength(at + notice + text) <= bytes;
}

describe("lists of lines", () => {
  const clocked = fc
    .array(fc.integer({ min: 0, max: 20 }))
    .map((moments) => moments.map((moment) => new Date(moment).toISOString()));
  const listOf = (name: string, clock: readonly string[]): LogLine[] =>
    clock.map((at, index) => ({ time: at, app: name, text: String(index) }));

  test("become one that has all of them, each in its own order", () => {
    fc.assert(
      fc.property(fc.array(clocked, { maxLength: 6 }), (clocks) => {
        const lists = clocks.map((clock, index) => listOf(`app-${index}`, clock));
        const merged = mergeByTime(lists);
        for (const [index, list] of lists.entries()) {
          expect(merged.filter((line) => line.app === `app-${index}`)).toEqual(list);
        }
        expect(merged).toHaveLength(lists.flat().length);
      }),
    );
  });

  test("become one in the order of time, where no clock was set back", () => {
    fc.assert(
      fc.property(fc.array(clocked, { maxLength: 6 }), (clocks) => {
        const lists = clocks.map((clock, index) => listOf(`app-${index}`, clock.toSorted()));
        const order = mergeByTime(lists).map((line) => line.time);
        expect(order).toEqual(order.toSorted());
      }),
    );
  });
});
