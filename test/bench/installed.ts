/** What this machine has. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Of these programs those that are not here. */
export function lacking(...programs: string[]): string[] {
  return programs.filter((program) => pathOf(program) === undefined);
}

/** Where PATH, or the place of what serves, has a program. */
export function pathOf(program: string): string | undefined {
  return [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"]
    .map((directory) => join(directory, program))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
