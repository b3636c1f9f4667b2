/** The first line of a program: does the kernel find its interpreter there? */
import { closeSync, openSync, readSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { FcgiPmError } from "../errors.ts";
import { isExecutable, lookUp, search } from "./program-path.ts";

/** The longest `#!` line that Linux reads (BINPRM_BUF_SIZE). */
const longestFirstLine = 256;

export function refuseWrongFirstLine(path: string, searchPath: string): void {
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
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** The `#!` line of a script, without its end; undefined where there is none, or where it cannot be read. */
export function firstLineOf(path: string): string | undefined {
  const text = readStart(path)?.toString("latin1");
  return text?.startsWith("#!") === true ? text.split("\n", 1)[0]?.trimEnd() : undefined;
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

/** Does it begin with `#!`? */
export function isScript(path: string): boolean {
  return readStart(path)?.subarray(0, 2).toString("latin1") === "#!";
}
