/** Which web servers run on this machine, as whom, and what their configs say of a socket. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { allPids } from "../os/proc-files.ts";
import { namespaceOf, type ProcessView, viewProcess } from "../os/process-view.ts";
import { processName } from "../os/procfs.ts";

/** Those that are known by name, with where their configs lie as a rule. */
const known: ReadonlyMap<string, readonly string[]> = new Map([
  ["nginx", ["/etc/nginx"]],
  ["angie", ["/etc/angie"]],
  ["openresty", ["/usr/local/openresty/nginx/conf"]],
  ["apache2", ["/etc/apache2"]],
  ["httpd", ["/etc/httpd"]],
  ["lighttpd", ["/etc/lighttpd"]],
  ["caddy", ["/etc/caddy"]],
  ["haproxy", ["/etc/haproxy"]],
  ["h2o", ["/etc/h2o"]],
]);

/** One of its processes that serves. */
export interface WebServer extends ProcessView {
  readonly mountNamespace: string | undefined;
  /** It runs in a container: another list of processes. */
  readonly isContained: boolean;
}

/** One process for each server, user and file system. Masters that only start workers are left out. */
export function runningWebServers(): WebServer[] {
  const servers = allPids()
    .filter((pid) => known.has(processName(pid) ?? ""))
    .flatMap((pid) => viewWebServer(pid) ?? []);
  const serving = servers.filter(
    ({ pid, name }) => !servers.some((other) => other.parent === pid && other.name === name),
  );
  return firstOfEach(serving, ({ name, user, mountNamespace }) => `${name} ${user} ${mountNamespace}`);
}

export function viewWebServer(pid: number): WebServer | undefined {
  const view = viewProcess(pid);
  if (view === undefined) return undefined;
  const mountNamespace = namespaceOf(pid, "mnt");
  return { ...view, mountNamespace, isContained: namespaceOf(pid, "pid") !== namespaceOf("self", "pid") };
}

/** `nginx (process 4711)`. */
export function nameOf({ name, pid }: WebServer): string {
  return `${name} (process ${pid})`;
}

function firstOfEach<T>(all: readonly T[], keyOf: (one: T) => string): T[] {
  return [...new Map(all.toReversed().map((one) => [keyOf(one), one])).values()].toReversed();
}

/** The file of this server's config that has the text, such as the path of a socket. */
export function configNaming(server: WebServer, text: string): string | undefined {
  return configFilesOf(server).find((file) => readSmall(file).includes(text));
}

/** Configs are a handful of small files; what is more than that is something else. */
const mostFiles = 400;
const mostBytes = 256 * 1024;

/** Beside a file that the command line names lie those that it includes; the usual directories have further ones in them. */
function configFilesOf({ pid, name }: WebServer): string[] {
  const usual = (known.get(name) ?? []).flatMap((directory) => listFiles(directory, true));
  const named = namedConfigs(pid).flatMap((file) => [file, ...listFiles(dirname(file), false)]);
  return [...new Set([...named, ...usual])].slice(0, mostFiles);
}

/** What the command line names by -c or -f, as all of these do; of a worker that of its master counts. */
function namedConfigs(pid: number): string[] {
  const words = [pid, viewProcess(pid)?.parent ?? 0].flatMap((each) =>
    readSmall(`/proc/${each}/cmdline`).split(/[\0 ]/),
  );
  const flags = new Set(["-c", "-f", "--config"]);
  return words.filter((word, at) => word.startsWith("/") && flags.has(words[at - 1] ?? ""));
}

function listFiles(directory: string, recursive: boolean): string[] {
  try {
    return readdirSync(directory, { recursive, encoding: "utf8" }).map((file) => join(directory, file));
  } catch {
    return [];
  }
}

/** Empty where it cannot be read, or is no config. */
function readSmall(path: string): string {
  try {
    const file = statSync(path);
    return file.isFile() && file.size <= mostBytes ? readFileSync(path, "utf8") : "";
  } catch {
    return "";
  }
}
