/** Every finding has its row in docs/doctor.md. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";

const root = join(import.meta.dirname, "../..");

function codesInSources(): Set<string> {
  const files = ["src/diagnosis", "src/doctor"].flatMap((room) =>
    readdirSync(join(root, room)).map((file) => join(root, room, file)),
  );
  const texts = files.map((file) => readFileSync(file, "utf8"));
  const codes = texts.flatMap((text) => [
    ...text.matchAll(/"((?:program|interpreter|answer|stop|socket|place|live)\.[a-z-]+)"/g),
  ]);
  return new Set(codes.map((match) => match[1] ?? ""));
}

test("docs/doctor.md has a row for each code of a finding, and no other", () => {
  const page = readFileSync(join(root, "docs/doctor.md"), "utf8");
  const rows = [...page.matchAll(/^\| `((?:program|interpreter|answer|stop|socket|place|live)\.[a-z-]+)` +\|/gm)].map(
    (match) => match[1] ?? "",
  );
  expect(rows.toSorted()).toEqual([...codesInSources()].toSorted());
});
