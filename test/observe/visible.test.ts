import { expect, test } from "@jest/globals";
import { visible } from "../../src/observe/visible.ts";
import fc from "../helpers/chance.ts";

test("control characters are shown, tabs and line ends stay", () => {
  expect(visible("\u001b[2Jgone?\u0000\u007f\u009b\r")).toBe("\\x1b[2Jgone?\\x00\\x7f\\x9b\\x0d");
  expect(visible("a\tb\nc — ä 日本")).toBe("a\tb\nc — ä 日本");
});

test("no text can move the cursor or change colours", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(visible(text)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    }),
  );
});
