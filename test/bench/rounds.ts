/** Interleaving: A B C, A B C, …, since the machine drifts while it is measured. */
import { setTimeout as pause } from "node:timers/promises";
import { type Contestant, present } from "./contestants.ts";

export interface Rounds {
  readonly count: number;
  /** Slow ones take part in the first of so many rounds. */
  readonly slowEvery?: number;
  /** Before each sample, for what may not be asked too often. */
  readonly pauseMs?: number;
  /** Called at the beginning of each round, for what is measured beside. */
  readonly beside?: () => Promise<void>;
}

/** By the contestants' names. */
export type Samples = ReadonlyMap<string, readonly number[]>;

/** Somebody with turns. */
export interface Entrant {
  readonly name: string;
  readonly isSlow: boolean;
}

/** Samples of everybody who is present. */
export function inRounds(rounds: Rounds, sample: (who: Contestant) => Promise<number>): Promise<Samples> {
  return inTurns(present, rounds, sample);
}

/** Samples, of whatever kind, of these. */
export async function inTurns<W extends Entrant, S>(
  entrants: readonly W[],
  rounds: Rounds,
  sample: (who: W) => Promise<S>,
): Promise<ReadonlyMap<string, readonly S[]>> {
  const samples = new Map<string, S[]>(entrants.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds.count; round += 1) {
    await rounds.beside?.();
    for (const who of entrants) {
      if (who.isSlow && round % (rounds.slowEvery ?? 1) !== 0) continue;
      if (rounds.pauseMs !== undefined) await pause(rounds.pauseMs);
      samples.get(who.name)?.push(await sample(who));
    }
  }
  return samples;
}

/** One figure out of samples that hold several. */
export function figures<S>(samples: ReadonlyMap<string, readonly S[]>, figure: (sample: S) => number): Samples {
  return new Map([...samples].map(([name, ones]) => [name, ones.map(figure)]));
}
