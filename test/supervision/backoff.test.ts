import { expect, test } from "@jest/globals";
import { backoffDelay } from "../../src/supervision/backoff.ts";

const policy = { restartDelayMs: 100, maxRestartDelayMs: 60_000 };

test("the first replacement comes at once, then the delay doubles up to the longest", () => {
  const delays = Array.from({ length: 13 }, (_, index) => backoffDelay(index + 1, policy, 0));
  expect(delays).toEqual([0, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]);
});

test("jitter makes a delay longer by a quarter at most, and never longer than the longest", () => {
  expect(backoffDelay(2, policy, 1)).toBe(125);
  expect(backoffDelay(5, policy, 0.5)).toBe(900);
  expect(backoffDelay(11, policy, 1)).toBe(60_000);
});

test("no failure, no delay", () => {
  expect(backoffDelay(0, policy, 1)).toBe(0);
});

test("after a thousand failures the delay is still the longest", () => {
  expect(backoffDelay(1000, policy, 1)).toBe(60_000);
  expect(backoffDelay(1000, { restartDelayMs: 0, maxRestartDelayMs: 60_000 }, 1)).toBe(0);
});
