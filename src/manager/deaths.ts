/** What is remembered of workers that died: how often, and the last of each number with what it wrote. */
import type { LastExit } from "../observe/status.ts";
import type { Notice } from "../supervision/notice.ts";

type Death = Extract<Notice, { type: "worker.died" }>;

export class Deaths {
  readonly #byNumber = new Map<number, { restarts: number; last: LastExit }>();
  #last: LastExit | null = null;
  #count = 0;

  /** Deaths of workers since the start. */
  get count(): number {
    return this.#count;
  }

  /** The last one of all. */
  get last(): LastExit | null {
    return this.#last;
  }

  /** Of this number. */
  of(number: number): { readonly restarts: number; readonly last: LastExit | null } {
    return this.#byNumber.get(number) ?? { restarts: 0, last: null };
  }

  record(death: Death, lastLines: readonly string[]): void {
    const { number, pid, exit, livedMs, wasReady } = death;
    const last = { worker: number, pid, exit, at: new Date().toISOString(), livedMs, wasReady, lastLines };
    this.#byNumber.set(number, { restarts: this.of(number).restarts + 1, last });
    this.#last = last;
    this.#count += 1;
  }
}
