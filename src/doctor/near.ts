/** Looks for files in some directories, and no deeper. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

export interface NearFile {
  readonly directory: string;
  readonly file: string;
}

/** The directories that have one of these names, in their order. */
export function findFiles(directories: readonly string[], names: readonly string[]): NearFile[] {
  return directories.flatMap((directory) => {
    const name = names.find((candidate) => existsSync(join(directory, candidate)));
    return name === undefined ? [] : [{ directory, file: join(directory, name) }];
  });
}

/** What Python takes for a module there; none where the directory may not be read. */
export function pythonModulesIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter(
      (name) => name.endsWith(".py") || existsSync(join(directory, name, "__init__.py")),
    );
  } catch {
    return [];
  }
}
