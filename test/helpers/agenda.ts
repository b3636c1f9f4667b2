export interface Dated {
  readonly atMs: number;
  order: number;
}

/** What is to come, soonest first, and in the order of asking where it comes together: a binary heap. */
export class Agenda<A extends Dated> {
  readonly #heap: A[] = [];
  #order = 0;

  first(): A | undefined {
    return this.#heap[0];
  }

  add(added: A): void {
    this.#order += 1;
    added.order = this.#order;
    let at = this.#heap.push(added) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = this.#heap[above] as A;
      if (isSooner(parent, added)) break;
      this.#heap[at] = parent;
      at = above;
    }
    this.#heap[at] = added;
  }

  takeFirst(): void {
    const last = this.#heap.pop() as A;
    if (this.#heap.length === 0) return;
    let at = 0;
    for (;;) {
      const below = this.#soonerChild(at);
      const child = this.#heap[below];
      if (child === undefined || isSooner(last, child)) break;
      this.#heap[at] = child;
      at = below;
    }
    this.#heap[at] = last;
  }

  #soonerChild(at: number): number {
    const left = this.#heap[2 * at + 1];
    const right = this.#heap[2 * at + 2];
    return left !== undefined && right !== undefined && isSooner(right, left) ? 2 * at + 2 : 2 * at + 1;
  }
}

function isSooner(one: Dated, other: Dated): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
