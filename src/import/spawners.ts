/** spawn-fcgi 1.6 and multiwatch 1.0: every flag of their manual pages. */

import { dropSocketOnly, setPort, setSocket, setSocketOwner } from "./addresses.ts";
import type { Draft, Given } from "./draft.ts";
import { envOf, numberOf, remark } from "./draft.ts";
import type { Flag } from "./getopt.ts";
import { parseFlags } from "./getopt.ts";
import { lookUp } from "./look-up.ts";
import type { Rule } from "./rules.ts";
import { lost, readInteger, same, toAccount, toDuration, toInteger, toMode, toSignal, toText } from "./rules.ts";
import { splitShlex } from "./words.ts";

const spawnFlags: Readonly<Record<string, Rule>> = {
  "-d": toText("cwd"),
  "-M": toMode("socket-mode"),
  "-b": toInteger("listen-queue-depth", 1, 65_535),
  "-P": lost("fcgi-pm has no pid files: fcgi-pm status shows every process"),
  "-n": same("fcgi-pm start stays in the foreground; --daemon detaches"),
  "-c": lost("fcgi-pm changes no root directory: RootDirectory= of a service does"),
  "-S": lost("there is no change of the root directory"),
  "-u": toAccount("user"),
  "-g": toAccount("group"),
};

/** Read together, because they mean something together. */
const spawnTogether = ["-f", "-a", "-p", "-s", "-C", "-F", "-U", "-G"];

/** Gives the program behind the flags. */
export function takeSpawnFcgi(draft: Draft, given: Given, args: readonly string[]): readonly string[] {
  const { flags, rest } = parseFlags(args, { withValue: "fdapsPMCFbcugUG" });
  const get = (name: string) => flags.findLast((flag) => flag.name === name)?.value;
  for (const flag of flags) {
    if (spawnTogether.includes(flag.name)) continue;
    const rule = lookUp(spawnFlags, flag.name) ?? lost("spawn-fcgi has no such flag");
    rule(draft, writtenAs("spawn-fcgi", given, flag));
  }
  setSocketOwner(draft, get("-U"), get("-G"));
  takeListener(draft, given, get("-s"), get("-a"), get("-p"));
  takeNumber(draft, given, get("-F"), get("-C"));
  if (rest.length > 0) return rest;
  // With -f the shell starts it: `exec PROGRAM`.
  const program = get("-f");
  return program === undefined ? [] : (splitShlex(program) ?? [program]);
}

function writtenAs(program: string, given: Given, { name, value }: Flag): Given {
  return { ...given, written: `${program} ${name} ${value}`.trim(), value };
}

function takeListener(
  draft: Draft,
  given: Given,
  path: string | undefined,
  address: string | undefined,
  port: string | undefined,
): void {
  if (path !== undefined) setSocket(draft, path);
  else if (port !== undefined) {
    const written = `spawn-fcgi -p ${port}`;
    setPort(draft, { ...given, written }, address ?? "", port);
    if (address === undefined || address === "")
      remark(
        draft.remarks,
        "changed",
        { ...given, written },
        "without -a spawn-fcgi listens on every address of the machine, which is kept: 127.0.0.1 is enough for a web server beside it",
      );
  }
  dropSocketOnly(draft, { ...given, written: "spawn-fcgi -p with -M, -U or -G" });
}

/** -C makes php-cgi fork: N children with one parent each. One process for each of them is the same to a web server. */
function takeNumber(draft: Draft, given: Given, forks: string | undefined, children: string | undefined): void {
  const number = { forks: readInteger(forks ?? "1", 1, 10_000), children: readInteger(children ?? "0", 0, 10_000) };
  if (number.forks === undefined || number.children === undefined) {
    const written = `spawn-fcgi ${forks === undefined ? "" : `-F ${forks} `}${children === undefined ? "" : `-C ${children}`}`;
    remark(draft.remarks, "lost", { ...given, written: written.trim() }, "that is no number of processes");
    return;
  }
  multiplyProcesses(draft, number.forks);
  if (children === undefined) return;
  // It sets the variable, whatever that was before.
  takeChildren(draft);
  setChildren(draft, { ...given, written: `spawn-fcgi -C ${children}` }, number.children);
}

/** As many times as many workers. */
export function multiplyProcesses(draft: Draft, factor: number): void {
  const processes = (numberOf(draft, "processes") ?? 1) * factor;
  if (processes > 1) draft.settings.set("processes", Math.min(processes, 10_000));
}

/** What PHP_FCGI_CHILDREN does to php-cgi is done by `processes`. */
function setChildren(draft: Draft, given: Pick<Given, "origin" | "written">, children: number): void {
  if (children < 1) return;
  multiplyProcesses(draft, children);
  remark(
    draft.remarks,
    "changed",
    given,
    "php-cgi forks no children here: each worker is one process, seen and replaced by itself, and there are as many of them",
  );
}

/** PHP_FCGI_CHILDREN in the environment becomes workers, too. */
export function foldChildren(draft: Draft): void {
  const number = readInteger(envOf(draft)["PHP_FCGI_CHILDREN"]?.trim() ?? "", 0, 10_000);
  if (number === undefined) return;
  setChildren(draft, { origin: draft.origin, written: `PHP_FCGI_CHILDREN=${takeChildren(draft)}` }, number);
}

/** Takes the variable out of env. */
export function takeChildren(draft: Draft): string | undefined {
  const { PHP_FCGI_CHILDREN: children, ...env } = envOf(draft);
  if (children === undefined) return undefined;
  if (Object.keys(env).length === 0) draft.settings.delete("env");
  else draft.settings.set("env", env);
  return children;
}

const watchFlags: Readonly<Record<string, Rule>> = {
  "-f": () => undefined,
  "-r": lost("fcgi-pm never gives up: it waits longer each time, up to max-restart-delay"),
  "-t": toDuration("min-server-life", 1),
  "-s": toSignal,
};

/** Gives the program behind the flags. */
export function takeMultiwatch(draft: Draft, given: Given, args: readonly string[]): readonly string[] {
  const long = { forks: "f", retry: "r", timeout: "t", signal: "s" };
  const { flags, rest } = parseFlags(args, { withValue: "frts", long });
  for (const flag of flags) {
    const rule = lookUp(watchFlags, flag.name) ?? lost("multiwatch has no such flag");
    rule(draft, writtenAs("multiwatch", given, flag));
  }
  const forks = flags.findLast(({ name }) => name === "-f");
  const number = forks === undefined ? 1 : readInteger(forks.value, 1, 10_000);
  if (number !== undefined) multiplyProcesses(draft, number);
  else if (forks !== undefined) lost("that is no number of processes")(draft, writtenAs("multiwatch", given, forks));
  return rest;
}
