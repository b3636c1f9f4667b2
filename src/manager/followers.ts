/** Who wants to be told at once. One that throws is left out from then on: it must not disturb what it follows. */
export class Followers<T> {
  readonly #all = new Set<{ readonly hear: (told: T) => void }>();

  /** Gives the function that ends it. */
  follow(hear: (told: T) => void): () => void {
    const follower = { hear };
    this.#all.add(follower);
    return () => void this.#all.delete(follower);
  }

  /** What is told is made only where somebody listens. */
  tell(make: () => T): void {
    if (this.#all.size === 0) return;
    const told = make();
    for (const follower of this.#all) {
      try {
        follower.hear(told);
      } catch {
        this.#all.delete(follower);
      }
    }
  }
}
