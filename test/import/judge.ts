/** Asks the programs whose configuration is imported whether they see the same in it. */
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";

export type Judged<T> = { readonly value: T; readonly error?: undefined } | { readonly error: string };

/** Many questions in one run of Python, which has the module of supervisord. */
export function askPython<T>(
  verb: "ini" | "split" | "pairs" | "format" | "config",
  questions: readonly unknown[],
): Judged<T>[] {
  const input = JSON.stringify(questions.map((question) => [verb, question]));
  const text = execFileSync("/usr/bin/python3", [join(import.meta.dirname, "judge.py")], {
    input,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(text) as Judged<T>[];
}

/** Runs a program to its end; what it says where it is not content. */
export function complaintOf(program: string, args: readonly string[]): string {
  const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (error !== undefined)
    throw new Error(`Cannot ask ${program}: ${error.message}\n  try: bash test/install-peers.sh`);
  return status === 0 ? "" : `${stdout}${stderr}`;
}
