/** Whether the web server may keep its connections between requests: a kept one occupies a worker that does nothing. */
import type { Mounted } from "./web-site.ts";

/** This part of the workers may be held by idle connections. */
const idleShare = 4;
/** More bring nothing. */
const mostKept = 32;
/** Where a worker takes as many as come. */
const usualKept = 8;

/**
 * How many idle connections each of so many processes of the web server may keep; 0: none. All together they take at most a
 * quarter of what the workers can hold, so that new connections always find one. Unknown workers bear none. Nor does a program
 * that closes connections on its own: nginx answers a POST that crosses such an end with 502 (Ruby: one in 10 to 30, measured).
 */
export function keptConnections({ app }: Mounted, serverProcesses: number): number {
  if (!app.keepsConnections || app.connections === undefined) return 0;
  if (app.connections === "any") return usualKept;
  return Math.min(mostKept, Math.floor(app.connections / (idleShare * Math.max(1, serverProcesses))));
}

/** Sentences, for a comment. */
export function explainKept({ app }: Mounted, kept: number, serverProcesses: number): string {
  const { connections } = app;
  const processes = serverProcesses === 1 ? "one process" : `each of ${serverProcesses} processes`;
  if (kept > 0 && connections === "any")
    return `A worker takes as many connections as come: ${kept} idle ones may be kept.`;
  if (kept > 0)
    return `The workers take ${connections} connections at once: ${processes} may keep ${kept} that are idle, at most a quarter of all.`;
  return `No connections are kept: an idle one occupies a worker, and ${whyNone(app)}.`;
}

function whyNone({ keepsConnections, connections }: Mounted["app"]): string {
  if (!keepsConnections) return "whether this program keeps its end open is not known (Ruby's library does not)";
  if (connections === undefined) return "it is not known how many workers there are";
  return `the workers take ${connections} ${connections === 1 ? "connection" : "connections"} at once`;
}
