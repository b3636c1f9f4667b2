import { execFileSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { joinWords, splitWords } from "../../src/config/words.ts";
import fc from "../helpers/chance.ts";

test.each<[string, string[]]>([
  ["", []],
  [" \t\n ", []],
  ["app.fcgi", ["app.fcgi"]],
  ["  app.fcgi \t -v\n", ["app.fcgi", "-v"]],
  [`a "b c" 'd e' f\\ g`, ["a", "b c", "d e", "f g"]],
  [`a"b"'c'd`, ["abcd"]],
  [`"" ''`, ["", ""]],
  [`'it'\\''s'`, ["it's"]],
  [`'no \\escape "here"'`, [`no \\escape "here"`]],
  [`"a \\"b\\" \\\\ \\$HOME \\n"`, [`a "b" \\ $HOME \\n`]],
  ["$HOME *.php | ; &", ["$HOME", "*.php", "|", ";", "&"]],
  ["a\\\nb", ["ab"]],
  ['"a\\\nb"', ["ab"]],
])("%j is split as a shell splits it", (line, words) => {
  expect(splitWords(line)).toEqual(words);
});

test.each([`"`, `'`, `a "b`, `a 'b`, `'a"`, "a\\", `"a\\"`])("%j has an open end", (line) => {
  expect(splitWords(line)).toBeUndefined();
});

test("words that are joined are quoted only where they have to be", () => {
  expect(joinWords(["/srv/app", "--a=b", "", "c d", "it's", "$HOME", "*"])).toBe(
    `/srv/app --a=b '' 'c d' 'it'\\''s' '$HOME' '*'`,
  );
});

test("words that are joined come back, whatever is in them", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), (words) => {
      expect(splitWords(joinWords(words))).toEqual(words);
    }),
  );
});

test("a shell splits the same line into the same words", () => {
  const character = fc.constantFrom("a", "b", " ", " ", '"', "'", "\\", "\n", "é");
  const lines = fc.sample(fc.string({ unit: character, maxLength: 12 }), { numRuns: 300, seed: 7 });
  const closed = lines.filter((line) => splitWords(line) !== undefined && !/\n/.test(line));
  // One shell for all: each line is a command of its own, its words ended by NUL and the line by a record separator.
  const script = closed.map((line) => `set -- ${line}\nfor w; do printf '%s\\0' "$w"; done; printf '\\036'`).join("\n");
  const said = execFileSync("sh", { input: script, encoding: "utf8" });
  const split = said.split("\x1e").slice(0, -1);
  expect(split.map((words) => words.split("\0").slice(0, -1))).toEqual(closed.map((line) => splitWords(line)));
});
