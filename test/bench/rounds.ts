/** Interleaving: A B C, A B C, …, since the machine drifts while it is measured. */
import { setTimeout as pause } from "node:timers/promises";
import { type Contestant, type Name, present } from "./contestants.ts";

export interface Rounds {
  readonly count: number;
  /** Slow ones take part in the first of so many rounds. */
  readonly slowEvery?: number;
  /** Before each sample, for what may not be asked too often. */
  readonly pauseMs?: number;
  /** Called at the beginning of each round, for what is measured beside. */
  readonly beside?: () => Promise<void>;
}

export type Samples = ReadonlyMap<Name, readonly number[]>;

/** Samples of everybody who is present. */
export async function inRounds(rounds: Rounds, sample: (who: Contestant) => Promise<number>): Promise<Samples> {
  const samples = new Map<Name, number[]>(present.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds.count; round += 1) {
    await rounds.beside?.();
    for (const who of present) {
      if (who.isSlow && round % (rounds.slowEvery ?? 1) !== 0) continue;
      if (rounds.pauseMs !== undefined) await pause(rounds.pauseMs);
      samples.get(who.name)?.push(await sample(who));
    }
  }
  return samples;
}
