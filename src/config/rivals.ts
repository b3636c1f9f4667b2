/** What only one can have: a name, a listener, a file. Of two apps the later one is told; of an app and the manager, the app. */
import type { App, ManagerWish } from "./app.ts";
import type { KeyPath } from "./problem.ts";
import { formatKeyPath } from "./problem.ts";
import type { Place } from "./read.ts";
import type { ReadApp } from "./read-app.ts";
import { isSameListener, reaches } from "./rules.ts";

/** An app that was found, and where. */
export interface Found extends ReadApp {
  readonly source: Place & { readonly path: string };
  readonly keyPath: KeyPath;
}

/** No two apps have one name, one listener or one output file, and none has what is the manager's. */
export function checkTogether(found: readonly Found[], manager: ManagerWish): void {
  for (const [index, one] of found.entries()) {
    const earlier = found.slice(0, index);
    const namesake = earlier.find((other) => formatKeyPath(other.keyPath) === formatKeyPath(one.keyPath));
    if (namesake !== undefined)
      one.source.report(one.keyPath, `an app of this name stands in ${namesake.source.path}, too`);
    else {
      checkListener(one, earlier, manager);
      checkOutput(one, earlier, manager);
    }
  }
}

/** The manager of flags has no place in a file: its flag is told. */
export function checkManager(manager: ManagerWish, apps: readonly App[], report: Place["report"]): void {
  const writer = apps.find(({ outputFile }) => isSame(outputFile, manager.logFile));
  if (writer !== undefined) report(["log-file"], `the lines of ${writer.name} go there; the manager needs its own`);
  const listener = apps.find(({ listen }) => isSame(pathOf(listen), manager.control));
  if (listener !== undefined) report(["control"], `${listener.name} listens there; the manager needs its own`);
  checkLog(manager, (message) => report(["log-format"], message));
}

/** What goes to journald goes to no file. */
export function checkLog({ logFormat, logFile }: ManagerWish, report: (message: string) => void): void {
  if (logFormat !== "journal" || logFile === undefined) return;
  report("journal cannot stand together with log-file: what journald keeps is in no file; take json or pretty");
}

function checkListener(one: Found, earlier: readonly Found[], manager: ManagerWish): void {
  const { listen, source, keyPath } = one;
  if (listen === undefined) return;
  const rival = earlier.find((other) => areRivals(other, one));
  const key = [...keyPath, listen.kind === "tcp" ? "port" : "socket"];
  if (rival !== undefined) source.report(key, complainOfRival(rival, one));
  else if (isSame(pathOf(listen), manager.control))
    source.report(key, "the control socket of the manager is there; an app needs its own");
}

function complainOfRival(rival: Found, one: Found): string {
  if (one.external !== undefined)
    return `${tell(rival, one)} listens there, and fcgi-pm starts that; leave this one out`;
  if (rival.external !== undefined)
    return `${tell(rival, one)} is external, and listens there; leave one of the two out`;
  return `${tell(rival, one)} listens there already; an app needs its own`;
}

/** What one app listens on, and another one only names, is one app with two names. Two external ones may be at one place. */
function areRivals(one: Found, other: Found): boolean {
  if (one.listen === undefined || other.listen === undefined) return false;
  if (one.external !== undefined && other.external !== undefined) return false;
  if (other.external !== undefined) return reaches(one.listen, other.listen);
  return one.external === undefined ? isSameListener(one.listen, other.listen) : reaches(other.listen, one.listen);
}

function checkOutput(one: Found, earlier: readonly Found[], manager: ManagerWish): void {
  const { outputFile, source } = one;
  const rival = earlier.find((other) => isSame(other.outputFile, outputFile));
  const key = [...one.keyPath, "output-file"];
  if (rival !== undefined)
    source.report(key, `the lines of ${tell(rival, one)} go there already; an app needs its own`);
  else if (isSame(outputFile, manager.logFile))
    source.report(key, "it is the log-file of the manager; an app needs its own");
}

/** `apps.blog`, or `apps.blog in /etc/blog.toml` where that is another file. */
function tell(rival: Found, one: Found): string {
  return `${formatKeyPath(rival.keyPath)}${rival.source === one.source ? "" : ` in ${rival.source.path}`}`;
}

function pathOf(listen: App["listen"]): string | undefined {
  return listen.kind === "unix" ? listen.path : undefined;
}

/** Two paths that nobody has named are not the same one. */
function isSame(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && one === other;
}
