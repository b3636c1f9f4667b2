/**
 * One stream of notices and workers' lines. Its subscribers: the log, the apps' output files, the last lines in memory,
 * whoever follows.
 */
import type { App, LogFormat } from "../config/app.ts";
import { Recent, type RecentQuery } from "../observe/recent.ts";
import type { LineRecord } from "../observe/record.ts";
import type { EventLine, LogLine } from "../observe/story.ts";
import { nowMs } from "../os/clock.ts";
import type { Fields, Log } from "../os/log.ts";
import { Followers } from "./followers.ts";
import { LateLog } from "./late-log.ts";
import { levelOf, type Notice, sentenceOf } from "./notices.ts";
import { Outputs } from "./outputs.ts";

export interface Journal {
  /** `more`: fields that only the shell knows, such as a dead worker's last lines. */
  tell(app: App["name"] | undefined, notice: Notice, more?: Fields): void;
  line(record: LineRecord): void;
  attach(log: Log): void;
  /**
   * From this call on the lines of this app's workers go to its output file, if it has one, else to the log; its notices
   * go to both. The file looks as a log of this format. Never fails: what is wrong with the file is told. Resolves when it
   * is open, or when that is told.
   */
  openOutput(app: App, format: LogFormat): Promise<void>;
  closeOutput(app: App["name"]): Promise<void>;
  /** Opens the log and the output files again. */
  reopen(): void;
  /** The last lines that fit the query, the oldest first. */
  recent(query: RecentQuery): readonly LogLine[];
  /** What is said of an app that is gone needs no memory. */
  forget(app: App["name"]): void;
  /** Calls back for lines and notices of apps, but for those of level debug, until the function it gives is called. */
  followLines(onLine: (line: LogLine) => void): () => void;
  /** Calls back for every notice, until the function it gives is called. */
  followEvents(onEvent: (event: EventLine) => void): () => void;
  close(timeoutMs: number): Promise<void>;
}

/** At the end the log has this much time at least, however long the output files took. */
const leastLogMs = 100;

export function openJournal(): Journal {
  const recent = new Recent();
  const lines = new Followers<LogLine>();
  const events = new Followers<EventLine>();
  const log = new LateLog((dropped) => tell(undefined, { type: "log.dropped", lines: dropped }));
  const outputs = new Outputs({
    tell: (app, notice) => tell(app, notice),
    log: (record) => log.pass(record),
  });

  const publish = (line: LogLine) => {
    recent.push(line);
    lines.tell(() => line);
  };
  const tell: Journal["tell"] = (app, notice, more) => {
    const [time, level, msg] = [new Date().toISOString(), levelOf(notice), sentenceOf(notice)];
    const fields = fieldsOf(app, notice, more);
    log.say(level, fields, msg);
    events.tell(() => ({ time, level, ...fields, msg }));
    if (app === undefined || level === "debug") return;
    outputs.write(app, { fields: { level, time, ...fields }, message: msg, text: msg }, true);
    publish(noticeLine(time, app, notice, msg));
  };
  const line: Journal["line"] = (record) => {
    if (!outputs.write(record.source.app, record, false)) log.pass(record);
    publish(workerLine(record));
  };
  const close: Journal["close"] = async (timeoutMs) => {
    const endMs = nowMs() + timeoutMs;
    await outputs.closeAll(timeoutMs);
    await log.close(Math.max(leastLogMs, endMs - nowMs()));
  };
  return {
    tell,
    line,
    attach: (opened) => log.attach(opened),
    openOutput: (app, format) => outputs.open(app, format),
    closeOutput: (app) => outputs.close(app),
    reopen: () => {
      log.reopen();
      outputs.reopen();
    },
    recent: (query) => recent.ask(query),
    forget: (app) => recent.forget(app),
    followLines: (onLine) => lines.follow(onLine),
    followEvents: (onEvent) => events.follow(onEvent),
    close,
  };
}

function fieldsOf(app: string | undefined, notice: Notice, more: Fields | undefined) {
  const { type, number, ...fields } = notice as Notice & { number?: number };
  const where = { ...(app === undefined ? {} : { app }), ...(number === undefined ? {} : { worker: number }) };
  return { ...where, notice: type, ...fields, ...more };
}

function noticeLine(time: string, app: string, notice: Notice, text: string): LogLine {
  const { type, number, pid } = notice as Notice & { number?: number; pid?: number };
  const whose = { ...(number === undefined ? {} : { worker: number }), ...(pid === undefined ? {} : { pid }) };
  return { time, app, ...whose, notice: type, text };
}

function workerLine({ time, source, text }: LineRecord): LogLine {
  const { app, worker, pid, stream } = source;
  // What was written before there was a process has no pid.
  return { time, app, worker, ...(pid === 0 ? {} : { pid }), stream, text };
}
