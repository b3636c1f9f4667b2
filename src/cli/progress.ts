/** One line on the terminal while a command waits, from what the manager tells as it happens. */
import type { AppStatus } from "../observe/status.ts";
import { cut } from "../observe/width.ts";
import type { Reached } from "./managers.ts";
import { screenOf } from "./terminal.ts";

/** Notices come in bursts; nobody reads faster. */
const shortestMs = 50;

/** Back to the line's start, and clear it. */
const clear = "\r\x1b[K";

/**
 * Shows how far these managers are until the function it gives is called: each of their notices is a reason to look anew.
 * Only people see it: without a terminal nothing is shown and nothing is asked.
 */
export function showProgress(managers: readonly Reached[], app: string | undefined): () => void {
  const { stderr } = process;
  if (stderr.isTTY !== true) return () => {};
  const ended = new AbortController();
  const looks = managers.map((manager) => new Look(manager, app, ended.signal));
  let shown = "";
  const show = (text: string) => {
    if (text !== shown) stderr.write(`${clear}${text}`);
    shown = text;
  };
  const paint = () => show(cut(looks.flatMap((look) => look.sentences).join(", "), screenOf(stderr).width));
  const end = () => {
    ended.abort();
    show("");
  };
  for (const look of looks) void look.keepOn(paint);
  process.once("SIGINT", () => {
    end();
    stderr.write("what was begun goes on: fcgi-pm status shows how far it is\n");
    process.exit(130);
  });
  return end;
}

/** What one manager is at. */
class Look {
  sentences: readonly string[] = [];
  readonly #manager: Reached;
  readonly #app: string | undefined;
  readonly #ended: AbortSignal;
  #isDue = false;

  constructor(manager: Reached, app: string | undefined, ended: AbortSignal) {
    this.#manager = manager;
    this.#app = app;
    this.#ended = ended;
  }

  /** A progress line is worth no error: where it cannot be had there is none. */
  async keepOn(paint: () => void): Promise<void> {
    try {
      for await (const _event of this.#manager.client.events(this.#ended)) void this.#lookSoon(paint);
    } catch {}
  }

  async #lookSoon(paint: () => void): Promise<void> {
    if (this.#isDue) return;
    this.#isDue = true;
    await new Promise((resolve) => setTimeout(resolve, shortestMs));
    this.#isDue = false;
    try {
      const { apps } = await this.#manager.client.status(this.#app);
      if (this.#ended.aborted) return;
      this.sentences = apps.flatMap(progressOf);
      paint();
    } catch {}
  }
}

/** `blog: 2 of 4 workers replaced`; nothing of an app that rests. */
export function progressOf({ app, state, roll, ready, wanted, workers }: AppStatus): string[] {
  const living = workers.filter(({ pid }) => pid !== null).length;
  if (roll !== null) return [`${app}: ${roll.done} of ${roll.of} workers replaced`];
  if (state === "stopping" || living > wanted) return [`${app}: ${count(living - wanted)} to end`];
  return ready < wanted ? [`${app}: ${ready} of ${count(wanted)} ready`] : [];
}

function count(workers: number): string {
  return `${workers} ${workers === 1 ? "worker" : "workers"}`;
}
