/** mod_fcgid's wrappers and script aliases to apps. */

import { aliasedPrograms } from "./apache-aliases.ts";
import type { ApacheLine } from "./apache-reader.ts";
import { givenOfLine } from "./apache-reader.ts";
import type { Draft, Remark, World } from "./draft.ts";
import { addEnv, newDraft, passEnv, remark } from "./draft.ts";
import { takeCommand } from "./launch.ts";
import { lookUp } from "./look-up.ts";
import { fcgidDirectives } from "./mod-fcgid.ts";
import { nameFromProgram } from "./names.ts";
import { lost, toInteger } from "./rules.ts";
import { foldChildren } from "./spawners.ts";

/** An app for each program that mod_fcgid would start, as far as the configuration names them. */
export function fcgidApps(lines: readonly ApacheLine[], world: World, remarks: Remark[]): Draft[] {
  const isFcgid = lines.some(
    ({ name, args }) => name.startsWith("fcgid") || args.some((word) => word.toLowerCase() === "fcgid-script"),
  );
  if (!isFcgid) return [];
  const apps = new Map<string, Draft>();
  const aliased = aliasedPrograms(lines, world).map(({ line, path }) => ({ line, command: [path] }));
  const wrapped = lines.flatMap((line) => wrappersOf(line).map((command) => ({ line, command })));
  for (const { line, command } of [...wrapped, ...aliased]) {
    if (apps.has(command.join(" "))) continue;
    const draft = newDraft(nameFromProgram(command[0] ?? ""), givenOfLine(line));
    takeCommand(draft, givenOfLine(line), command);
    remark(
      draft.remarks,
      "changed",
      givenOfLine(line),
      "mod_fcgid starts workers as requests come, at most FcgidMaxProcessesPerClass; here processes says how many there are",
    );
    for (const other of lines) takeSetting(draft, other);
    foldChildren(draft);
    apps.set(command.join(" "), draft);
  }
  for (const line of lines) tell(line, apps.size > 0, remarks);
  return [...apps.values()];
}

/** `FcgidWrapper "/usr/bin/php-cgi -d x=y" .php virtual`, and authorizers. */
function wrappersOf({ name, args: [first = ""] }: ApacheLine): string[][] {
  const isWrapper = /^(?:fcgidwrapper|fcgiwrapper|fcgidaccesschecker|fcgidauthenticator|fcgidauthorizer)$/.test(name);
  return isWrapper && first !== "" ? [first.split(/\s+/)] : [];
}

function takeSetting(draft: Draft, line: ApacheLine): void {
  const given = givenOfLine(line);
  const [name = "", value] = line.args;
  if (line.name === "fcgidinitialenv" || line.name === "defaultinitenv") {
    if (value === undefined) passEnv(draft, given, [name]);
    else addEnv(draft, given, [[name, value]]);
  } else if (/^(?:fcgidmaxprocessesperclass|defaultmaxclassprocesscount)$/.test(line.name))
    toInteger("processes", 1, 10_000)(draft, { ...given, value: name });
}

/** Directives of mod_fcgid before 2.3 have other names. */
function tell(line: ApacheLine, hasApps: boolean, remarks: Remark[]): void {
  if (!line.name.startsWith("fcgid")) return;
  const isRead = ["fcgidwrapper", "fcgidinitialenv", "fcgidmaxprocessesperclass"].includes(line.name);
  if (isRead && hasApps) return;
  const holder = newDraft("", givenOfLine(line));
  lost(
    isRead
      ? "no program is named here that it is for"
      : (lookUp(fcgidDirectives, line.name) ?? "mod_fcgid does not know it either"),
  )(holder, givenOfLine(line));
  remarks.push(...holder.remarks.map((one) => ({ ...one, kind: isRead ? one.kind : ("elsewhere" as const) })));
}
