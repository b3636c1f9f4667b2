/** A program of anybody's that listens and does not serve. Facts in, findings out. */
import type { Finding } from "./finding.ts";

export function foreignQueueFull(
  where: string,
  queue: { readonly length: number; readonly limit: number },
  who: string,
): Finding {
  return {
    code: "live.queue-full",
    level: "broken",
    what: `the queue of ${where} is full: ${queue.length} connections wait, ${queue.limit} may, and web servers get "(11: Resource temporarily unavailable)"`,
    seen: [`${who} there, and accepts too slowly or not at all`],
    remedy: [
      "pm.max_children = 20   # php-fpm: more workers; others have their own setting",
      "ps -o pid,stat,wchan:20,args -p PID   # what does the program wait for?",
    ],
  };
}

export function foreignStopped(where: string, pids: readonly number[]): Finding {
  return {
    code: "live.workers-stopped",
    level: "broken",
    what: `everybody who listens at ${where} is stopped (state T): nobody answers`,
    seen: [`state T: process ${pids.join(", ")}`],
    remedy: [`kill -CONT ${pids.join(" ")}`],
  };
}

/** The doctor himself is not let in. */
export function notAsked(path: string, user: string): Finding {
  return {
    code: "live.not-asked",
    level: "note",
    what: `${user} may not connect to ${path}, so nothing was asked there`,
    seen: ["the web server may be another user, who may"],
    remedy: ["run this command as root, or as the web server's user"],
  };
}
