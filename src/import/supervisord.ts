/** supervisord.conf to apps: programs, groups, and what supervisord itself is told. */

import type { Draft, Given, Imported, Remark, World } from "./draft.ts";
import { isVariableName, remark } from "./draft.ts";
import { parsePairs } from "./environment-pairs.ts";
import { lookUp } from "./look-up.ts";
import { formatPython } from "./python-format.ts";
import { modeText } from "./rules.ts";
import type { FiledSection } from "./supervisord-files.ts";
import { commonExpansions, readSupervisord } from "./supervisord-files.ts";
import { draftsOf, splitName } from "./supervisord-program.ts";

/** Reads a main file with all that it includes. */
export function importSupervisord(file: string, text: string, world: World): Imported {
  const remarks: Remark[] = [];
  const sections = readSupervisord(file, text, world, remarks);
  const groups = groupsOf(sections);
  const daemon = sections.find(({ name }) => name === "supervisord");
  const variables = daemon === undefined ? new Map<string, string>() : variablesOf(daemon, world, remarks);
  const inherited = daemon === undefined ? new Map() : inheritedFrom(daemon);
  const apps: Draft[] = [];
  for (const section of sections) {
    const [kind, name] = splitName(section.name);
    if (kind === "program" || kind === "fcgi-program")
      apps.push(...draftsOf(section, { world, file, group: groups.get(name) ?? name, variables, inherited }));
    else for (const given of givenOf(section)) takeOther(kind, given, remarks);
  }
  return { apps, remarks, differences };
}

const differences = [
  "Programs of supervisord inherit its environment; workers get a clean one, and what env, env-file and pass-env add.",
  "The listener stays open while no worker lives; supervisord closes it with the last one.",
];

/** The group of a program, by its name. */
function groupsOf(sections: readonly FiledSection[]): Map<string, string> {
  const groups = new Map<string, string>();
  for (const { name, options } of sections) {
    const [kind, group] = splitName(name);
    if (kind !== "group") continue;
    for (const program of (options.get("programs")?.value ?? "").split(",")) groups.set(program.trim(), group);
  }
  return groups;
}

function givenOf({ name, file, line, options }: FiledSection): (Given & { readonly option: string })[] {
  const all = [...options].map(([option, { value, line: at, file: own }]) => ({
    option,
    origin: { file: own, line: at },
    written: `[${name}] ${option}=${value}`,
    value,
  }));
  return all.length > 0 ? all : [{ option: "", origin: { file, line }, written: `[${name}]`, value: "" }];
}

/** `environment` of `[supervisord]`: for every program. */
function variablesOf(daemon: FiledSection, world: World, remarks: Remark[]): Map<string, string> {
  const option = daemon.options.get("environment");
  if (option === undefined) return new Map();
  const given = {
    origin: { file: option.file, line: option.line },
    written: `[supervisord] environment=${option.value}`,
  };
  const expanded = formatPython(option.value, commonExpansions(option.file, world));
  const pairs = "text" in expanded ? parsePairs(expanded.text) : "it has names that cannot be expanded";
  if (typeof pairs !== "string") {
    const wrong = pairs.filter(([name]) => !isVariableName(name)).map(([name]) => name);
    if (wrong.length > 0) remark(remarks, "lost", given, `no name that a shell can carry: "${wrong.join('", "')}"`);
    return new Map(pairs);
  }
  remark(remarks, "lost", given, `${pairs}: write env by hand`);
  return new Map();
}

/** What supervisord becomes, its programs are. Of root nothing is to be said: apps run as the manager does. */
function inheritedFrom({ options }: FiledSection): Map<"user" | "cwd" | "umask", string> {
  const found = new Map<"user" | "cwd" | "umask", string>();
  const get = (name: string) => options.get(name)?.value ?? "";
  const umask = modeText(get("umask"));
  if (/^[^\s:%]+$/.test(get("user")) && get("user") !== "root") found.set("user", get("user"));
  if (/^\/[^%]*$/.test(get("directory"))) found.set("cwd", get("directory"));
  if (umask !== undefined && umask !== "0022") found.set("umask", umask);
  return found;
}

const never =
  "supervisorctl and its interfaces have no counterpart: fcgi-pm's commands ask the control socket of each manager";

/** By section: what to say of every option. */
const sections: Readonly<Record<string, string>> = {
  unix_http_server: never,
  inet_http_server: `${never}; no network port is offered`,
  supervisorctl: never,
  rpcinterface: never,
  ctlplugin: never,
  eventlistener: "there are no event listeners: notices are in the log and in the control API's stream of events",
  group: "apps have no groups: a command takes one app, or all",
};

const daemonOptions: Readonly<Record<string, string>> = {
  // It stays supervisord's own: the two may run side by side for a while.
  logfile: "the manager's log goes to standard error, and so to the journal; log-file in [manager] names a file",
  logfile_maxbytes: "the manager's log-file is not rotated by itself: fcgi-pm generate logrotate",
  logfile_backups: "the manager's log-file is not rotated by itself: fcgi-pm generate logrotate",
  loglevel: "the manager's log has one level",
  pidfile: "there are no pid files: fcgi-pm status finds managers",
  umask: "it is that of every app that has none of its own; 0022 is so anyway",
  nodaemon: "fcgi-pm start stays in the foreground; --daemon detaches",
  silent: "the manager's log goes to standard error or to log-file, not to both",
  minfds: "the service has LimitNOFILE=; rlimits sets the limits of workers",
  minprocs: "the service has LimitNPROC=; rlimits sets the limits of workers",
  nocleanup: "there are no log files by automatic names",
  childlogdir: "there are no log files by automatic names: lines go to the manager's log or to output-file",
  user: "fcgi-pm stays what it was started as; apps without a user of their own have this one, unless it is root",
  directory: "it is the cwd of every app that has none of its own",
  strip_ansi: "control characters in lines of workers are made harmless where they are shown",
  identifier: "managers are told apart by their control sockets",
};

function takeOther(kind: string, given: Given & { readonly option: string }, remarks: Remark[]): void {
  const { option } = given;
  if (kind === "include") return;
  if (kind === "group") remark(remarks, option === "programs" ? "changed" : "lost", given, sections["group"] ?? "");
  else if (kind !== "supervisord")
    remark(remarks, "lost", given, lookUp(sections, kind) ?? "fcgi-pm has nothing of this name");
  else if (option === "environment") remark(remarks, "changed", given, "it stands in env of every app");
  else if (option !== "")
    remark(remarks, "lost", given, lookUp(daemonOptions, option) ?? "fcgi-pm has nothing of this name");
}
