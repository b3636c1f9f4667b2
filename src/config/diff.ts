/** What has changed between two states of the apps, so that a reload touches as little as possible. */
import type { App } from "./app.ts";
import type { Difference, Effects, Facts } from "./differences.ts";
import { differencesOf } from "./differences.ts";

export type { Effects, Facts } from "./differences.ts";

/** What becomes of one app. */
export interface Change extends Effects {
  readonly app: string;
  readonly kind: "added" | "removed" | "kept";
  /** Absent: it is added. */
  readonly before?: App;
  /** Absent: it is removed. */
  readonly after?: App;
  /** One line for each difference, in the words of the keys; empty where nothing is to be done. */
  readonly details: readonly string[];
}

/** What becomes of each app: those of `after` in their order, then those that are gone. An app is known by its name. */
export function diffApps(before: readonly Facts[], after: readonly Facts[]): readonly Change[] {
  const [there, wanted] = [byName(before), byName(after)];
  const gone = before.filter(({ app }) => !wanted.has(app.name));
  return [...after.map((facts) => compare(there.get(facts.app.name), facts)), ...gone.map(remove)];
}

/** Has it nothing to fear from a reload? */
export function isUntouched(change: Change): boolean {
  return change.kind === "kept" && change.details.length === 0;
}

function byName(all: readonly Facts[]): ReadonlyMap<string, Facts> {
  return new Map(all.map((facts) => [facts.app.name, facts]));
}

function compare(before: Facts | undefined, after: Facts): Change {
  const app = after.app.name;
  if (before === undefined)
    return { app, kind: "added", after: after.app, ...effectsOf([]), details: ["new in the config"] };
  const differences = differencesOf(before, after);
  const details = differences.map(({ words }) => words);
  return { app, kind: "kept", before: before.app, after: after.app, ...effectsOf(differences), details };
}

function remove({ app }: Facts): Change {
  return { app: app.name, kind: "removed", before: app, ...effectsOf([]), details: ["no longer in the config"] };
}

/** A new listener is bound as it is wanted, and its workers are new: nothing of that is left to be done in place. */
function effectsOf(differences: readonly Difference[]): Effects {
  const has = (effect: keyof Effects) => differences.some((difference) => difference.effect === effect);
  const moves = has("moves");
  return {
    rolls: !moves && has("rolls"),
    moves,
    rights: !moves && has("rights"),
    depth: !moves && has("depth"),
    policy: has("policy"),
    size: has("size"),
    output: has("output"),
    watch: has("watch"),
  };
}
