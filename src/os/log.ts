/** The manager's log: to journald, or pino's records, JSON or readable, to standard error or a file, through a bounded buffer. */
import pino from "pino";
import { SonicBoom } from "sonic-boom";
import { FcgiPmError } from "../errors.ts";
import { JournalLog } from "./journal-log.ts";
import { isJournalStream } from "./journal-stream.ts";
import { Journald } from "./journald.ts";
import { formatFor, jsonLine, type Log, type LogOptions } from "./log-format.ts";

export type { Fields, Log, LogOptions } from "./log-format.ts";

/** Unwritten bytes past which lines of workers are dropped: a slow reader never stops a worker. */
const mostPending = 4 * 1024 * 1024;

/** Opens the log; throws FCGI_PM_LOG_UNWRITABLE. */
export function openLog(options: LogOptions): Log {
  return isForJournal(options) ? new JournalLog(new Journald(), () => openPlainLog(options)) : openPlainLog(options);
}

/** The log of a manager that systemd has started goes to the journal with its fields, if nobody wants it elsewhere. */
function isForJournal({ format, file }: LogOptions): boolean {
  if (file !== undefined) return false;
  return format === "journal" || (format === "auto" && isJournalStream(process.env));
}

/** To standard error or a file. */
function openPlainLog(options: LogOptions): Log {
  const boom = openDestination(options);
  let pending = 0;
  boom.on("write", (bytes) => {
    pending -= bytes;
  });
  boom.on("error", () => {}); // the reader of our stderr is gone: there is nobody to tell
  const format = formatFor(options);
  const write = (line: string) => {
    const text = format(line);
    pending += Buffer.byteLength(text);
    boom.write(text);
  };
  const logger = pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    { write },
  );
  return {
    say: (level, fields, message) => logger[level](fields, message),
    pass: (fields, message) => {
      if (pending > mostPending) return false;
      // A line may bring a level and a time of its own, so that it cannot go through pino, which writes its own first.
      write(jsonLine(fields, message));
      return true;
    },
    reopen: () => {
      if (options.file !== undefined) boom.reopen();
    },
    close: (timeoutMs) => close(boom, timeoutMs),
  };
}

function openDestination(options: LogOptions): SonicBoom {
  if (options.file === undefined) return new SonicBoom({ fd: 2, sync: false });
  try {
    return new SonicBoom({ dest: options.file, sync: false, append: true, mode: 0o640 });
  } catch (error) {
    throw new FcgiPmError(
      "FCGI_PM_LOG_UNWRITABLE",
      `Cannot write the log "${options.file}": ${(error as Error).message}`,
    );
  }
}

/** Resolves when all is written, or when a slow reader has used up its time. */
function close(boom: SonicBoom, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    boom.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
    boom.end();
  });
}
