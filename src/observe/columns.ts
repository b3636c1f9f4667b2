/** A table for people: aligned by the room that text takes on a terminal, and never wider than it. */
import { paint, type Style } from "./paint.ts";
import { cut, displayWidth, pad } from "./width.ts";

/** What the reader's screen can do. */
export interface Look {
  /** Columns of the terminal. Absent: there is none, nothing is left out. */
  readonly width?: number;
  readonly colour: boolean;
}

export interface Cell {
  readonly text: string;
  readonly style?: Style;
}

export interface Column<Row> {
  readonly head: string;
  readonly side: "left" | "right";
  cell(row: Row): Cell;
}

const gap = 2;

/**
 * The table's lines, the head first. Where it does not fit, columns are left out in the order of `leaving`, by their heads;
 * what is still too long then is cut. Nothing ever wraps.
 */
export function layOut<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  leaving: readonly string[],
  look: Look,
): string[] {
  const all = columns.map((column) => fill(column, rows));
  const kept = leaveOut(all, leaving, look.width ?? Number.POSITIVE_INFINITY);
  return Array.from({ length: rows.length + 1 }, (_, line) => lineOf(kept, line, look));
}

/** One column with its cells, the head being the first of them. */
interface Filled {
  readonly head: string;
  readonly side: "left" | "right";
  readonly cells: readonly Cell[];
  readonly width: number;
}

function fill<Row>({ head, side, cell }: Column<Row>, rows: readonly Row[]): Filled {
  const cells: Cell[] = [{ text: head, style: "bold" }, ...rows.map((row) => cell(row))];
  return { head, side, cells, width: Math.max(...cells.map(({ text }) => displayWidth(text))) };
}

function leaveOut(columns: readonly Filled[], leaving: readonly string[], room: number): readonly Filled[] {
  const [first, ...others] = leaving;
  if (first === undefined || totalOf(columns) <= room) return columns;
  const fewer = columns.filter(({ head }) => head !== first);
  return leaveOut(fewer, others, room);
}

function totalOf(columns: readonly Filled[]): number {
  return columns.reduce((sum, { width }) => sum + width + gap, -gap);
}

/** Cut before it is painted: a colour's code takes no room, and must not lose its end. */
function lineOf(columns: readonly Filled[], line: number, look: Look): string {
  let room = look.width ?? Number.POSITIVE_INFINITY;
  const parts = columns.map((column, index) => {
    const cell = column.cells[line] ?? { text: "" };
    const isLast = index === columns.length - 1;
    const padded = isLast && column.side === "left" ? cell.text : pad(cell.text, column.width, column.side);
    const text = cut(padded, Math.max(0, room));
    room -= displayWidth(text) + gap;
    return paint(text, cell.style, look.colour);
  });
  return parts
    .filter((part) => part !== "")
    .join(" ".repeat(gap))
    .trimEnd();
}
