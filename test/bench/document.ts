/** Puts the table into docs/performance.md, between two marks. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { performancePage } from "./places.ts";

const begin = "<!-- begin: written by npm run bench -- --write -->";
const end = "<!-- end -->";

const page = `# Performance

What fcgi-pm costs, beside what others cost on the same machine in the same run.

${begin}
${end}
`;

/** Replaces what stands between the marks, and makes the page where there is none. */
export function writePerformance(table: string): void {
  const text = existsSync(performancePage) ? readFileSync(performancePage, "utf8") : page;
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`Cannot write the table: "${performancePage}" lacks its marks`);
  writeFileSync(performancePage, `${text.slice(0, from + begin.length)}\n\n${table}\n\n${text.slice(to)}`);
}
