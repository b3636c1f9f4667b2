/** Our readers of what Python and supervisord read, against those themselves, on random texts. */
import { describe, expect, jest, test } from "@jest/globals";
import { parseIni } from "../../src/import/configparser.ts";
import { parsePairs } from "../../src/import/environment-pairs.ts";
import { formatPython } from "../../src/import/python-format.ts";
import { splitShlex } from "../../src/import/words.ts";
import fc from "../helpers/chance.ts";
import { askPython } from "./judge.ts";

jest.setTimeout(60_000);

const runs = 3000;

/** Texts of pieces that mean something there, far more often than chance would put them together. */
function texts(pieces: readonly string[], most = 24): string[] {
  const text = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 3 })), { maxLength: most });
  return fc.sample(
    text.map((parts) => parts.join("").replace(/[^\n\t -~é€]/g, "?")),
    runs,
  );
}

/** How many of the texts were right in Python's eyes: with none or all of them the test would say little. */
function expectBoth(right: number): void {
  expect(right).toBeGreaterThan(runs / 50);
  expect(right).toBeLessThan(runs);
}

describe("the same as Python on thousands of random texts", () => {
  test("sections, options, continued lines and comments of an ini file", () => {
    const pieces = [
      "\n",
      "\n",
      "\n",
      "[a]\n",
      "[b]\n",
      "[program:x]\n",
      "[DEFAULT]\n",
      "key=",
      "Key : ",
      "x = y\n",
      " ",
      "  ",
      "\t",
      ";",
      " ; c",
      " # c",
      "#",
      "=",
      ":",
      "value",
      "]",
      "%",
    ];
    const questions = texts(pieces);
    let right = 0;
    for (const [index, answer] of askPython<Record<string, Record<string, string>>>("ini", questions).entries()) {
      const text = questions[index] ?? "";
      const { sections, problems } = parseIni(text);
      if (answer.error !== undefined) {
        expect([text, problems.length > 0]).toEqual([text, true]);
        continue;
      }
      right += 1;
      const ours = sections.map(({ name, options }) => [
        name,
        Object.fromEntries([...options].map(([key, { value }]) => [key, value])),
      ]);
      expect([text, Object.fromEntries(ours), problems]).toEqual([text, answer.value, []]);
    }
    expectBoth(right);
  });

  test("words of a command line", () => {
    const questions = texts(["'", '"', "\\", " ", "  ", "a", "b c", "$x", "#", ";", "&", "\t", "\n", "=", "''", '""']);
    let right = 0;
    for (const [index, answer] of askPython<string[]>("split", questions).entries()) {
      const text = questions[index] ?? "";
      if (answer.error === undefined) right += 1;
      expect([text, splitShlex(text)]).toEqual([text, answer.error === undefined ? answer.value : undefined]);
    }
    expectBoth(right);
  });

  test("pairs of environment=", () => {
    const questions = texts(
      [
        "A",
        "B",
        "=",
        "=",
        ",",
        ",",
        '"',
        "'",
        "x y",
        "1",
        '"a,b"',
        "'c'",
        "A=1,",
        'B="2",',
        "#",
        " ",
        "/p:q",
        "\n",
        "%",
      ],
      12,
    );
    let right = 0;
    for (const [index, answer] of askPython<[string, string][]>("pairs", questions).entries()) {
      const text = questions[index] ?? "";
      const ours = parsePairs(text);
      if (answer.error === undefined) right += 1;
      const merged = typeof ours === "string" ? undefined : Object.entries(Object.fromEntries(ours)).toSorted();
      const theirs = answer.error === undefined ? answer.value.toSorted() : undefined;
      expect([text, merged]).toEqual([text, theirs?.map((pair) => [...pair])]);
    }
    expectBoth(right);
  });

  test("expansions with flags, widths and types", () => {
    const names: Record<string, string | number> = {
      program_name: "web",
      process_num: 7,
      numprocs: 12,
      ENV_HOME: "/root",
    };
    const pieces = [
      "%(program_name)s",
      "%(process_num)d",
      "%(process_num)02d",
      "%(process_num)s",
      "%(ENV_HOME)s",
      "%(no)s",
      "%%",
      "%",
      "x",
      "%(process_num)-4d|",
      "%(process_num)x",
      "%(process_num)+03d",
      "%(program_name)10s",
      "%(program_name)d",
      "%(numprocs)#o",
      "%(process_num)",
    ];
    const questions = fc.sample(
      fc.array(fc.constantFrom(...pieces), { maxLength: 4 }).map((parts) => parts.join("")),
      runs,
    );
    let right = 0;
    for (const [index, answer] of askPython<string>(
      "format",
      questions.map((text) => [text, names]),
    ).entries()) {
      const text = questions[index] ?? "";
      const ours = formatPython(text, (name) => (Object.hasOwn(names, name) ? names[name] : undefined));
      if (answer.error === undefined) right += 1;
      expect([text, "text" in ours ? ours.text : undefined]).toEqual([
        text,
        answer.error === undefined ? answer.value : undefined,
      ]);
    }
    expectBoth(right);
  });
});
