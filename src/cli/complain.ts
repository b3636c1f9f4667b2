/** How a failure looks: what, where, why, and the remedy. */
import { FcgiPmError } from "../errors.ts";

/** Writes the error to stderr and gives the exit status. Anything but an expected failure is a bug and shows where it came from. */
export function complain(error: unknown): number {
  if (error instanceof FcgiPmError) {
    process.stderr.write(`error: ${error.message}\n  try: ${error.remedy}\n`);
    return error.exitStatus;
  }
  process.stderr.write(`error: this is a bug in fcgi-pm\n${error instanceof Error ? error.stack : String(error)}\n`);
  return 1;
}
