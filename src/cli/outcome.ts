/** What came of a command, in words. */
import type { AppOutcome } from "../control/protocol.ts";
import { oneLine } from "../observe/width.ts";
import { formatDuration } from "../units.ts";

/** `blog: rolled to generation 3, 4 of 4 workers replaced in 112ms`, and below it what has changed. */
export function describeOutcome(outcome: AppOutcome): string[] {
  const { app, action, result, changes } = outcome;
  const isPlanned = result === "planned";
  const sentence = outcome.external === true ? describeExternal(action, isPlanned) : describeDeed(outcome, isPlanned);
  return [`${app}: ${sentence}`, ...changes.map((change) => `  ${oneLine(change)}`)];
}

function describeDeed(outcome: AppOutcome, isPlanned: boolean): string {
  return (isPlanned ? intentions : deeds)[outcome.action](outcome);
}

/** What changes of an app that somebody else starts is what we know of it. */
function describeExternal(action: AppOutcome["action"], isPlanned: boolean): string {
  if (action === "unchanged") return isPlanned ? "would stay as it is" : "unchanged";
  const deed = action === "moved" ? "changed" : action;
  return isPlanned ? `external, would be ${deed}` : `external, ${deed}`;
}

type Sentences = { readonly [A in AppOutcome["action"]]: (outcome: AppOutcome) => string };

const deeds: Sentences = {
  unchanged: () => "unchanged",
  added: (o) => `added, ${workers(o.wanted)} ready in ${took(o)}`,
  removed: (o) => `removed in ${took(o)}`,
  rolled: (o) =>
    o.wanted === 0
      ? `stopped; it will start as generation ${o.generation}`
      : `rolled to generation ${o.generation}, ${o.wanted} of ${workers(o.wanted)} replaced in ${took(o)}`,
  moved: (o) => `moved to its new listener with ${workers(o.wanted)} in ${took(o)}`,
  applied: () => "changed in place",
  scaled: (o) =>
    o.wanted === 0
      ? "stopped; it will start with another number of workers"
      : `scaled to ${workers(o.wanted)} in ${took(o)}`,
  stopped: (o) => `stopped in ${took(o)}`,
  restarted: (o) => `restarted, ${workers(o.wanted)} ready in ${took(o)}`,
};

const intentions: Sentences = {
  unchanged: () => "would stay as it is",
  added: (o) => `would be added with ${workers(o.wanted)}`,
  removed: () => "would be removed",
  rolled: (o) => `would roll to generation ${o.generation}, ${workers(o.wanted)} replaced`,
  moved: (o) => `would move to its new listener with ${workers(o.wanted)}`,
  applied: () => "would be changed in place",
  scaled: (o) => `would be scaled to ${workers(o.wanted)}`,
  stopped: () => "would be stopped",
  restarted: () => "would be restarted",
};

function workers(count: number): string {
  return `${count} ${count === 1 ? "worker" : "workers"}`;
}

function took({ tookMs }: AppOutcome): string {
  return formatDuration(tookMs);
}
