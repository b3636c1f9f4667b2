/** mod_fcgid's wrappers and script aliases to apps. */

import { aliasedPrograms, nameWithin, withoutDoubles } from "./apache-aliases.ts";
import type { ApacheLine } from "./apache-reader.ts";
import { givenOfLine, hostOf } from "./apache-reader.ts";
import type { Draft, Remark, World } from "./draft.ts";
import { addEnv, newDraft, passEnv, remark } from "./draft.ts";
import { takeCommand } from "./launch.ts";
import { lookUp } from "./look-up.ts";
import { currentName, fcgidDirectives } from "./mod-fcgid.ts";
import { nameFromProgram } from "./names.ts";
import { lost, toInteger } from "./rules.ts";
import { foldChildren } from "./spawners.ts";
import { splitShlex } from "./words.ts";

/** Says as whom the program of a line runs. */
export type TakeOwner = (draft: Draft, line: ApacheLine) => void;

/** An app for each program that mod_fcgid would start, as far as the configuration names them. */
export function fcgidApps(
  lines: readonly ApacheLine[],
  world: World,
  remarks: Remark[],
  takeOwner: TakeOwner,
): Draft[] {
  const isFcgid = lines.some(
    ({ name, args }) =>
      currentName(name).startsWith("fcgid") || args.some((word) => word.toLowerCase() === "fcgid-script"),
  );
  if (!isFcgid) return [];
  const aliased = aliasedPrograms(lines, world).map(({ line, path }) => ({ line, command: [path] }));
  const wrapped = lines.flatMap((line) => wrappersOf(line).map((command) => ({ line, command })));
  const taken = new Set<string>();
  const apps = withoutDoubles(
    [...wrapped, ...aliased].map(({ line, command }) => ({ line, draft: appOf(line, command, lines, takeOwner) })),
  );
  for (const app of apps) {
    tellStarter(app, world);
    const line = lines.find((one) => one.file === app.origin.file && one.line === app.origin.line);
    if (line !== undefined) app.name = nameWithin(app.name, line, lines, taken);
  }
  for (const line of lines) tell(line, apps.length > 0, remarks);
  return apps;
}

function appOf(
  line: ApacheLine,
  command: readonly string[],
  lines: readonly ApacheLine[],
  takeOwner: TakeOwner,
): Draft {
  const given = givenOfLine(line);
  const draft = newDraft(nameFromProgram(command[0] ?? ""), given);
  takeOwner(draft, line);
  takeCommand(draft, given, command);
  remark(
    draft.remarks,
    "changed",
    given,
    "mod_fcgid starts workers as requests come, at most FcgidMaxProcessesPerClass; here processes says how many there are",
  );
  const host = hostOf(line);
  // What a virtual host says outranks the main server.
  for (const other of lines) if (hostOf(other) === undefined) takeSetting(draft, other);
  for (const other of lines) if (host !== undefined && hostOf(other) === host) takeSetting(draft, other);
  for (const other of lines)
    if (other.name === "fcgidcmdoptions" && other.args[0] === command[0]) takeOptions(draft, other);
  if (host === undefined && lines.some((other) => other.name === "suexecusergroup" && hostOf(other) !== undefined))
    remark(
      draft.remarks,
      "changed",
      given,
      "a virtual host with a SuexecUserGroup of its own runs it as that user: copy the app for each of them",
    );
  foldChildren(draft);
  return draft;
}

/** Hosting panels put a shell script before php-cgi. What it exports is not seen here. */
function tellStarter(app: Draft, world: World): void {
  const [program = ""] = (app.settings.get("command") as readonly string[] | undefined) ?? [];
  const script = /(?:\.sh|starter|wrapper)$/.test(program) ? world.read(program) : undefined;
  const children = /^[^#\n]*\bPHP_FCGI_CHILDREN=["']?(\d+)/m.exec(script ?? "")?.[1];
  if (children !== undefined && Number(children) > 0)
    remark(
      app.remarks,
      "changed",
      app,
      `${program} sets PHP_FCGI_CHILDREN=${children}, so that each worker would fork as many: take that out, processes says how many there are`,
    );
}

/** `FcgidWrapper "/usr/bin/php-cgi -d x=y" .php virtual`, and authorizers. */
function wrappersOf({ name, args: [first = ""] }: ApacheLine): (readonly string[])[] {
  const isWrapper = /^(?:fcgidwrapper|fcgiwrapper|fcgidaccesschecker|fcgidauthenticator|fcgidauthorizer)$/.test(name);
  return isWrapper && first !== "" ? [splitShlex(first) ?? first.split(/\s+/)] : [];
}

function takeSetting(draft: Draft, line: ApacheLine): void {
  const given = givenOfLine(line);
  const [first = "", value] = line.args;
  const name = currentName(line.name);
  if (name === "fcgidinitialenv") {
    if (value === undefined) passEnv(draft, given, [first]);
    else addEnv(draft, given, [[first, value]]);
  } else if (name === "fcgidmaxprocessesperclass") toInteger("processes", 1, 10_000)(draft, { ...given, value: first });
}

/** `FcgidCmdOptions PROGRAM InitialEnv A=b MaxProcesses 4`: what has no key is told with the line. */
function takeOptions(draft: Draft, line: ApacheLine): void {
  const given = givenOfLine(line);
  for (const [at, word] of line.args.entries()) {
    const value = line.args[at + 1] ?? "";
    if (/^maxprocesses$/i.test(word)) toInteger("processes", 1, 10_000)(draft, { ...given, value });
    else if (/^initialenv$/i.test(word) && value.includes("="))
      addEnv(draft, given, [[value.slice(0, value.indexOf("=")), value.slice(value.indexOf("=") + 1)]]);
    else if (/^initialenv$/i.test(word)) passEnv(draft, given, [value]);
  }
}

/** What is read above needs no remark where there are apps. */
function tell(line: ApacheLine, hasApps: boolean, remarks: Remark[]): void {
  const name = currentName(line.name);
  if (!name.startsWith("fcgid")) return;
  const isRead = ["fcgidwrapper", "fcgidinitialenv", "fcgidmaxprocessesperclass"].includes(name);
  if (isRead && hasApps) return;
  const holder = newDraft("", givenOfLine(line));
  lost(
    isRead
      ? "no program is named here that it is for"
      : (lookUp(fcgidDirectives, name) ?? "mod_fcgid does not know it either"),
  )(holder, givenOfLine(line));
  remarks.push(...holder.remarks.map((one) => ({ ...one, kind: isRead ? one.kind : ("elsewhere" as const) })));
}
