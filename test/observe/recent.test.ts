import { expect, test } from "@jest/globals";
import { Recent } from "../../src/observe/recent.ts";

const at = (second: number) => `2026-11-21T04:24:0${second}.000Z`;

function filled(): Recent {
  const recent = new Recent();
  recent.push({ time: at(1), app: "blog", worker: 1, stream: "stdout", text: "one" });
  recent.push({ time: at(2), app: "shop", worker: 1, stream: "stdout", text: "two" });
  recent.push({ time: at(3), app: "blog", worker: 2, stream: "stderr", text: "three" });
  recent.push({ time: at(4), app: "shop", notice: "pool.ready", text: "four" });
  return recent;
}

const textsOf = (lines: readonly { readonly text: string }[]) => lines.map(({ text }) => text);

test("the last lines of all apps come by time, at most so many of each", () => {
  expect(textsOf(filled().ask({ lines: 10 }))).toEqual(["one", "two", "three", "four"]);
  expect(textsOf(filled().ask({ lines: 1 }))).toEqual(["three", "four"]);
  expect(filled().ask({ lines: 0 })).toEqual([]);
});

test("one app or one worker can be asked for", () => {
  expect(textsOf(filled().ask({ app: "blog", lines: 10 }))).toEqual(["one", "three"]);
  expect(textsOf(filled().ask({ worker: 1, lines: 10 }))).toEqual(["one", "two"]);
  expect(textsOf(filled().ask({ app: "blog", worker: 2, lines: 10 }))).toEqual(["three"]);
  expect(filled().ask({ app: "nobody", lines: 10 })).toEqual([]);
});

test("an app that is forgotten has no lines any more, the others have", () => {
  const recent = filled();
  recent.forget("blog");
  expect(textsOf(recent.ask({ lines: 10 }))).toEqual(["two", "four"]);
});
