/** The manager's log: pino's records, JSON or readable, to standard error or a file, through a bounded buffer. */
import pino from "pino";
import { prettyFactory } from "pino-pretty";
import { SonicBoom } from "sonic-boom";
import type { LogFormat } from "../config/app.ts";
import { FcgiPmError } from "../errors.ts";

export type Fields = Readonly<{ [name: string]: unknown }>;

export interface LogOptions {
  readonly format: LogFormat;
  /** Absent: standard error. */
  readonly file?: string;
}

export interface Log {
  /** A record of the manager itself: never dropped. */
  say(level: "debug" | "info" | "warn" | "error", fields: Fields, message: string): void;
  /** A line of a worker; false where it was dropped because the log is written too slowly. */
  pass(fields: Fields, message: string): boolean;
  /** Opens the file again, after it was renamed by a log rotation. */
  reopen(): void;
  /** Writes what is left, waits at most `timeoutMs` for a slow reader. */
  close(timeoutMs: number): Promise<void>;
}

/** Unwritten bytes past which lines of workers are dropped: a slow reader never stops a worker. */
const mostPending = 4 * 1024 * 1024;

/** Opens the log; throws FCGI_PM_LOG_UNWRITABLE. */
export function openLog(options: LogOptions): Log {
  const boom = openDestination(options);
  let pending = 0;
  boom.on("write", (bytes) => {
    pending -= bytes;
  });
  boom.on("error", () => {}); // the reader of our stderr is gone: there is nobody to tell
  const format = isPretty(options) ? prettyFormat(options) : undefined;
  const write = (line: string) => {
    const text = format === undefined ? line : format(line);
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
      write(`${JSON.stringify({ level: "info", time: new Date().toISOString(), ...fields, msg: message })}\n`);
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

function isPretty(options: LogOptions): boolean {
  if (options.format === "auto") return options.file === undefined && process.stderr.isTTY === true;
  return options.format === "pretty";
}

/** For people: time, level, `[app/worker]`, text. What a worker writes cannot move the cursor or change colours. */
function prettyFormat(options: LogOptions): (line: string) => string {
  const colorize = options.file === undefined && process.stderr.isTTY === true && process.env["NO_COLOR"] === undefined;
  const common = { colorize, translateTime: "SYS:HH:MM:ss.l", ignore: "pid,stream,app,worker,notice" };
  const messageFormat = (record: { [name: string]: unknown }) => describe(record);
  const plain = prettyFactory({ ...common, hideObject: true, messageFormat });
  const withFields = prettyFactory({ ...common, singleLine: true, messageFormat });
  // Records of the manager say all in their sentence; a worker's own JSON has fields to show.
  return (line) => (line.includes('"stream":') ? withFields : plain)(line);
}

function describe(record: { [name: string]: unknown }): string {
  const { app, worker, stream, msg } = record;
  const place = app === undefined ? "" : stream === undefined ? `[${app}] ` : `[${app}/${worker}] `;
  const lastLines = Array.isArray(record["lastLines"]) ? record["lastLines"].map((text) => `\n    | ${text}`) : [];
  return visible(`${place}${msg}${lastLines.join("")}`);
}

function visible(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (char) => {
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
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
