/** Is there a program, and can it be started? Found out before the first spawn, since exec's own answer is a bare 127. */
import { accessSync, closeSync, constants, openSync, readSync, type Stats, statSync } from "node:fs";
import { basename, delimiter, dirname, isAbsolute, join, resolve } from "node:path";
import { FcgiPmError } from "../errors.ts";
import type { Identity } from "./identity.ts";

export interface ProgramWish {
  readonly command: readonly [string, ...string[]];
  /** Where a relative name starts. */
  readonly directory: string;
  /** Absent: the program's directory. */
  readonly cwd?: string;
  /** The PATH that the workers will have. */
  readonly path: string;
  readonly identity: Identity;
}

export interface Program {
  readonly path: string;
  readonly args: readonly string[];
  readonly cwd: string;
}

/** The longest `#!` line that Linux reads (BINPRM_BUF_SIZE). */
const longestFirstLine = 256;

/** The program's absolute path and working directory, or a clear error with its remedy. */
export async function resolveProgram(wish: ProgramWish): Promise<Program> {
  const [name, ...args] = wish.command;
  const path = locate(name, wish.directory, wish.path);
  refuseNonFile(path);
  refuseNotExecutable(path);
  refuseWrongFirstLine(path, wish.path);
  const cwd = wish.cwd ?? dirname(path);
  refuseWrongCwd(cwd);
  if (wish.identity.setpriv !== undefined) await refuseForUser(path, cwd, wish.identity);
  return { path, args, cwd };
}

/** With a slash it is a path; without, a file in `directory` comes first, then PATH, then where system programs are kept. */
function locate(name: string, directory: string, path: string): string {
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

function search(name: string, path: string): string | undefined {
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

function lookUp(path: string): Stats | undefined {
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

function refuseNonFile(path: string): void {
  const found = lookUp(path);
  if (found?.isFile() === true) return;
  const what = found?.isDirectory() === true ? "a directory" : "no regular file";
  throw new FcgiPmError("FCGI_PM_PROGRAM_WRONG", `Cannot start "${path}": it is ${what}`, {
    remedy: "name the program itself",
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function refuseNotExecutable(path: string): void {
  if (isExecutable(path)) return;
  throw new FcgiPmError("FCGI_PM_PROGRAM_NOT_EXECUTABLE", `Cannot start "${path}": it is not executable`, {
    remedy: `chmod +x ${path}`,
  });
}

function refuseWrongFirstLine(path: string, searchPath: string): void {
  const start = readStart(path);
  if (start === undefined || isBinary(start)) return;
  const wrong = (why: string, remedy: string) =>
    new FcgiPmError("FCGI_PM_PROGRAM_WRONG", `Cannot start "${path}": ${why}`, { remedy });
  if (start.length === 0) throw wrong("it is empty", "check the path of the program");
  const line = start.toString("latin1").split("\n", 1)[0] ?? "";
  if (line.startsWith("\xef\xbb\xbf#!")) {
    throw wrong("a byte order mark stands before its #!", `sed -i '1s/^\\xEF\\xBB\\xBF//' ${path}`);
  }
  if (!line.startsWith("#!")) {
    throw wrong(
      "it is a text without a #! line",
      `put the interpreter into its first line, such as #!/usr/bin/python3`,
    );
  }
  if (line.endsWith("\r")) {
    throw wrong("its #! line ends with CR LF, as Windows writes it", `sed -i 's/\\r$//' ${path}`);
  }
  refuseMissingInterpreter(path, line, searchPath);
}

/** The first bytes; undefined where we may execute the program, but not read it: a binary then, or `user` will tell. */
function readStart(path: string): Buffer | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    const buffer = Buffer.alloc(longestFirstLine);
    return buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(fd);
  }
}

/** ELF, or anything else with a zero byte near its start (binfmt_misc knows more kinds). */
function isBinary(start: Buffer): boolean {
  return start.includes(0);
}

/** `#!/usr/bin/env NAME` looks NAME up in the PATH of the workers. */
function refuseMissingInterpreter(path: string, line: string, searchPath: string): void {
  const [interpreter = "", ...words] = line
    .slice(2)
    .trim()
    .split(/[ \t]+/);
  const absent = (which: string, why: string) =>
    new FcgiPmError("FCGI_PM_INTERPRETER_MISSING", `Cannot start "${path}": its interpreter ${which} ${why}`);
  if (interpreter === "") throw absent('""', "is not named after the #!");
  if (lookUp(resolve(dirname(path), interpreter))?.isFile() !== true) throw absent(interpreter, "does not exist");
  if (!isExecutable(interpreter)) throw absent(interpreter, "is not executable");
  const name = basename(interpreter) === "env" ? nameForEnv(words) : undefined;
  if (name !== undefined && !name.includes("/") && search(name, searchPath) === undefined) {
    throw absent(`"${name}"`, `is not in the workers' PATH (${searchPath})`);
  }
}

/** The program among env's words: after its options (-S, -i, …) and assignments. */
function nameForEnv(words: readonly string[]): string | undefined {
  return words.find((word) => !word.startsWith("-") && !word.includes("="));
}

function refuseWrongCwd(cwd: string): void {
  if (lookUp(cwd)?.isDirectory() === true) return;
  throw new FcgiPmError("FCGI_PM_CWD_WRONG", `Cannot start workers in "${cwd}": it is no directory`);
}

interface Question {
  readonly test: "-r" | "-x";
  readonly path: string;
  readonly refusal: FcgiPmError;
}

/** Asks as that user, with all its groups: mode bits alone would not tell of ACLs and of directories on the way. */
async function refuseForUser(path: string, cwd: string, identity: Identity): Promise<void> {
  const questions: Question[] = [{ test: "-x", path, refusal: notFor(path, identity, "execute") }];
  if (isScript(path)) questions.push({ test: "-r", path, refusal: notFor(path, identity, "read") });
  const noEntry = `Cannot start workers in "${cwd}": user "${identity.name}" may not enter it`;
  questions.push({ test: "-x", path: cwd, refusal: new FcgiPmError("FCGI_PM_CWD_WRONG", noEntry) });
  const refused = questions[await firstRefused(questions, identity)];
  if (refused !== undefined) throw refused.refusal;
}

/** The index of the first test that fails; -1 where all hold. */
async function firstRefused(questions: readonly Question[], identity: Identity): Promise<number> {
  const tests = questions.map(({ test }, index) => `[ ${test} "$${index + 1}" ] || exit ${index + 1}`).join("; ");
  const [command = "", ...args] = [...(identity.setpriv ?? []), "/bin/sh", "-c", tests, "sh"];
  // Loaded here, since most starts do without it: it takes some 15 ms.
  const { execa } = await import("execa");
  const { exitCode } = await execa(command, [...args, ...questions.map(({ path }) => path)], {
    reject: false,
    cwd: "/",
  });
  return (exitCode ?? 0) - 1;
}

function isScript(path: string): boolean {
  return readStart(path)?.subarray(0, 2).toString("latin1") === "#!";
}

function notFor(path: string, identity: Identity, what: "read" | "execute"): FcgiPmError {
  const message = `Cannot start "${path}": user "${identity.name}" may not ${what} it`;
  return new FcgiPmError("FCGI_PM_PROGRAM_NOT_EXECUTABLE", message, {
    remedy: `check the rights of the file and of each directory above it: namei -l ${path}`,
  });
}
