/** What lies below a directory that is to be public, and must not be read by everybody: config, env-files, the program, logs. */
import { existsSync, realpathSync } from "node:fs";
import { relative } from "node:path";
import { isHidden } from "../generate/web-hidden.ts";
import { wrongUsage } from "./generate-web-options.ts";

/** Throws FCGI_PM_USAGE_WRONG. */
export function refusePrivate(flag: string, directory: string, files: readonly string[]): void {
  const found = files.find((file) => isServed(relative(realOf(directory), realOf(file))));
  if (found === undefined) return;
  throw wrongUsage(
    `Cannot serve ${directory} (${flag}): ${found} lies there, and everybody could read it`,
    `name a directory that has nothing but what is public, such as ${flag} ${directory}/public, or move that file`,
  );
}

function isServed(path: string): boolean {
  return path !== "" && path !== ".." && !path.startsWith("../") && !isHidden(path);
}

function realOf(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}
