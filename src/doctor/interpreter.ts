/** Which interpreter a program really gets, and by which word. */
import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { basename, delimiter, isAbsolute, join } from "node:path";
import type { Plan } from "../manager/plan.ts";
import { firstLineOf } from "../os/first-line.ts";

export interface Interpreter {
  /** The file that is executed, links followed. */
  readonly path: string;
  /** As it is called: `python3`. */
  readonly name: string;
  /** Where it comes from, for people. */
  readonly words: string;
  /** The script that it runs. */
  readonly script: string;
  /** The name after `#!/usr/bin/env`; undefined where the first line names a path. */
  readonly envName: string | undefined;
  /** By the script's first line, and not as the program itself. */
  readonly isInScript: boolean;
}

/** Undefined for a binary. An interpreter that is named as the program itself counts, too. */
export function interpreterOf({ program, environment }: Plan): Interpreter | undefined {
  const line = firstLineOf(program.path);
  if (line === undefined) return namedItself(program.path, program.args);
  const [path = "", ...words] = line
    .slice(2)
    .trim()
    .split(/[ \t]+/);
  if (basename(path) !== "env") {
    return {
      path: real(path),
      name: basename(path),
      words: `${path}${linked(path)}, by the first line`,
      script: program.path,
      envName: undefined,
      isInScript: true,
    };
  }
  const name = words.find((word) => !word.startsWith("-") && !word.includes("=")) ?? "";
  const found = findInPath(name, environment["PATH"] ?? "");
  if (found === undefined) return undefined;
  const where = `${found}${linked(found)}, which ${line} finds in PATH`;
  return { path: real(found), name, words: where, script: program.path, envName: name, isInScript: true };
}

/** `/usr/bin/python3 app.py`: the first word that is no option is the script. */
function namedItself(path: string, args: readonly string[]): Interpreter | undefined {
  const name = basename(path);
  if (!/^(python|pypy|perl|ruby|node|php$|bash$|sh$)/.test(name)) return undefined;
  const script = args.find((word) => !word.startsWith("-"));
  if (script === undefined) return undefined;
  return {
    path: real(path),
    name,
    words: `${path}${linked(path)}, named as the program`,
    script,
    envName: undefined,
    isInScript: false,
  };
}

/** The first program of that name in a PATH. */
export function findInPath(name: string, path: string): string | undefined {
  return allInPath(name, path)[0];
}

export function allInPath(name: string, path: string): string[] {
  const directories = path.split(delimiter).filter((directory) => isAbsolute(directory));
  return directories.map((directory) => join(directory, name)).filter(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function linked(path: string): string {
  const target = real(path);
  return target === path ? "" : ` (${target})`;
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
