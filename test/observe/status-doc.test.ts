/** docs/status.md has every field of the status, and no other. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "@jest/globals";
import { statusVersion } from "../../src/observe/status.ts";

const root = resolve(import.meta.dirname, "../..");
const source = readFileSync(join(root, "src/observe/status.ts"), "utf8");
const page = readFileSync(join(root, "docs/status.md"), "utf8");

/** Fields by interface, in the order of the source. */
const interfaces = new Map(
  [...source.matchAll(/^export interface (\w+) \{\n(.*?)^\}/gms)].map(([, name = "", body = ""]) => [
    name,
    [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map((match) => match[1]),
  ]),
);

/** Rows by heading. */
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [name = "", ...lines] = section.split("\n");
      return [name, lines.flatMap((line) => /^\| `(\w+)` +\|/.exec(line)?.[1] ?? [])];
    }),
);

test("the page of the status has a section for each of its objects, and a row for each field", () => {
  expect(interfaces.size).toBe(6);
  sections.delete("Examples");
  expect([...sections.keys()]).toEqual([...interfaces.keys()]);
  for (const [name, fields] of interfaces) expect([name, sections.get(name)]).toEqual([name, fields]);
});

test("the page names the version of the shape", () => {
  expect(page).toContain(`{ "version": ${statusVersion}, "managers": [] }`);
});
