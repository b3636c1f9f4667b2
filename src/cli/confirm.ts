/** Asks before something is changed. */
import { createInterface } from "node:readline/promises";
import { FcgiPmError } from "../errors.ts";

/** True where the answer is yes, or was given as `--yes`. Without a terminal nobody can answer: an error. */
export async function confirm(isAnswered: boolean): Promise<boolean> {
  if (isAnswered) return true;
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true)
    throw new FcgiPmError("FCGI_PM_USAGE_WRONG", "Cannot ask whether to go on: this is no terminal", {
      remedy: "--yes goes on without a question, --dry-run shows what would be done",
    });
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await lines.question("Go on? [y/N] ")).trim());
  } finally {
    lines.close();
  }
}
