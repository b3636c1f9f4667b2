/** Delta debugging: from many things that together are enough, the few that are needed. */

/**
 * A small part of `all` that is enough, where all of it is (A. Zeller, "Yesterday, my program worked. Today, it does not.
 * Why?"). Some 2 log n questions for one thing; the half of which neither is enough alone is searched with the other held.
 */
export async function minimal<T>(
  all: readonly T[],
  isEnough: (some: readonly T[]) => Promise<boolean>,
  held: readonly T[] = [],
): Promise<T[]> {
  if (all.length <= 1) return [...all];
  const middle = Math.ceil(all.length / 2);
  const [one, other] = [all.slice(0, middle), all.slice(middle)];
  if (await isEnough([...one, ...held])) return minimal(one, isEnough, held);
  if (await isEnough([...other, ...held])) return minimal(other, isEnough, held);
  const ofOne = await minimal(one, isEnough, [...other, ...held]);
  const ofOther = await minimal(other, isEnough, [...ofOne, ...held]);
  return [...ofOne, ...ofOther];
}
