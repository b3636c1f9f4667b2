/** The last lines of every app, each in a ring of its own. */
import { mergeByTime, Ring } from "./ring.ts";
import type { LogLine } from "./story.ts";

export interface RecentQuery {
  /** Absent: all apps. */
  readonly app?: string;
  /** Absent: all workers, and what is said about the app as a whole. */
  readonly worker?: number;
  /** At most so many of each app. */
  readonly lines: number;
}

export class Recent {
  readonly #rings = new Map<string, Ring>();

  push(line: LogLine): void {
    let ring = this.#rings.get(line.app);
    if (ring === undefined) {
      ring = new Ring(line.app);
      this.#rings.set(line.app, ring);
    }
    ring.push(line);
  }

  /** The last lines that fit the query, the oldest first. */
  ask({ app, worker, lines }: RecentQuery): readonly LogLine[] {
    const rings = app === undefined ? [...this.#rings.values()] : [this.#rings.get(app)];
    return mergeByTime(rings.map((ring) => ring?.last(lines, worker) ?? []));
  }

  forget(app: string): void {
    this.#rings.delete(app);
  }
}
