/** Modules of Node that are no programs by themselves: our Node runner serves what they export. */
import { FcgiPmError } from "../errors.ts";
import { isScript } from "./first-line.ts";
import { lookUp } from "./program-path.ts";
import type { Program } from "./program-wish.ts";
import { runnerFile } from "./runner-files.ts";

/** Is it a module by its name, and not a program by its mode and its first line? */
export function isModule(path: string): boolean {
  if (!/\.[cm]?[jt]s$/.test(path)) return false;
  const isExecutable = ((lookUp(path)?.mode ?? 0) & 0o111) !== 0;
  return !(isExecutable && isScript(path));
}

/** The Node that we run in, with our runner, the module and its own arguments. */
export function nodeProgram(
  path: string,
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>>,
): Program {
  // What NODE_OPTIONS adds, a loader perhaps, is not ours to judge.
  if (/\.[cm]?ts$/.test(path) && !stripsTypes() && environment["NODE_OPTIONS"] === undefined) refuseTypeScript(path);
  const runner = runnerFile("node-runner.cjs");
  return { path: process.execPath, args: [runner, path, ...args], cwd, runner, sources: [path] };
}

/** Node 22.18 and later run TypeScript by leaving the types out. */
function stripsTypes(): boolean {
  return Boolean((process.features as { readonly typescript?: unknown }).typescript);
}

function refuseTypeScript(path: string): never {
  throw new FcgiPmError(
    "FCGI_PM_PROGRAM_WRONG",
    `Cannot serve "${path}": Node ${process.versions.node} does not run TypeScript`,
    {
      remedy: "compile it to JavaScript, or run fcgi-pm with Node 22.18 or later",
    },
  );
}
