/** A module that the program does not find: does it lie near, or does another interpreter have it? */
import { dirname } from "node:path";
import type { Cause } from "../diagnosis/death.ts";
import { installed, moduleFiles } from "../diagnosis/module-names.ts";
import { settingOf, variableOf } from "../diagnosis/setting.ts";
import { type Case, searchPaths } from "./case.ts";
import { interpreterOf } from "./interpreter.ts";
import { differingInterpreter } from "./interpreter-note.ts";
import { findFiles, type NearFile, pythonModulesIn } from "./near.ts";
import { type OtherInterpreter, othersWith, planWith } from "./other-interpreters.ts";
import { type Closed, firstClosed } from "./rights.ts";
import { type Aim, works } from "./variation.ts";

export async function causeOfModule(sick: Case, name: string, aim: Aim): Promise<Cause> {
  const { language } = sick;
  const isOwn = isItself(sick, name);
  const seen = differingInterpreter(sick.plan).map(({ what }) => what);
  const found = findFiles(directoriesNear(sick), moduleFiles(language, name));
  const [variable] = searchPaths[language];
  for (const { directory } of variable === undefined ? [] : found) {
    if (isOwn && (await works(sick, { cwd: directory }, aim))) return ownCause(sick, name, directory);
    const environment = withDirectory(sick, variable as string, directory);
    if (await works(sick, { environment }, aim))
      return nearCause(sick, name, variable as string, directory, environment);
  }
  const others = await othersWith(sick, name);
  for (const other of others) {
    if (await works(sick, { plan: planWith(sick, other) }, aim)) return otherCause(sick, name, other);
  }
  const closed = await firstClosedOf(sick, found);
  if (closed !== undefined) return closedCause(sick, name, closed);
  const places = found.map(({ file }) => `there is ${file}`);
  const known = [...seen, ...places, ...others.map(({ path }) => `${path} has it`)];
  return isOwn ? lostItself(sick, name, known) : unprovenCause(sick, name, known);
}

/** Is it the application that was named by --wsgi? */
function isItself({ plan }: Case, name: string): boolean {
  const [module = ""] = plan.app.wsgi?.split(":") ?? [];
  return module !== "" && module.split(".")[0] === name.split(".")[0];
}

/** What the user may not enter or read does not exist for an interpreter. */
async function firstClosedOf(sick: Case, found: readonly NearFile[]): Promise<Closed | undefined> {
  for (const { file } of found) {
    const closed = await firstClosed(file, "read", sick.plan.identity);
    if (closed !== undefined) return closed;
  }
  return undefined;
}

/** Where people keep what belongs to the program. */
function directoriesNear(sick: Case): string[] {
  const script = interpreterOf(sick.plan)?.script ?? sick.plan.program.path;
  const { cwd } = sick.plan.program;
  const starts = [dirname(script), process.cwd(), cwd, sick.plan.app.directory];
  const roots = [...starts, dirname(dirname(script)), dirname(cwd)];
  return [...new Set(roots.flatMap((root) => [root, `${root}/lib`, `${root}/src`]))];
}

function withDirectory(sick: Case, variable: string, directory: string): Record<string, string> {
  const before = sick.plan.environment[variable];
  return { ...sick.plan.environment, [variable]: before === undefined ? directory : `${directory}:${before}` };
}

const lost = (name: string) => `The program does not find the module "${name}"`;

function nearCause(
  sick: Case,
  name: string,
  variable: string,
  directory: string,
  environment: Readonly<Record<string, string>>,
): Cause {
  return {
    code: "program.module-missing",
    what: `${lost(name)}: it lies in ${directory}, where the interpreter does not look`,
    seen: [`started with ${variable}=${environment[variable]}, and otherwise the same, it works`],
    remedy: [variableOf(sick.home, variable, environment[variable] ?? "")],
  };
}

function ownCause(sick: Case, name: string, directory: string): Cause {
  return {
    code: "program.module-missing",
    what: `The application "${name}" lies in ${directory}, and is looked for in ${sick.plan.program.cwd}`,
    seen: [`started in ${directory}, and otherwise the same, it works`],
    remedy: [settingOf(sick.home, "cwd", directory)],
  };
}

/** Nobody installs what is to be served. */
function lostItself(sick: Case, name: string, seen: readonly string[]): Cause {
  const { cwd } = sick.plan.program;
  return {
    code: "program.module-missing",
    what: `There is no application "${name}" in ${cwd}`,
    seen: [...seen, ...modulesIn(cwd)],
    remedy: [
      `name the directory in which ${name.split(".")[0]}.py lies: ${settingOf(sick.home, "cwd", "/path/of/it")}`,
      `or correct the name: ${settingOf(sick.home, "wsgi", "module:app")}`,
    ],
    isGuess: true,
  };
}

/** Names that are like it are seen at once. */
function modulesIn(directory: string): string[] {
  const modules = pythonModulesIn(directory);
  return modules.length === 0 ? [] : [`in ${directory} there is ${modules.slice(0, mostNamed).join(", ")}`];
}

const mostNamed = 10;

function otherCause(sick: Case, name: string, { path }: OtherInterpreter): Cause {
  const interpreter = interpreterOf(sick.plan);
  return {
    code: "interpreter.other-has-module",
    what: `${lost(name)}: it is installed for another interpreter, ${path}`,
    seen: [`started with ${path} in the place of ${interpreter?.path ?? "its own"}, and otherwise the same, it works`],
    remedy: [
      interpreter?.isInScript === true
        ? `name it in the first line: sed -i '1s|^#!.*|#!${path}|' ${interpreter.script}`
        : `name it: ${sick.plan.app.command === undefined ? `--python ${path}` : `${path} in the place of ${interpreter?.path}`}`,
      `or install the module for ${interpreter?.path}: ${installed(sick.language, name, interpreter?.path ?? "")}`,
    ],
  };
}

function closedCause(sick: Case, name: string, { path, rights, remedy }: Closed): Cause {
  const { name: user, uid } = sick.plan.identity;
  return {
    code: "program.forbidden-file",
    what: `${lost(name)}: it runs as ${user}, and ${path} is closed to that user`,
    seen: [`asked as ${user} (uid ${uid}): ${path} has the rights ${rights}`],
    remedy: [`chown ${user} ${path}, if it belongs to this app alone`, remedy],
  };
}

/** The Python of a distribution refuses pip. */
function instead(interpreter: string, name: string): string[] {
  if (!interpreter.startsWith("/usr/bin/python")) return [];
  const [top = ""] = name.split(".");
  return [
    `or, where pip refuses that (externally-managed-environment): apt install python3-${top.toLowerCase()}`,
    `or a virtualenv for the app: python3 -m venv .venv && .venv/bin/pip install ${top}, with .venv/bin/python as its interpreter`,
  ];
}

/** It is to be installed, as far as looking and trying can tell. */
function unprovenCause(sick: Case, name: string, seen: readonly string[]): Cause {
  const interpreter = interpreterOf(sick.plan)?.path ?? "";
  const elsewhere = sick.language === "python" ? ", and in the other Pythons of this machine" : "";
  return {
    code: "program.module-missing",
    what: lost(name),
    seen: [...seen, `it was looked for beside the program and in this directory${elsewhere}`],
    remedy: [installed(sick.language, name, interpreter), ...instead(interpreter, name)],
    isGuess: true,
  };
}
