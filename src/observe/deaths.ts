/** How workers died, for people. */
import { formatDuration } from "../units.ts";
import { paint } from "./paint.ts";
import type { AppStatus, LastExit } from "./status.ts";
import { cut, oneCell } from "./width.ts";

/** Of so many workers the last words are shown, and of each so many lines: a screen has to suffice. JSON has all. */
const mostDeaths = 3;
const mostLines = 10;

/** `exit code 1 after 5ms, before it was ready, 3s ago`. */
export function describeDeath(death: LastExit, nowMs: number): string {
  const early = death.wasReady ? "" : ", before it was ready";
  return `${describeExit(death)} after ${formatDuration(death.livedMs)}${early}, ${ago(death, nowMs)}`;
}

/** `exit code 1, 3s ago`. */
export function describeDeathShortly(death: LastExit, nowMs: number): string {
  return `${describeExit(death)}, ${ago(death, nowMs)}`;
}

/** `exit code 1`, `SIGKILL`. */
export function describeExit({ exit }: LastExit): string {
  return exit.signal ?? `exit code ${exit.code ?? "unknown"}`;
}

function ago({ at }: LastExit, nowMs: number): string {
  return `${formatDuration(Math.max(0, nowMs - Date.parse(at)))} ago`;
}

/** The last words of the workers that died last, newest first, and when the next try comes. */
export function deathsOf(
  app: AppStatus,
  { width, colour, nowMs }: { readonly width?: number; readonly colour: boolean; readonly nowMs: number },
): string[] {
  const lines = recent(app).flatMap((death) => {
    const shown = death.lastLines.slice(-mostLines);
    const left = death.lastLines.length - shown.length;
    const head = `worker ${death.worker}, pid ${death.pid}: ${describeDeath(death, nowMs)}`;
    const before = left === 0 ? [] : [`  | … ${left} lines before, see --json`];
    const words = [...before, ...shown.map((line) => `  | ${oneCell(line)}`)];
    return ["", paint(cut(head, width), "bold", colour), ...words.map((line) => cut(line, width))];
  });
  const { nextTryInMs } = app;
  const next = nextTryInMs === null ? [] : ["", cut(`next try in ${formatDuration(nextTryInMs)}`, width)];
  return [...lines, ...next];
}

/** Newest first; of each death once, though the app and its worker both tell of it. */
function recent({ lastExit, workers }: AppStatus): LastExit[] {
  const all = [lastExit, ...workers.map((worker) => worker.lastExit)].filter((exit) => exit !== null);
  const deaths = new Map(all.map((exit) => [`${exit.worker} ${exit.pid} ${exit.at}`, exit]));
  return [...deaths.values()]
    .filter(({ lastLines }) => lastLines.length > 0)
    .toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at))
    .slice(0, mostDeaths);
}
