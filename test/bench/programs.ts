/** The programs that the managers run: C programs of fixtures/apps, on libfcgi. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { appSources, scratch } from "./places.ts";

export interface Program {
  readonly path: string;
  /** How long it boots before it serves. */
  readonly bootMs: number;
}

const compiled = new Map<string, string>();

/** Compiles it, the first time. */
function pathOf(name: string): string {
  const path = compiled.get(name) ?? join(scratch(), name);
  if (!compiled.has(name)) {
    execFileSync("gcc", ["-O1", "-pthread", "-o", path, join(appSources, `${name}.c`), "-lfcgi"]);
    compiled.set(name, path);
  }
  return path;
}

/** Finishes its request on SIGTERM. */
export function echo(): Program {
  return { path: pathOf("echo"), bootMs: 0 };
}

/** SIGTERM ends it in the middle of a request. */
export function diesOnSigterm(): Program {
  return { path: pathOf("dies-on-sigterm"), bootMs: 0 };
}

/** Boots for half a second. Finishes its request on SIGTERM. */
export function slowToStart(): Program {
  return { path: pathOf("slow-to-start"), bootMs: 500 };
}

/** What every echo is asked for in order to take about a millisecond, most of it asleep. */
export const oneMillisecond = "sleep=1";
