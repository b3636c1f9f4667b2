/** From samples to a table in Markdown. */
import { contestants, type Name, names } from "./contestants.ts";
import type { Samples } from "./rounds.ts";

/** One line of the table. */
export interface Row {
  readonly metric: string;
  readonly samples: Samples;
  /** fcgi-pm against what it is compared with: a number and whose. */
  readonly ratio?: { readonly value: number; readonly to: string };
  readonly target: string;
  /** Absent where nothing is promised. */
  readonly reached?: boolean;
}

export interface Result {
  readonly rows: readonly Row[];
  /** Sentences under the table. */
  readonly notes?: readonly string[];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function medianOf(samples: Samples, name: Name): number {
  return median(samples.get(name) ?? []);
}

/** The median of one contestant over that of another, if both are there. */
export function ratioTo(samples: Samples, other: Name): { ratio?: NonNullable<Row["ratio"]> } {
  const value = medianOf(samples, "fcgi-pm") / medianOf(samples, other);
  return Number.isFinite(value) ? { ratio: { value, to: other } } : {};
}

/** `12.3 [9.8..20.1] (25)`: median, least, most, how many. */
export function summary(values: readonly number[]): string {
  if (values.length === 0) return "none";
  const range =
    values.length === 1 ? "" : ` [${round(Math.min(...values))}..${round(Math.max(...values))}] (${values.length})`;
  return `${round(median(values))}${range}`;
}

export function markdown(results: readonly Result[]): string {
  const head = ["metric", ...names, "ratio", "target", "reached"];
  const lines = results.flatMap(({ rows }) => rows.map(lineOf));
  const table = [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`);
  const notes = results.flatMap((result) => result.notes ?? []).map((note) => `- ${note}`);
  return [...table, ...(notes.length === 0 ? [] : ["", ...notes])].join("\n");
}

function lineOf(row: Row): string[] {
  const cells = contestants.map(({ name, missing }) =>
    missing.length > 0 ? `missing: ${missing.join(", ")}` : summary(row.samples.get(name) ?? []),
  );
  const ratio = row.ratio === undefined ? "" : `${row.ratio.value.toFixed(2)} × ${row.ratio.to}`;
  const reached = row.reached === undefined ? "" : row.reached ? "yes" : "no";
  return [row.metric, ...cells, ratio, row.target, reached];
}

/** Three digits, more or less. */
function round(value: number): string {
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}
