import { expect, test } from "@jest/globals";
import { cut, displayWidth, oneCell, oneLine, pad } from "../../src/observe/width.ts";

test.each([
  ["blog", 4],
  ["", 0],
  ["日本語", 6],
  ["ｆｕｌｌ", 8],
  ["한국", 4],
  ["e\u0301tude", 5],
  ["→ 2…", 4],
  ["🚀", 2],
  ["a\u200bb", 2],
])("%j takes %d columns", (text, width) => {
  expect(displayWidth(text)).toBe(width);
});

test("text is cut by the room it takes, never in the middle of a character, and shows that it was", () => {
  expect(cut("blog", 4)).toBe("blog");
  expect(cut("blogs", 4)).toBe("blo…");
  expect(cut("日本語", 6)).toBe("日本語");
  expect(cut("日本語", 5)).toBe("日本…");
  expect(cut("日本語", 4)).toBe("日…");
  expect(cut("🚀🚀", 3)).toBe("🚀…");
  expect(cut("blog", 1)).toBe("…");
  expect(cut("blog", 0)).toBe("");
  expect(cut("blog", undefined)).toBe("blog");
});

test("text is filled up by the room it takes", () => {
  expect(pad("日本", 6, "left")).toBe("日本  ");
  expect(pad("7", 3, "right")).toBe("  7");
  expect(pad("long", 2, "right")).toBe("long");
});

test("what a program wrote can neither move a cursor nor turn a line around", () => {
  expect(oneLine("\x1b[2Jred\r\n")).toBe("\\x1b[2Jred\\x0d\\x0a");
  expect(oneLine("safe\u202eevil\u2066\u2028")).toBe("safe\\u202eevil\\u2066\\u2028");
  expect(oneLine("a\tb é 日")).toBe("a\tb é 日");
  expect(oneCell("a\tb")).toBe("a    b");
});
