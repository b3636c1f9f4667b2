/** The output files of those apps that have one. */
import type { App, LogFormat } from "../config/app.ts";
import type { Record } from "../observe/record.ts";
import { OutputFile, type OutputHearer, type OutputSettings } from "../os/output-file.ts";
import type { Notice } from "./notices.ts";

/** How long a slow disk may keep an app's file from being closed. */
const closeMs = 2000;

interface Open {
  readonly settings: OutputSettings;
  readonly file: OutputFile;
}

export interface OutputsParts {
  tell(app: string, notice: Notice): void;
  /** Takes the lines that no file takes. */
  log(record: Record): void;
}

export class Outputs {
  readonly #parts: OutputsParts;
  readonly #open = new Map<string, Open>();

  constructor(parts: OutputsParts) {
    this.#parts = parts;
  }

  /** From now on the app's lines go where its settings say. Resolves when the file is open, or when it is told why not. */
  open(app: App, format: LogFormat): Promise<void> {
    const settings = settingsOf(app, format);
    const there = this.#open.get(app.name);
    if (there !== undefined && isSame(there.settings, settings)) return there.file.opened;
    const closed = this.close(app.name);
    if (settings === undefined) return closed;
    const file = new OutputFile(settings, this.#hearerOf(app.name, settings.path), closed);
    this.#open.set(app.name, { settings, file });
    return file.opened;
  }

  /** False: the app has no file, or none that can be written. */
  write(app: string, record: Record, isNotice: boolean): boolean {
    return this.#open.get(app)?.file.write(record, isNotice) ?? false;
  }

  reopen(): void {
    for (const { file } of this.#open.values()) file.reopen();
  }

  async close(app: string, timeoutMs = closeMs): Promise<void> {
    const there = this.#open.get(app);
    this.#open.delete(app);
    await there?.file.close(timeoutMs);
  }

  async closeAll(timeoutMs: number): Promise<void> {
    await Promise.all([...this.#open.keys()].map((app) => this.close(app, timeoutMs)));
  }

  #hearerOf(app: string, file: string): OutputHearer {
    const { tell, log } = this.#parts;
    return {
      failed: (reason) => tell(app, { type: "output.unwritable", file, reason }),
      mended: () => tell(app, { type: "output.mended", file }),
      dropped: (lines) => tell(app, { type: "log.dropped", lines, file }),
      unwritten: (records) => {
        for (const record of records) log(record);
      },
    };
  }
}

function settingsOf(app: App, format: LogFormat): OutputSettings | undefined {
  const { outputFile: path, outputMaxSize: maxSize, outputMaxAgeMs: maxAgeMs, outputKeep: keep } = app;
  if (path === undefined) return undefined;
  return { path, maxSize, keep, format, ...(maxAgeMs === undefined ? {} : { maxAgeMs }) };
}

function isSame(one: OutputSettings, other: OutputSettings | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
