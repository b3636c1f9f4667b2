/** `sh -c COMMAND`, as far as it is one simple command behind a `cd`, and where the streams of a command go. */
import type { Draft, Given, Remark } from "./draft.ts";
import { remark } from "./draft.ts";
import { isAbsolute } from "./paths.ts";
import { makesListener } from "./self-binders.ts";
import type { Redirection } from "./words.ts";
import { splitShell } from "./words.ts";

/**
 * The words that a shell would start; undefined where that takes a shell: variables, pipes, more than one program, or files for
 * the streams of a program that is left as it is.
 */
export function takeShellText(draft: Draft, given: Given, text: string): readonly string[] | undefined {
  if (/[$`]/.test(text)) return undefined;
  const { cwd, rest } = behindCd(text);
  const command = splitShell(rest);
  if (command === undefined || command.words.length === 0 || !/^;?\s*$/.test(command.rest)) return undefined;
  const { words, redirections } = command;
  if (redirections.some(isFile) && !words.some((_, at) => makesListener(words.slice(at)))) return undefined;
  if (cwd !== undefined && !draft.settings.has("cwd")) draft.settings.set("cwd", cwd);
  tellRedirections(draft.remarks, given, redirections);
  return words;
}

/** `cd /srv/app && COMMAND`. */
function behindCd(text: string): { readonly cwd?: string; readonly rest: string } {
  const command = splitShell(text);
  const [name, cwd = "", ...more] = command?.words ?? [];
  const rest = /^(?:&&|;)\s*(\S[\s\S]*)$/.exec(command?.rest ?? "")?.[1];
  return name === "cd" && isAbsolute(cwd) && more.length === 0 && rest !== undefined ? { cwd, rest } : { rest: text };
}

function isFile({ operator, target }: Redirection): boolean {
  return !operator.endsWith("&") && !operator.includes("<<") && target !== "/dev/null";
}

/** Files that streams go to, or come from, belong to the shell. */
export function tellRedirections(remarks: Remark[], given: Given, redirections: readonly Redirection[]): void {
  for (const { operator, target } of redirections.filter(isFile)) {
    const why = operator.includes("<")
      ? "the standard input of a worker is its listener"
      : "what workers write goes to the manager's log; output-file names a file of the app's own";
    remark(remarks, "lost", { ...given, written: `${operator} ${target}` }, why);
  }
}
