/** Command lines: what they start in the end, and what the programs before it say of listener, user and number. */

import { takeStartStopDaemon } from "./daemon-starter.ts";
import type { Draft, Given } from "./draft.ts";
import { addEnv, remark } from "./draft.ts";
import { parseFlags } from "./getopt.ts";
import { takeChpst, takeEnvdir, takeSetuidgid, takeSoftlimit } from "./limiters.ts";
import { lookUp } from "./look-up.ts";
import { baseOf, isAbsolute, resolveFrom } from "./paths.ts";
import { elsewhere, lost, readInteger, same, toAccount } from "./rules.ts";
import { isPhpCgi, makesListener, takeCgiFcgi, takeFcgiwrap, takePhpCgi } from "./self-binders.ts";
import { takeShellText } from "./shell-command.ts";
import { takeMultiwatch, takeSpawnFcgi } from "./spawners.ts";

/** Takes one program off a command line; gives what it starts, or undefined where it is the app itself. */
type Wrapper = (draft: Draft, given: Given, args: readonly string[], program: string) => readonly string[] | undefined;

const wrappers: Readonly<Record<string, Wrapper>> = {
  "spawn-fcgi": takeSpawnFcgi,
  multiwatch: takeMultiwatch,
  "cgi-fcgi": takeCgiFcgi,
  exec: takeNothing,
  nohup: takeNothing,
  setsid: takeNothing,
  command: takeNothing,
  env: takeEnv,
  nice: takeNice,
  ionice: takeIonice,
  sudo: takeSudo,
  setuidgid: takeSetuidgid,
  "s6-setuidgid": takeSetuidgid,
  gosu: takeSetuidgid,
  "su-exec": takeSetuidgid,
  chpst: takeChpst,
  softlimit: takeSoftlimit,
  "s6-softlimit": takeSoftlimit,
  envdir: takeEnvdir,
  "s6-envdir": takeEnvdir,
  "start-stop-daemon": takeStartStopDaemon,
  daemon: takeDaemon,
  eval: (draft, given, args) => takeShellText(draft, given, args.join(" ")),
  sh: takeShell,
  bash: takeShell,
  dash: takeShell,
  su: takeSu,
  runuser: takeSu,
};

/** Is this a program that starts FastCGI programs, or one that makes its own socket? */
export function isLauncher(words: readonly string[]): boolean {
  return words.some((word) => /^(?:spawn-fcgi|multiwatch|cgi-fcgi)$/.test(baseOf(word)));
}

/** Unwraps a command line and sets the app's command. Without a program the draft has none, and says so. */
export function takeCommand(draft: Draft, given: Given, words: readonly string[]): void {
  let command = takeAssignments(draft, given, words);
  for (let depth = 0; depth < 8; depth += 1) {
    const [program = "", ...args] = command;
    const wrapper = lookUp(wrappers, baseOf(program));
    const inner = wrapper === undefined ? takeUnknown(draft, given, command) : wrapper(draft, given, args, program);
    if (inner === undefined) break;
    command = takeAssignments(draft, given, inner);
  }
  setCommand(draft, given, command);
}

/** `xvfb-run -a spawn-fcgi …`, `timeout 60 php-cgi -b …`: what is not known, and starts what makes the listener. */
function takeUnknown(draft: Draft, given: Given, command: readonly string[]): readonly string[] | undefined {
  const at = command.findIndex((_, index) => index > 0 && makesListener(command.slice(index)));
  if (at === -1 || makesListener(command)) return undefined;
  const written = command.slice(0, at).join(" ");
  lost(
    baseOf(command[0] ?? "") === "xvfb-run"
      ? 'it is left out: QT_QPA_PLATFORM = "offscreen" in env does for QGIS, others need a display that a service of its own starts'
      : "it is left out: only what it starts in the end becomes the app",
  )(draft, { ...given, written });
  return command.slice(at);
}

/** A relative path of a program starts where it was started; here it would start at the config. */
export function anchorProgram(draft: Draft, given: Given, base: string | undefined): void {
  const [program = "", ...args] = (draft.settings.get("command") as readonly string[] | undefined) ?? [];
  if (!program.includes("/") || isAbsolute(program)) return;
  const cwd = draft.settings.get("cwd");
  const start = typeof cwd === "string" && isAbsolute(cwd) ? cwd : base;
  if (start !== undefined) draft.settings.set("command", [resolveFrom(start, program), ...args]);
  else remark(draft.remarks, "changed", given, "a relative path of a program starts at the config here");
}

/** What an app runs in the end. php-cgi and fcgiwrap can bind by themselves, which here is the manager's work. */
function setCommand(draft: Draft, given: Given, command: readonly string[]): void {
  const [program = "", ...args] = command;
  const name = baseOf(program);
  if (program === "") {
    remark(draft.remarks, "lost", given, "no program is named here: write the app's command by hand");
    return;
  }
  if (args.some((arg) => /(?:^|[\s/])(?:spawn-fcgi|multiwatch)\s/.test(arg)))
    lost(
      "it starts spawn-fcgi in a way that is not taken apart: write the program itself as command, and what spawn-fcgi is told as keys",
    )(draft, given);
  if (isPhpCgi(name)) draft.settings.set("command", [program, ...takePhpCgi(draft, given, args)]);
  else if (name === "fcgiwrap") draft.settings.set("command", [program, ...takeFcgiwrap(draft, given, args)]);
  else draft.settings.set("command", [program, ...args]);
}

