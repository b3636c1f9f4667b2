/** Python interpreters and virtualenvs. */
import { lstatSync, realpathSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { FcgiPmError } from "../errors.ts";
import { lookUp, refuseNonFile, refuseNotExecutable, search } from "./program-path.ts";
import type { ProgramWish, WsgiWish } from "./program-wish.ts";

/** The first version that our runner works with. */
const oldest = [3, 7] as const;

/** The path of the interpreter, or a clear error with its remedy. */
export async function findPython(wsgi: WsgiWish, wish: ProgramWish): Promise<string> {
  const path = locatePython(wsgi, wish.directory, wish.environment["PATH"] ?? "");
  refuseNonFile(path);
  refuseNotExecutable(path);
  const version = versionOfName(path) ?? (await askVersion(path, wish));
  if (version === undefined || isNewEnough(version)) return path;
  const why = `${path} is Python ${version.join(".")}, and it takes ${oldest.join(".")} or later`;
  throw refusal(wsgi, "WRONG", why, "name another interpreter: --python PATH");
}

/** As a program is looked up; of a directory, its `bin/python` is meant. */
function locatePython(wsgi: WsgiWish, directory: string, searchPath: string): string {
  const name = wsgi.python ?? "python3";
  const near = resolve(directory, name);
  const found = wsgi.python === undefined ? undefined : lookUp(near);
  if (found?.isDirectory() === true) return pythonOfVirtualenv(wsgi, near);
  if (found !== undefined) return near;
  if (name.includes("/"))
    throw refusal(wsgi, "MISSING", missing(near), `check the path, or make a virtualenv: python3 -m venv DIRECTORY`);
  const inPath = search(name, searchPath);
  if (inPath !== undefined) return inPath;
  throw refusal(
    wsgi,
    "MISSING",
    `there is no ${name} in the workers' PATH (${searchPath})`,
    `install ${name}, or name another interpreter: --python PATH`,
  );
}

function pythonOfVirtualenv(wsgi: WsgiWish, directory: string): string {
  const path = join(directory, "bin/python");
  if (lookUp(path) !== undefined) return path;
  const remedy = isLink(path)
    ? `make it anew: python3 -m venv --clear ${directory}`
    : `make one: python3 -m venv ${directory}`;
  const why = isLink(path) ? missing(path) : `${directory} has no bin/python, and so is no virtualenv`;
  throw refusal(wsgi, "MISSING", why, remedy);
}

/** A virtualenv links to the Python that it was made with; an upgrade of the system may have taken it away. */
function missing(path: string): string {
  return isLink(path) ? `${path} is a link to a Python that is gone` : `there is no ${path}`;
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

/** `/srv/venv/bin/python` is a link to `/usr/bin/python3.11` as a rule: nobody has to be asked. */
function versionOfName(path: string): number[] | undefined {
  return readVersion(/^python(\d+\.\d+)$/.exec(basename(realpathSync(path)))?.[1]);
}

/**
 * Runs it as the workers' user, who may be the one that owns it. Not in the workers' environment: that may hold what rules a
 * program that root starts. What answers nothing like this may answer there; its workers will tell.
 */
async function askVersion(path: string, { identity }: ProgramWish): Promise<number[] | undefined> {
  const script = "import sys; print('%d.%d' % sys.version_info[:2])";
  const [command = path, ...args] = [...(identity.setpriv ?? []), path, "-E", "-c", script];
  // Loaded here, since most starts do without it: it takes some 15 ms.
  const { execa } = await import("execa");
  const { stdout } = await execa(command, args, { reject: false, cwd: "/", timeout: 10_000 });
  return readVersion(stdout);
}

function readVersion(text: string | undefined): number[] | undefined {
  return text !== undefined && /^\d+\.\d+$/.test(text) ? text.split(".").map(Number) : undefined;
}

function isNewEnough([major = 0, minor = 0]: readonly number[]): boolean {
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}

function refusal(wsgi: WsgiWish, kind: "MISSING" | "WRONG", why: string, remedy: string): FcgiPmError {
  const code = kind === "MISSING" ? "FCGI_PM_INTERPRETER_MISSING" : "FCGI_PM_PROGRAM_WRONG";
  return new FcgiPmError(code, `Cannot serve "${wsgi.application}": ${why}`, { remedy });
}
