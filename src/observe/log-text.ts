/** A line of `logs` for people: `blog/2 2026-11-21T04:21:37.880Z text`. */
import { paint } from "./paint.ts";
import type { LogLine } from "./story.ts";
import { oneLine, pad } from "./width.ts";

/** `labelWidth`: columns for the app's name and the worker's number, so that the texts stand below each other. */
export function formatLogLine(line: LogLine, look: { readonly colour: boolean; readonly labelWidth?: number }): string {
  const label = pad(labelOf(line), look.labelWidth ?? 0, "left");
  const text = oneLine(line.text);
  // What the manager says of its workers steps back behind what they say themselves.
  if (line.notice !== undefined) return paint(`${label} ${line.time} ${text}`, "dim", look.colour);
  return `${paint(label, "under-way", look.colour)} ${paint(line.time, "dim", look.colour)} ${text}`.trimEnd();
}

/** `blog/2`, or `blog` for what concerns the app as a whole. */
export function labelOf({ app, worker }: LogLine): string {
  return worker === undefined ? app : `${app}/${worker}`;
}
