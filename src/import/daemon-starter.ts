/** Debian's start-stop-daemon, which init scripts start everything with. */

import type { Draft, Given } from "./draft.ts";
import { parseFlags } from "./getopt.ts";
import { lookUp } from "./look-up.ts";
import type { Rule, Rules } from "./rules.ts";
import { lost, same, toAccount, toInteger, toMode, toText } from "./rules.ts";

const flagNames = {
  withValue: "apxnucgrsTRdINPKkO",
  long: {
    ...{ startas: "a", pidfile: "p", exec: "x", name: "n", user: "u", chuid: "c", group: "g", chroot: "r" },
    ...{ chdir: "d", nicelevel: "N", umask: "k", retry: "R", signal: "s", output: "O", iosched: "I", procsched: "P" },
  },
} as const;

const takeChuid: Rule = (draft, given) => {
  const [user = "", group] = given.value.split(":");
  toAccount("user")(draft, { ...given, value: user });
  if (group !== undefined) toAccount("group")(draft, { ...given, value: group });
};

const rules: Rules = {
  "-c": takeChuid,
  "-g": toAccount("group"),
  "-d": toText("cwd"),
  "-N": toInteger("priority", -20, 19),
  "-k": toMode("umask"),
  "-O": toText("output-file"),
  "-u": lost("it names the owner of a process to look for; where it shall be the program's user (OpenRC): user"),
  "-p": same("there are no pid files: fcgi-pm status finds its managers"),
};

const ofService = same("the service of fcgi-pm starts and stops it: fcgi-pm install");
const unknown = lost("this flag of start-stop-daemon has no counterpart");

/** Gives the program of --startas or --exec; the words behind `--` are its arguments. */
export function takeStartStopDaemon(draft: Draft, given: Given, args: readonly string[]): readonly string[] {
  const { flags, rest } = parseFlags(args, flagNames);
  const valueOfFlag = (name: string) => flags.findLast((flag) => flag.name === name)?.value;
  for (const { name, value } of flags) {
    if (name === "-a" || name === "-x") continue;
    const rule = lookUp(rules, name) ?? (isAboutStarting(name) ? ofService : unknown);
    rule(draft, { ...given, written: `start-stop-daemon ${name} ${value}`.trim(), value });
  }
  const program = valueOfFlag("-a") ?? valueOfFlag("-x");
  return program === undefined ? rest : [program, ...rest];
}

function isAboutStarting(name: string): boolean {
  return /^(?:-[SqbmovntC]|--(?:start|quiet|background|make-pidfile|oknodo|verbose|test|no-close|remove-pidfile))$/.test(
    name,
  );
}
