/** What a log is, and how a record looks as a line of it: JSON for programs, readable for people. The manager's log and the apps' output files share it. */
import { prettyFactory } from "pino-pretty";
import type { LogFormat } from "../config/app.ts";
import { visible } from "../observe/visible.ts";

export type Fields = Readonly<{ [name: string]: unknown }>;

export interface LogOptions {
  readonly format: LogFormat;
  /** Absent: standard error. */
  readonly file?: string;
}

export interface Log {
  /** A record of the manager itself: never dropped. */
  say(level: "debug" | "info" | "warn" | "error", fields: Fields, message: string): void;
  /** A line of a worker, its time among the fields; false where it was dropped because the log is written too slowly. */
  pass(fields: Fields, message: string): boolean;
  /** Opens the file again, after it was renamed by a log rotation. */
  reopen(): void;
  /** Writes what is left, waits at most `timeoutMs` for a slow reader. */
  close(timeoutMs: number): Promise<void>;
}

/** As pino writes it, but for fields that bring a level and a time of their own. */
export function jsonLine(fields: Fields, message: string): string {
  return `${JSON.stringify({ level: "info", ...fields, msg: message })}\n`;
}

/** From a line of JSON to what is written there. */
export function formatFor(options: LogOptions): (line: string) => string {
  return isPretty(options) ? prettyFormat(options) : (line) => line;
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
