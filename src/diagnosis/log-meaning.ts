/** What a line of a web server's log can mean, whichever server wrote it. */
import type { Level } from "./finding.ts";

/** `{app}`, `{path}` and `{where}` stand for the app, its socket, and the flag that names it. */
export interface Meaning {
  /** Its heading in docs/troubleshooting.md. */
  readonly title: string;
  readonly level: Level;
  /** One sentence, without a full stop. */
  readonly what: string;
  /** What usually causes it, the commonest first. */
  readonly causes: readonly string[];
  /** The commands that show which of these it is. */
  readonly proof: readonly string[];
  /** Each a command to type or a line to change. */
  readonly remedy: readonly string[];
  /** What of the live app tells more: how its socket stands, what it answers, or nothing. */
  readonly look: "socket" | "answer" | "nothing";
}

/** Commands that prove many things. */
export const doctor = "fcgi-pm doctor {app}";
export const request = "fcgi-pm request / {where} -v";
export const statusOf = "fcgi-pm status {app}";
export const logsOf = "fcgi-pm logs {app}";
