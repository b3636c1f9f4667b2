/** Programs of runit, daemontools and s6 that stand before another one: they change its user, its limits, its environment. */
import type { Draft, Given } from "./draft.ts";
import { addTo, remark } from "./draft.ts";
import { parseFlags } from "./getopt.ts";
import { lookUp } from "./look-up.ts";
import type { Rule, Rules } from "./rules.ts";
import { lost, toAccount, toInteger, toText } from "./rules.ts";

type Limit = "nofile" | "core" | "as" | "nproc";

function toLimit(name: Limit): Rule {
  return (draft, given) => {
    if (/^\d{1,15}$/.test(given.value)) addTo(draft, "rlimits", { [name]: Number(given.value) });
    else lost("a number is expected")(draft, given);
  };
}

/** `user`, `user:group`, `:uid:gid`. */
export const takeUserAndGroup: Rule = (draft, given) => {
  const [user = "", group, ...more] = given.value.replace(/^:/, "").split(":");
  toAccount("user")(draft, { ...given, value: user });
  if (group !== undefined) toAccount("group")(draft, { ...given, value: group });
  if (more.length > 0)
    remark(draft.remarks, "lost", given, "workers have the supplementary groups of their user: make it a member");
};

const variables = lost("write the variables of its files to env, or to a file that env-file names");
const noLimit = lost("rlimits knows nofile, core, as and nproc: the service has others, such as LimitDATA=");

const limits: Rules = { "-m": toLimit("as"), "-a": toLimit("as"), "-o": toLimit("nofile"), "-p": toLimit("nproc") };

const chpstFlags: Rules = {
  ...limits,
  "-c": toLimit("core"),
  "-u": takeUserAndGroup,
  "-C": toText("cwd"),
  "-n": toInteger("priority", -20, 19),
  "-e": variables,
  "-/": lost("fcgi-pm changes no root directory: RootDirectory= of a service does"),
};

/** runit's chpst. */
export function takeChpst(draft: Draft, given: Given, args: readonly string[]): readonly string[] {
  const { flags, rest } = parseFlags(args, { withValue: "uUbe/CnlLmdopfcrt" });
  for (const { name, value } of flags) {
    const word = { ...given, written: `chpst ${name} ${value}`.trim(), value };
    (lookUp(chpstFlags, name) ?? (/^-[dfrt]$/.test(name) ? noLimit : lost("this flag of chpst has no counterpart")))(
      draft,
      word,
    );
  }
  return rest;
}

/** softlimit of daemontools, s6-softlimit. */
export function takeSoftlimit(draft: Draft, given: Given, args: readonly string[]): readonly string[] {
  const { flags, rest } = parseFlags(args, { withValue: "acdflmoprst" });
  for (const { name, value } of flags) {
    const word = { ...given, written: `softlimit ${name} ${value}`, value };
    (name === "-c" ? toLimit("core") : (lookUp(limits, name) ?? noLimit))(draft, word);
  }
  return rest;
}

/** `envdir DIRECTORY PROGRAM`. */
export function takeEnvdir(draft: Draft, given: Given, args: readonly string[]): readonly string[] {
  const { rest } = parseFlags(args, { withValue: "" });
  variables(draft, { ...given, written: `envdir ${rest[0] ?? ""}` });
  return rest.slice(1);
}

/** setuidgid, s6-setuidgid, gosu, su-exec: the user, then the program. */
export function takeSetuidgid(
  draft: Draft,
  given: Given,
  [user = "", ...rest]: readonly string[],
  program: string,
): readonly string[] {
  takeUserAndGroup(draft, { ...given, written: `${program} ${user}`, value: user });
  return rest;
}
