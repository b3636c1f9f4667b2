/** Where things lie. The bundle that runs this is as deep in the tree as its sources (see the script in package.json). */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

/** fcgi-pm as people run it: the built bundle. */
export const fcgiPm = join(root, "bin/fcgi-pm.js");
export const benchSources = join(root, "test/bench");
export const appSources = join(root, "fixtures/apps");
export const performancePage = join(root, "docs/performance.md");

let directory: string | undefined;

/** A directory of this run, short enough for socket paths. */
export function scratch(): string {
  directory ??= mkdtempSync(join(tmpdir(), "fpm-bench-"));
  return directory;
}

export function discardScratch(): void {
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
}

/** A socket path that nobody has. Every start gets a new one, so that nobody has to clean up after another. */
export function freshSocket(): string {
  sockets += 1;
  return join(scratch(), `${sockets}.sock`);
}

let sockets = 0;
