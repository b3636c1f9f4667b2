import { describe, expect, test } from "@jest/globals";
import { formatDuration, formatSize, parseDuration, parseMode, parseSize } from "../src/units.ts";
import fc from "./helpers/chance.ts";

describe("durations", () => {
  test.each([
    ["0", 0],
    ["0s", 0],
    ["250ms", 250],
    ["5s", 5000],
    ["1.5m", 90_000],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
    ["0.4ms", 0],
  ])("%s is %d milliseconds", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(["", "5", "-5s", "5 s", "5S", "s", ".5s", "5.s", "1e3s", "5s ", "5s\n", "1h30m", "Infinity", "5y"])(
    "%j is no duration",
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  test.each([
    [0, "0ms"],
    [250, "250ms"],
    [1500, "1.5s"],
    [60_000, "1m"],
    [5_400_000, "1.5h"],
    [86_400_000, "1d"],
  ])("%d milliseconds are written %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test("no unit reaches the next one by rounding", () => {
    expect([999.7, 59_990, 3_599_000, 86_399_000].map(formatDuration)).toEqual(["1s", "1m", "1h", "1d"]);
  });

  test("what is written is read again, to the tenth of its unit", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 30 * 86_400_000 }), (ms) => {
        const again = parseDuration(formatDuration(ms));
        expect(Math.abs((again ?? Number.NaN) - ms)).toBeLessThanOrEqual(Math.max(ms * 0.05, 0));
      }),
    );
  });
});

describe("sizes", () => {
  test.each([
    ["0", 0],
    ["4096", 4096],
    ["512K", 524_288],
    ["64M", 67_108_864],
    ["64m", 67_108_864],
    ["1G", 1_073_741_824],
    ["2T", 2_199_023_255_552],
  ])("%s is %d bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(["", "M", "-1", "1.5G", "64MB", "64 M", "1P", "9007199254740993", "9007199254740991K", "64M\n"])(
    "%j is no size",
    (text) => {
      expect(parseSize(text)).toBeUndefined();
    },
  );

  test("whole multiples of a unit are written as they are read", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1023 }), fc.constantFrom("", "K", "M", "G", "T"), (count, unit) => {
        expect(formatSize(parseSize(`${count}${unit}`) ?? Number.NaN)).toBe(`${count}${unit}`);
      }),
    );
  });

  test("no unit reaches the next one by rounding", () => {
    expect([1024 * 1024 - 1, 1024 ** 3 - 1, 1024 ** 5].map(formatSize)).toEqual(["1M", "1G", "1024T"]);
  });
});

describe("modes", () => {
  test.each([
    ["0660", 0o660],
    ["660", 0o660],
    ["0022", 0o22],
    ["000", 0],
  ])("%s is a mode", (text, mode) => {
    expect(parseMode(text)).toBe(mode);
  });

  test.each(["", "66", "06600", "0o660", "888", "rw-", "-660", "660\n"])("%j is no mode", (text) => {
    expect(parseMode(text)).toBeUndefined();
  });

  test("every mode of four octal digits is read", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0o777 }), (mode) => {
        expect(parseMode(`0${mode.toString(8).padStart(3, "0")}`)).toBe(mode);
      }),
    );
  });
});
