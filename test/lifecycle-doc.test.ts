import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { lifecycleTable } from "../src/supervision/worker.ts";

const path = new URL("../docs/lifecycle.md", import.meta.url);
const marks = /(<!-- table:.*-->\n)[\s\S]*(<!-- end -->)/;

/** The table of the law as Markdown: a row for each state, a column for each event. */
function describeTable(): string {
  const table = lifecycleTable();
  const events = Object.keys(table.ready);
  const rows = Object.entries(table).map(([state, actions]) => row([`\`${state}\``, ...Object.values(actions)]));
  return [row(["", ...events.map((event) => `\`${event}\``)]), `|${"---|".repeat(events.length + 1)}`, ...rows].join(
    "\n",
  );
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** The page as the code wants it; written down with UPDATE_DOCS=1. */
function updated(page: string): string {
  return page.replace(marks, (_all, start: string, end: string) => `${start}\n${describeTable()}\n\n${end}`);
}

test("docs/lifecycle.md shows the table that the code has", () => {
  const page = readFileSync(path, "utf8");
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(path, updated(page));
  expect(readFileSync(path, "utf8")).toBe(updated(page));
  expect(page).toMatch(marks);
});

test("docs/lifecycle.md explains every state and every action", () => {
  const page = readFileSync(path, "utf8");
  const table = lifecycleTable();
  const actions = new Set(Object.values(table).flatMap((row) => Object.values(row)));
  actions.delete("-");
  for (const name of [...Object.keys(table), ...actions]) expect(page).toContain(`\n| \`${name}\` | `);
});
