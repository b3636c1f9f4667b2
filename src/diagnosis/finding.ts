/** What the doctor says: one thing that is wrong, or could go wrong. */

/** `broken`: requests fail because of it. `risk`: they will, under load or at the next change. `note`: good to know. */
export type Level = "broken" | "risk" | "note";

export interface Finding {
  /** Stable, for programs: what was examined, a dot, what is wrong with it: `program.not-executable`. */
  readonly code: string;
  readonly level: Level;
  /** What is wrong, in one sentence for the person who has to mend it. */
  readonly what: string;
  /** How it was seen: what was tried and what came of it, a line each. */
  readonly seen: readonly string[];
  /** What mends it: a command to type or a line to change, each complete. The first is the best. */
  readonly remedy: readonly string[];
}
