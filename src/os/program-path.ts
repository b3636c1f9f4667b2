/** Where a program lies, and what is there. */
import { accessSync, constants, type Stats, statSync } from "node:fs";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { FcgiPmError } from "../errors.ts";

/** With a slash it is a path; without, a file in `directory` comes first, then PATH, then where system programs are kept. */
export function locate(name: string, directory: string, path: string): string {
  if (name.includes("/")) {
    const full = isAbsolute(name) ? name : resolve(directory, name);
    if (lookUp(full) === undefined) throw missing(name, `there is no ${full}`);
    return full;
  }
  const near = join(directory, name);
  if (lookUp(near)?.isFile() === true) return near;
  const found = search(name, `${path}${delimiter}/usr/sbin${delimiter}/sbin`);
  if (found === undefined) throw missing(name, `it is neither in ${directory} nor in PATH`);
  return found;
}

/** The first program of this name in PATH. */
export function search(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((directory) => isAbsolute(directory))
    .map((directory) => join(directory, name))
    .find((candidate) => isProgram(candidate));
}

/** A directory of PATH that may not be entered is passed over, as the shell does. */
function isProgram(candidate: string): boolean {
  try {
    return statSync(candidate, { throwIfNoEntry: false })?.isFile() === true && isExecutable(candidate);
  } catch {
    return false;
  }
}

/** What is there; undefined for nothing. */
export function lookUp(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOTDIR") return undefined;
    throw new FcgiPmError("FCGI_PM_PROGRAM_WRONG", `Cannot start "${path}": no right to look at it (${code})`);
  }
}

function missing(name: string, why: string): FcgiPmError {
  return new FcgiPmError("FCGI_PM_PROGRAM_MISSING", `Cannot start "${name}": ${why}`);
}

export function refuseNonFile(path: string): void {
  const found = lookUp(path);
  if (found?.isFile() === true) return;
  const what = found?.isDirectory() === true ? "a directory" : "no regular file";
  throw new FcgiPmError("FCGI_PM_PROGRAM_WRONG", `Cannot start "${path}": it is ${what}`, {
    remedy: "name the program itself",
  });
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function refuseNotExecutable(path: string): void {
  if (isExecutable(path)) return;
  throw new FcgiPmError("FCGI_PM_PROGRAM_NOT_EXECUTABLE", `Cannot start "${path}": it is not executable`, {
    remedy: `chmod +x ${path}`,
  });
}
