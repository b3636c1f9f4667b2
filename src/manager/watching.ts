/** Reloads an app when files that it names change. Off unless an app asks for it. */
import type { App } from "../config/app.ts";
import type { FileWatch } from "../os/file-watch.ts";
import type { Hall } from "./hall.ts";
import type { Reloads } from "./reloads.ts";

export class Watching {
  readonly #hall: Hall;
  readonly #reloads: Reloads;
  readonly #watches = new Map<App["name"], { readonly paths: string; readonly watch: Promise<FileWatch> }>();

  constructor(hall: Hall, reloads: Reloads) {
    this.#hall = hall;
    this.#reloads = reloads;
  }

  /** What these apps watch is watched, and nothing else. */
  watch(apps: readonly App[]): void {
    for (const [name, { paths }] of this.#watches) {
      const app = apps.find((one) => one.name === name);
      if (app === undefined || app.watch.join("\0") !== paths) this.#end(name);
    }
    for (const app of apps) if (app.watch.length > 0 && !this.#watches.has(app.name)) this.#begin(app);
  }

  async close(): Promise<void> {
    const watches = [...this.#watches.values()];
    this.#watches.clear();
    for (const { watch } of watches) await (await watch).close();
  }

  #begin(app: App): void {
    const onQuiet = (path: string) => void this.#touched(app.name, path);
    const watch = import("../os/file-watch.ts")
      .then(({ watchFiles }) => watchFiles(app.watch, onQuiet))
      .catch((error: Error) => {
        this.#hall.journal.tell(app.name, { type: "app.unwatched", reason: error.message });
        return { close: async () => {} };
      });
    this.#watches.set(app.name, { paths: app.watch.join("\0"), watch });
  }

  #end(name: string): void {
    void this.#watches.get(name)?.watch.then((watch) => watch.close());
    this.#watches.delete(name);
  }

  async #touched(app: string, path: string): Promise<void> {
    const { journal } = this.#hall;
    journal.tell(app, { type: "app.touched", path });
    try {
      await this.#reloads.reload(app, {});
    } catch (error) {
      journal.tell(undefined, { type: "manager.refuses-reload", reason: (error as Error).message });
    }
  }
}
