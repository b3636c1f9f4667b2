import { expect, test } from "@jest/globals";
import { admit, bytesPerSecond, type Flow, linesPerSecond, newFlow, takeDropped } from "../../src/observe/flow.ts";

function write(flow: Flow, lines: number, bytes: number, atMs: number): { flow: Flow; passed: number } {
  let passed = 0;
  let now = flow;
  for (let line = 0; line < lines; line += 1) {
    const judged = admit(now, bytes, atMs);
    now = judged.flow;
    passed += judged.passes ? 1 : 0;
  }
  return { flow: now, passed };
}

test("a worker may write a second's worth at once, and what is over is dropped and counted", () => {
  const { flow, passed } = write(newFlow(0), linesPerSecond + 10, 5, 0);
  expect(passed).toBe(linesPerSecond);
  expect(takeDropped(flow).dropped).toEqual({ lines: 10, bytes: 50 });
  expect(takeDropped(takeDropped(flow).flow).dropped).toEqual({ lines: 0, bytes: 0 });
});

test("long lines are limited by their bytes", () => {
  const size = 64 * 1024;
  expect(write(newFlow(0), 1000, size, 0).passed).toBe(bytesPerSecond / size);
});

test("time brings the allowance back, up to a second's worth", () => {
  const { flow } = write(newFlow(0), linesPerSecond, 5, 0);
  expect(write(flow, linesPerSecond, 5, 500).passed).toBe(linesPerSecond / 2);
  expect(write(flow, 2 * linesPerSecond, 5, 60_000).passed).toBe(linesPerSecond);
});
