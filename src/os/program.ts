/** Is there a program, and can it be started? Found out before the first spawn, since exec's own answer is a bare 127. */
import { dirname } from "node:path";
import { FcgiPmError } from "../errors.ts";
import { isScript, refuseWrongFirstLine } from "./first-line.ts";
import { isModule, nodeProgram } from "./node-module.ts";
import { locate, lookUp, refuseNonFile, refuseNotExecutable } from "./program-path.ts";
import { refuseForUser, refuseUnreadable } from "./program-rights.ts";
import type { Program, ProgramWish } from "./program-wish.ts";
import { wsgiProgram } from "./wsgi-application.ts";

export type { Program, Wanted } from "./program-wish.ts";

/** The program's absolute path and working directory, or a clear error with its remedy. */
export async function resolveProgram(wish: ProgramWish): Promise<Program> {
  const { wanted, identity } = wish;
  const program = "wsgi" in wanted ? await wsgiProgram(wanted.wsgi, wish) : resolveCommand(wanted.command, wish);
  refuseWrongCwd(program.cwd);
  if (identity.setpriv === undefined) refuseUnreadable(program, identity);
  else await refuseForUser(program, identity);
  return program;
}

function resolveCommand([name, ...args]: readonly [string, ...string[]], wish: ProgramWish): Program {
  const searchPath = wish.environment["PATH"] ?? "";
  const path = locate(name, wish.directory, searchPath);
  refuseNonFile(path);
  const cwd = wish.cwd ?? dirname(path);
  if (isModule(path)) return nodeProgram(path, args, cwd, wish.environment);
  refuseNotExecutable(path);
  refuseWrongFirstLine(path, searchPath);
  return { path, args, cwd, sources: isScript(path) ? [path] : [] };
}

function refuseWrongCwd(cwd: string): void {
  if (lookUp(cwd)?.isDirectory() === true) return;
  throw new FcgiPmError("FCGI_PM_CWD_WRONG", `Cannot start workers in "${cwd}": it is no directory`);
}
