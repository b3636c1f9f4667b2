/** What somebody meant who wrote an unknown key. */
import { closest, distance } from "fastest-levenshtein";
import { appKeys, fileKeys, fileTables, managerKeys } from "./keys.ts";

/** The words of other systems for what fcgi-pm calls otherwise. */
const otherWords: ReadonlyMap<string, string> = new Map([
  ["numprocs", "processes"],
  ["workers", "processes"],
  ["children", "processes"],
  ["max-procs", "processes"],
  ["max-children", "processes"],
  ["instances", "processes"],
  ["exec", "command"],
  ["program", "command"],
  ["bin-path", "command"],
  ["cmd", "command"],
  ["script", "command"],
  ["wsgi-app", "wsgi"],
  ["wsgi-file", "wsgi"],
  ["virtualenv", "python"],
  ["venv", "python"],
  ["interpreter", "python"],
  ["backlog", "listen-queue-depth"],
  ["directory", "cwd"],
  ["chdir", "cwd"],
  ["working-directory", "cwd"],
  ["environment", "env"],
  ["initial-env", "env"],
  ["environment-file", "env-file"],
  ["uid", "user"],
  ["gid", "group"],
  ["mode", "socket-mode"],
  ["socket-chmod", "socket-mode"],
  ["owner", "socket-owner"],
  ["nice", "priority"],
  ["stopsignal", "stop-signal"],
  ["stopwaitsecs", "stop-timeout"],
  ["startsecs", "start-grace"],
  ["stdout-logfile", "output-file"],
  ["stdout-logfile-maxbytes", "output-max-size"],
  ["stdout-logfile-backups", "output-keep"],
]);

const homes: readonly { readonly keys: object; readonly home: string }[] = [
  { keys: appKeys, home: "[apps.NAME]" },
  { keys: managerKeys, home: "[manager]" },
  { keys: fileKeys, home: "the top of the file" },
];

/** `unknown key, did you mean "processes"?`; `valid` are the keys that may stand in its place. */
export function complainOfUnknownKey(name: string, valid: readonly string[]): string {
  const spelled = kebab(name);
  const other = otherWords.get(spelled);
  if (other !== undefined && valid.includes(other)) return `unknown key, fcgi-pm calls it "${other}"`;
  const near = findNear(spelled, valid);
  if (near !== undefined) return `unknown key, did you mean "${near}"?`;
  const home = homes.find(({ keys }) => Object.hasOwn(keys, spelled))?.home;
  return home === undefined ? "unknown key" : `unknown key here: "${spelled}" belongs to ${home}`;
}

/** The keys and tables of a main file. */
export const topNames: readonly string[] = [...Object.keys(fileKeys), ...fileTables];

/** One slip in a short word, two in a longer one. More is another word. */
function findNear(name: string, valid: readonly string[]): string | undefined {
  const near = closest(name.slice(0, 100), valid);
  return distance(name, near) <= (near.length < 6 ? 1 : 2) ? near : undefined;
}

/** `listenQueueDepth` and `listen_queue_depth` are `listen-queue-depth`. */
function kebab(name: string): string {
  return name
    .replaceAll("_", "-")
    .replace(/([a-z])([A-Z])/g, "$1-$2")
    .toLowerCase();
}
