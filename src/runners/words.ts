/** What the runner says, on standard error: the manager's log. */
import { writeSync } from "node:fs";
import { userInfo } from "node:os";

/** Straight to the descriptor: it is written before we exit, and nobody's stream is touched. */
export function tell(text: string): void {
  try {
    writeSync(2, `${text}\n`);
  } catch {
    // Nobody is there to be told.
  }
}

/** `as www-data in /srv/blog, by Node 22.18.0`: what is asked first when a module works for its author only. */
export function circumstances(): string {
  return `as ${userName()} in ${process.cwd()}, by Node ${process.versions.node}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.()}`;
  }
}
