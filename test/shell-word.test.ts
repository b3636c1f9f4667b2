import { execFileSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { shellWord } from "../src/shell-word.ts";
import fc from "./helpers/chance.ts";

test.each([
  ["/srv/app-1.2", "/srv/app-1.2"],
  ["", "''"],
  ["two words", "'two words'"],
  ["it's", "'it'\\''s'"],
])("%j is written as %s", (word, text) => {
  expect(shellWord(word)).toBe(text);
});

test.each(["dash", "bash"])("%s reads every word back as it was", (shell) => {
  const unit = fc.constantFrom(..."ab $`'\"\\*?[];&|<>(){}!#~=%\n\t\x1bä");
  const words = fc.sample(fc.string({ unit }), 300);
  const script = `printf '%s\\0' ${words.map(shellWord).join(" ")}`;
  expect(execFileSync(shell, ["-c", script], { encoding: "utf8" }).split("\0").slice(0, -1)).toEqual(words);
});