/** `NAME=value` before a program. */
function takeAssignments(draft: Draft, given: Given, words: readonly string[]): readonly string[] {
  const end = words.findIndex((word) => !/^[A-Za-z_][A-Za-z0-9_]*=/.test(word));
  const assigned = words.slice(0, end === -1 ? words.length : end);
  addEnv(draft, given, assigned.map(pairOf));
  return words.slice(assigned.length);
}

function pairOf(word: string): readonly [string, string] {
  const at = word.indexOf("=");
  return [word.slice(0, at), word.slice(at + 1)];
}

function takeNothing(_draft: Draft, _given: Given, args: readonly string[]): readonly string[] {
  return parseFlags(args, { withValue: "" }).rest;
}

function takeEnv(draft: Draft, given: Given, args: readonly string[]): readonly string[] {
  const { flags, rest } = parseFlags(args, { withValue: "uCS" });
  for (const { name, value } of flags) {
    const word = { ...given, written: `env ${name} ${value}`.trim(), value };
    if (name === "-i" || name === "-") same("workers get a clean environment in any case")(draft, word);
    else lost("this flag of env has no counterpart")(draft, word);
  }
  return rest[0] === "-" ? rest.slice(1) : rest;
}

function takeNice(draft: Draft, given: Given, args: readonly string[]): readonly string[] {
  const plain = /^-(-?\d+)$/.exec(args[0] ?? "")?.[1];
  if (plain !== undefined) return setNice(draft, given, plain, args.slice(1));
  const { flags, rest } = parseFlags(args, { withValue: "n", long: { adjustment: "n" } });
  return setNice(draft, given, flags.find(({ name }) => name === "-n")?.value ?? "10", rest);
}

function setNice(draft: Draft, given: Given, text: string, rest: readonly string[]): readonly string[] {
  const nice = readInteger(text, -20, 19);
  if (nice === undefined) lost("priority takes a number from -20 to 19")(draft, { ...given, written: `nice ${text}` });
  else draft.settings.set("priority", nice);
  return rest;
}

function takeIonice(draft: Draft, given: Given, args: readonly string[]): readonly string[] {
  const { flags, rest } = parseFlags(args, { withValue: "cnp", long: { class: "c", classdata: "n" } });
  const written = ["ionice", ...flags.map(({ name, value }) => `${name} ${value}`.trim())].join(" ");
  lost("give the service of fcgi-pm an IOSchedulingClass=")(draft, { ...given, written });
  return rest;
}

function takeSudo(draft: Draft, given: Given, args: readonly string[]): readonly string[] {
  const { flags, rest } = parseFlags(args, { withValue: "ugpChRrtTU", long: { user: "u", group: "g" } });
  for (const { name, value } of flags) {
    const word = { ...given, written: `sudo ${name} ${value}`.trim(), value };
    if (name === "-u") toAccount("user")(draft, word);
    else if (name === "-g") toAccount("group")(draft, word);
    else if (name === "-n") same("nobody is asked for a password")(draft, word);
    else lost("this flag of sudo has no counterpart")(draft, word);
  }
  return rest;
}

/** The function of Red Hat's init scripts, and the program of the same name. */
function takeDaemon(draft: Draft, given: Given, args: readonly string[]): readonly string[] {
  const { flags, rest } = parseFlags(args, { withValue: "", long: {} });
  for (const { name, value } of flags) {
    const word = { ...given, written: `daemon ${name}=${value}`, value };
    if (name === "--user") toAccount("user")(draft, word);
    else elsewhere("the service of fcgi-pm starts it: fcgi-pm install")(draft, word);
  }
  const [line = ""] = rest;
  return rest.length === 1 ? (takeShellText(draft, given, line) ?? line.split(/\s+/)) : rest;
}

/** `sh -c COMMAND`, also `bash -lc` and `sh -e -c`. */
function takeShell(draft: Draft, given: Given, args: readonly string[]): readonly string[] | undefined {
  const { flags, rest } = parseFlags(args, { withValue: "oc" });
  const text = flags.find(({ name }) => name === "-c")?.value;
  const isPlain = flags.every(({ name }) => /^-[celu]$|^--login$/.test(name));
  return text === undefined || !isPlain || rest.length > 0 ? undefined : takeShellText(draft, given, text);
}

/** `su -s SHELL -c COMMAND USER`, `su - USER -c COMMAND`, `runuser -u USER -- COMMAND`. */
function takeSu(draft: Draft, given: Given, args: readonly string[]): readonly string[] | undefined {
  const names = { withValue: "cgGsuw", long: { command: "c", shell: "s", group: "g", user: "u" } };
  const before = parseFlags(args, names);
  const words = before.rest[0] === "-" ? before.rest.slice(1) : before.rest;
  const direct = before.flags.find(({ name }) => name === "-u")?.value;
  const behind = parseFlags(direct === undefined ? words.slice(1) : [], names);
  const user = direct ?? words[0];
  const text = [...before.flags, ...behind.flags].find(({ name }) => name === "-c")?.value;
  const inner = text === undefined ? (direct === undefined ? undefined : words) : takeShellText(draft, given, text);
  if (inner === undefined) return undefined;
  if (user !== undefined) toAccount("user")(draft, { ...given, written: `su ${user}`, value: user });
  return inner;
}
