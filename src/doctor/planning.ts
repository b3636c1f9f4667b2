/** Plans an app as its manager would; what is in the way is a finding. */
import { basename, dirname } from "node:path";
import type { App } from "../config/app.ts";
import type { Finding } from "../diagnosis/finding.ts";
import { judgePlanError } from "../diagnosis/plan-error.ts";
import { FcgiPmError } from "../errors.ts";
import { type Plan, planApp } from "../manager/plan.ts";
import { firstLineOf } from "../os/first-line.ts";
import { resolveIdentity } from "../os/identity.ts";
import { allInPath } from "./interpreter.ts";
import { type Closed, firstClosed } from "./rights.ts";

export type Planned = { readonly plan: Plan } | { readonly finding: Finding };

/** `own`: the environment of whoever starts the workers. */
export async function planPatient(app: App, own: NodeJS.ProcessEnv): Promise<Planned> {
  try {
    return { plan: await planApp(app, own) };
  } catch (error) {
    if (!(error instanceof FcgiPmError)) throw error;
    const isMissing = error.code === "FCGI_PM_INTERPRETER_MISSING";
    const more = isMissing ? otherInterpreters(error.message, own["PATH"] ?? "") : [];
    const finding = judgePlanError(error, await closedBy(app, error.message), more);
    return { finding: { ...finding, remedy: [...finding.remedy, ...instead(app, finding.code)] } };
  }
}

/** What was named is served by another program. */
function instead({ command }: App, code: string): string[] {
  const [named = ""] = command ?? [];
  if (!["program.missing", "program.not-executable", "program.no-first-line"].includes(code)) return [];
  if (/^[\w./-]+:\w+$/.test(named)) return [`or, if it is a WSGI application: fcgi-pm doctor --wsgi ${named}`];
  if (named.endsWith(".py")) return [`or, if it is a WSGI application: fcgi-pm doctor --wsgi ${named}:app`];
  if (!named.endsWith(".php")) return [];
  return [`or let php-cgi run it: fcgi-pm doctor php-cgi --root ${dirname(named)} --uri /${basename(named)}`];
}

/** Which directory it is, or the file itself, that the user may not use. */
async function closedBy({ user, group }: App, message: string): Promise<Closed | undefined> {
  const [, path, verb] =
    /^Cannot start (?:workers in )?"(.+?)": user ".+?" may not (execute|read|enter) it/.exec(message) ?? [];
  if (path === undefined) return undefined;
  return firstClosed(path, verb === "read" ? "read" : "execute", resolveIdentity(user, group));
}

/** pyenv and its kind put a script there for each name, even of an interpreter that is not installed by now. */
function isShim(path: string): boolean {
  return path.includes("/shims/");
}

/** `#!/usr/bin/python`, where there is only a python3. */
function otherInterpreters(message: string, path: string): string[] {
  const [, program, interpreter = ""] = /^Cannot start "(.+?)": its interpreter "?([^" ]+)/.exec(message) ?? [];
  if (program === undefined) return [];
  const name = interpreter.split("/").at(-1) ?? "";
  const bare = name.replace(/[\d.]+$/, "");
  const names = [...new Set([name, `${bare}3`, bare])];
  const [found] = names.flatMap((candidate) => allInPath(candidate, path)).filter((one) => !isShim(one));
  if (found === undefined || firstLineOf(program) === undefined) return [];
  return [`there is ${found}: sed -i '1s|^#!.*|#!${found}|' ${program}`];
}
