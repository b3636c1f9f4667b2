/** From samples to tables in Markdown. */
import { contestants } from "./contestants.ts";
import type { Samples } from "./rounds.ts";

/** Whose figures stand under one another. */
export interface Column {
  readonly name: string;
  /** Programs that it needs and this machine does not have. */
  readonly missing: readonly string[];
}

/** A table with columns of its own. */
export interface Table {
  readonly title: string;
  /** What is compared, in a few sentences. */
  readonly about: string;
  readonly columns: readonly Column[];
}

/** One line of a table. */
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
  /** Absent: the first table, of the contestants. */
  readonly table?: Table;
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

export function medianOf(samples: Samples, name: string): number {
  return median(samples.get(name) ?? []);
}

/** The median of one contestant over that of another, if both are there. */
export function ratioTo(samples: Samples, other: string): { ratio?: NonNullable<Row["ratio"]> } {
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

/** The table of the contestants, then each of the others under its title. */
export function markdown(results: readonly Result[]): string {
  const others = new Set(results.flatMap(({ table }) => table ?? []));
  const first = results.filter(({ table }) => table === undefined);
  return [
    ...(first.length === 0 ? [] : [tableOf(contestants, first)]),
    ...[...others].map((table) => titled(table, results)),
  ].join("\n\n");
}

function titled(table: Table, results: readonly Result[]): string {
  const own = results.filter((result) => result.table === table);
  return `## ${table.title}\n\n${table.about}\n\n${tableOf(table.columns, own)}`;
}

function tableOf(columns: readonly Column[], results: readonly Result[]): string {
  const head = ["metric", ...columns.map(({ name }) => name), "ratio", "target", "reached"];
  const lines = results.flatMap(({ rows }) => rows.map((row) => lineOf(columns, row)));
  const table = [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`);
  const notes = results.flatMap((result) => result.notes ?? []).map((note) => `- ${note}`);
  return [...table, ...(notes.length === 0 ? [] : ["", ...notes])].join("\n");
}

function lineOf(columns: readonly Column[], row: Row): string[] {
  const cells = columns.map(({ name, missing }) =>
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
