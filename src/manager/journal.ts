/**
 * One stream of notices and workers' lines, with the log as its subscriber. The log is loaded after the first spawns,
 * since it costs some 20 ms; what is said before waits here.
 */
import type { App } from "../config/app.ts";
import type { Record as LineRecord } from "../observe/record.ts";
import type { Fields, Log } from "../os/log.ts";
import { levelOf, type Notice, sentenceOf } from "./notices.ts";

export interface Journal {
  /** `more`: fields that only the shell knows, such as a dead worker's last lines. */
  tell(app: App["name"] | undefined, notice: Notice, more?: Fields): void;
  line(record: LineRecord): void;
  attach(log: Log): void;
  reopen(): void;
  close(timeoutMs: number): Promise<void>;
}

/** Lines kept until the log is there; it takes some milliseconds. */
const mostWaiting = 10_000;

export function openJournal(): Journal {
  let log: Log | undefined;
  let dropped = 0;
  let waiting: ((log: Log) => void)[] = [];
  const write = (action: (log: Log) => void, droppable: boolean) => {
    if (log !== undefined) action(log);
    else if (!droppable || waiting.length < mostWaiting) waiting.push(action);
    else dropped += 1;
  };
  const tell: Journal["tell"] = (app, notice, more) => {
    const { type, number, ...fields } = notice as Notice & { number?: number };
    const where = { ...(app === undefined ? {} : { app }), ...(number === undefined ? {} : { worker: number }) };
    const record = { ...where, notice: type, ...fields, ...more };
    write((there) => there.say(levelOf(notice), record, sentenceOf(notice)), false);
  };
  const pass = (there: Log, record: LineRecord) => {
    if (!there.pass(record.fields, record.message)) dropped += 1;
    else if (dropped > 0) {
      tell(undefined, { type: "log.dropped", lines: dropped });
      dropped = 0;
    }
  };
  return {
    tell,
    line: (record) => write((there) => pass(there, record), true),
    attach: (opened) => {
      log = opened;
      const before = waiting;
      waiting = [];
      for (const action of before) action(opened);
    },
    reopen: () => log?.reopen(),
    close: async (timeoutMs) => {
      if (dropped > 0) tell(undefined, { type: "log.dropped", lines: dropped });
      await log?.close(timeoutMs);
    },
  };
}
