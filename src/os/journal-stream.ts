/** The stream that systemd gives a service for its standard error, and that journald reads line by line. */
import { fstatSync } from "node:fs";

/**
 * Is standard error the journal? systemd names device and inode of the stream in JOURNAL_STREAM (systemd.exec(5)); who
 * is started with another standard error may have inherited the variable all the same.
 */
export function isJournalStream(env: NodeJS.ProcessEnv, fd = 2): boolean {
  const stream = env["JOURNAL_STREAM"];
  if (stream === undefined || stream === "") return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false; // closed
  }
}

/** Writes to standard error; what keeps a service from running is found in the journal among the errors. */
export function sayError(text: string): void {
  process.stderr.write(isJournalStream(process.env) ? asErrors(text) : text);
}

/** The same among the warnings. */
export function sayWarning(text: string): void {
  process.stderr.write(isJournalStream(process.env) ? withPriority(4, text) : text);
}

/** Each line with the priority of an error. */
export function asErrors(text: string): string {
  return withPriority(3, text);
}

/** As journald takes it from a stream: sd-daemon(3). */
function withPriority(priority: number, text: string): string {
  return text.replace(/^(?=.)/gm, `<${priority}>`);
}
