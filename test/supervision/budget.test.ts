import { expect, test } from "@jest/globals";
import { type Budget, fullBudget, refill, spend, tokenAt } from "../../src/supervision/budget.ts";

/** Spends so many tokens in one moment. */
function spendAll(budget: Budget, processes: number, times: number): Budget {
  let left = budget;
  for (let spent = 0; spent < times; spent += 1) left = spend(left, processes, 0);
  return left;
}

test("the burst is twice the processes, and at least ten", () => {
  expect(fullBudget(1, 0).tokens).toBe(10);
  expect(fullBudget(5, 0).tokens).toBe(10);
  expect(fullBudget(8, 0).tokens).toBe(16);
});

test("while there are tokens the next spawn may come at once", () => {
  expect(tokenAt(spendAll(fullBudget(2, 0), 2, 9), 2, 0)).toBe(0);
});

test("an empty bucket gives a token each second for each process", () => {
  const empty = spendAll(fullBudget(4, 0), 4, 10);
  expect(tokenAt(empty, 4, 0)).toBe(250);
  expect(tokenAt(empty, 4, 100)).toBe(250);
  expect(tokenAt(empty, 4, 9000)).toBe(9000);
});

test("the bucket never holds more than the burst", () => {
  expect(refill(fullBudget(8, 0), 8, 3_600_000).tokens).toBe(16);
  expect(refill(fullBudget(8, 0), 2, 0).tokens).toBe(10);
});

test("a clock that steps back gives and takes nothing", () => {
  expect(refill({ tokens: 3, atMs: 500 }, 4, 100)).toEqual({ tokens: 3, atMs: 500 });
});

test("a token promised for a moment is there at that moment", () => {
  for (const processes of [1, 3, 7]) {
    const empty = spendAll(fullBudget(processes, 0), processes, Math.max(10, 2 * processes));
    const at = tokenAt(empty, processes, 0.1);
    expect(refill(empty, processes, at).tokens).toBeGreaterThanOrEqual(1);
  }
});
