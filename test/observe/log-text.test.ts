import { expect, test } from "@jest/globals";
import { formatLogLine } from "../../src/observe/log-text.ts";

const time = "2026-11-21T04:21:37.880Z";
const said = { time, app: "blog", worker: 2, pid: 42, stream: "stderr", text: "cannot open the database" } as const;
const notice = { time, app: "blog", worker: 2, pid: 42, notice: "worker.ready", text: "worker 2 ready after 5ms" };
const plain = { colour: false };

test("a line names app and worker, when, and what", () => {
  expect(formatLogLine(said, plain)).toBe(`blog/2 ${time} cannot open the database`);
  expect(formatLogLine({ time, app: "blog", notice: "pool.ready", text: "4 of 4 workers ready" }, plain)).toBe(
    `blog ${time} 4 of 4 workers ready`,
  );
});

test("labels of one width put the texts below each other", () => {
  expect(formatLogLine(said, { ...plain, labelWidth: 8 })).toBe(`blog/2   ${time} cannot open the database`);
});

test("an empty line ends where its time ends", () => {
  expect(formatLogLine({ ...said, text: "" }, plain)).toBe(`blog/2 ${time}`);
});

test("control characters are shown, not obeyed", () => {
  expect(formatLogLine({ ...said, text: "\x1b[31mred\x07\tend" }, plain)).toBe(`blog/2 ${time} \\x1b[31mred\\x07\tend`);
});

test("with colour a notice is dimmed as a whole, and a worker's own text never", () => {
  const colour = { colour: true };
  expect(formatLogLine(notice, colour)).toBe(`\x1b[2mblog/2 ${time} worker 2 ready after 5ms\x1b[22m`);
  expect(formatLogLine(said, colour)).toMatch(/\x1b\[22m cannot open the database$/);
});
