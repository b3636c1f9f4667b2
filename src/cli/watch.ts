/** `status --watch`: the status in place, like top. The screen is given back whatever ends it. */
import { FcgiPmError } from "../errors.ts";
import { paint } from "../observe/paint.ts";
import type { Status } from "../observe/status.ts";
import { cut, oneCell } from "../observe/width.ts";
import { formatDuration, parseDuration } from "../units.ts";
import { describe, lookAround, type StatusOptions } from "./status.ts";
import { screenOf } from "./terminal.ts";

export interface WatchOptions extends StatusOptions {
  readonly interval?: string;
}

/** Each look asks the kernel about every worker: more often helps nobody. */
const shortestMs = 100;

/** The alternate screen, no cursor, no wrapping; and back. */
const takeScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const giveScreenBack = "\x1b[?7h\x1b[?25h\x1b[?1049l";

const ctrlC = "\x03";
/** Where a terminal does not know its own height. */
const usualHeight = 24;

/** Shows the status until q or Ctrl-C; gives the exit status. */
export async function watch(app: string | undefined, options: WatchOptions): Promise<number> {
  const intervalMs = intervalOf(options);
  const giveBack = borrowScreen();
  try {
    return await refresh(app, options, intervalMs);
  } finally {
    giveBack();
  }
}

function borrowScreen(): () => void {
  let isOurs = true;
  const giveBack = () => {
    if (isOurs) process.stdout.write(giveScreenBack);
    isOurs = false;
  };
  // Whatever else ends us comes by here, and a terminal takes all of it at once.
  process.once("exit", giveBack);
  process.stdout.write(takeScreen);
  return giveBack;
}

async function refresh(app: string | undefined, options: WatchOptions, intervalMs: number): Promise<number> {
  const end = untilEnd();
  let before: readonly Status[] = [];
  let shown: Shown | undefined;
  const repaint = () => {
    if (shown !== undefined) process.stdout.write(frameOf(app, shown, before));
  };
  process.stdout.on("resize", repaint);
  for (;;) {
    const looked = await Promise.race([end, lookOnce(app, options, intervalMs)]);
    if (typeof looked === "number") return looked;
    before = shown?.managers ?? [];
    shown = looked;
    repaint();
    const status = await Promise.race([end, pause(intervalMs)]);
    if (status !== undefined) return status;
  }
}

/** What one look has found. */
interface Shown {
  readonly head: string;
  readonly managers: readonly Status[];
  /** Why some could not be asked. */
  readonly problems: readonly string[];
}

function intervalOf({ interval = "1s", json }: WatchOptions): number {
  if (json === true)
    throw wrong("--watch is for people, --json for programs: give one of them", "fcgi-pm status --json");
  if (process.stdout.isTTY !== true) throw wrong("--watch needs a terminal to refresh", "fcgi-pm status");
  const ms = parseDuration(interval);
  if (ms !== undefined && ms >= shortestMs) return ms;
  throw wrong(`--interval takes a duration of at least 100ms, got "${interval}"`, "--interval 2s");
}

function wrong(message: string, remedy: string): FcgiPmError {
  return new FcgiPmError("FCGI_PM_USAGE_WRONG", message, { remedy });
}

/** A manager that has gone may come back: what goes wrong is shown, and the next look may be better. */
async function lookOnce(app: string | undefined, { control }: StatusOptions, intervalMs: number): Promise<Shown> {
  const time = new Date().toTimeString().slice(0, 8);
  const head = `fcgi-pm status${app === undefined ? "" : ` ${app}`}  ${time}  every ${formatDuration(intervalMs)}, q ends`;
  try {
    const { managers, failed } = await lookAround(app, control);
    return { head, managers, problems: failed.map(({ message }) => message) };
  } catch (error) {
    if (!(error instanceof FcgiPmError)) throw error;
    return { head, managers: [], problems: [error.message] };
  }
}

/** Painted over the last one, line by line, so that nothing flickers. */
function frameOf(app: string | undefined, { head, managers, problems }: Shown, before: readonly Status[]): string {
  const screen = screenOf(process.stdout);
  const look = { ...screen, nowMs: Date.now(), before };
  const table = managers.length === 0 && problems.length > 0 ? [] : describe(app, managers, look);
  const body = [
    ...table,
    ...problems.map((problem) => paint(cut(oneCell(problem), screen.width), "bad", screen.colour)),
  ];
  const lines = [paint(cut(head, screen.width), "dim", screen.colour), "", ...body];
  return `\x1b[H${shorten(lines, process.stdout.rows || usualHeight)
    .map((line) => `${line}\x1b[K`)
    .join("\r\n")}\x1b[J`;
}

/** What does not fit the screen is counted in its last line. */
function shorten(lines: readonly string[], height: number): readonly string[] {
  if (lines.length <= height) return lines;
  return [...lines.slice(0, height - 1), `… ${lines.length - height + 1} more lines`];
}

/** Resolves with the exit status: 0 for q and Ctrl-C, as they are the way to end it. */
function untilEnd(): Promise<number> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve(0));
    process.once("SIGTERM", () => resolve(143));
    for (const stream of [process.stdin, process.stdout]) stream.on("error", () => resolve(129));
    process.once("SIGHUP", () => resolve(129));
    if (process.stdin.isTTY === true) readKeys(resolve);
  });
}

/** Key by key, without an echo: Ctrl-C is a key then, too. */
function readKeys(end: (status: number) => void): void {
  const { stdin } = process;
  stdin.setRawMode(true);
  stdin.on("end", () => end(129));
  stdin.on("data", (keys: Buffer) => {
    const typed = keys.toString("latin1");
    if (/^q$/i.test(typed) || typed.includes(ctrlC)) end(0);
  });
}

function pause(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms));
}
