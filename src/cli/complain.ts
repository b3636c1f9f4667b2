/** How a failure looks: what, where, why, and the remedy. */
import { FcgiPmError } from "../errors.ts";
import { oneCell } from "../observe/width.ts";
import { sayError, sayWarning } from "../os/journal-stream.ts";

/** How errors are written to standard error: for people, or as one JSON object each. */
export type Tongue = "words" | "json";

/** Writes the error to stderr and gives the exit status. Anything but an expected failure is a bug and shows where it came from. */
export function complain(error: unknown, tongue: Tongue = "words"): number {
  if (error instanceof FcgiPmError) {
    if (tongue === "json") process.stderr.write(jsonOf(error));
    else sayError(wordsOf(error));
    return error.exitStatus;
  }
  if (isWithoutDirectory(error)) return complain(withoutDirectory, tongue);
  const what = error instanceof Error ? error.stack : String(error);
  if (tongue === "json") return complain(new FcgiPmError("FCGI_PM_BUG", String(what)), tongue);
  sayError(`error: this is a bug in fcgi-pm\n${what}\n`);
  return 1;
}

/** A shell can stand in a directory that somebody has removed. Node asks for it wherever a relative path is read. */
function isWithoutDirectory(error: unknown): boolean {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  return code === "ENOENT" && syscall === "uv_cwd";
}

const withoutDirectory = new FcgiPmError(
  "FCGI_PM_SYSTEM_CALL_FAILED",
  "Cannot work here: the current directory is gone",
  {
    remedy: "cd /",
  },
);

/** What works now, and may not for long. */
export function warn(message: string, remedy: string): void {
  sayWarning(`warning: ${message}\n  try: ${remedy}\n`);
}

function wordsOf(error: FcgiPmError): string {
  const words = error.details.flatMap(lastLinesOf).map((line) => `    | ${oneCell(line)}\n`);
  return `error: ${error.message}\n${words.join("")}  try: ${error.remedy}\n`;
}

/** What a worker wrote last, where that is why. */
function lastLinesOf(detail: object): readonly string[] {
  const { lastLines = [] } = detail as { lastLines?: readonly string[] };
  return lastLines;
}

function jsonOf({ code, message, remedy, details }: FcgiPmError): string {
  const more = details.length === 0 ? {} : { details };
  return `${JSON.stringify({ error: { code, message, remedy, ...more } })}\n`;
}
