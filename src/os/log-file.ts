/** Can what is to be logged be written? Asked before anything is started; what writes it is loaded later. */
import { accessSync, closeSync, constants, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { FcgiPmError } from "../errors.ts";

export function proveLogFile(path: string): void {
  try {
    touch(path);
  } catch (error) {
    throw new FcgiPmError("FCGI_PM_LOG_UNWRITABLE", `Cannot write the log "${path}": ${codeOf(error)}`);
  }
}

/** The lines of an app's workers can go to this file, and it can be rotated. */
export function proveOutputFile(app: string, path: string): void {
  const why = obstacleOf(path);
  if (why === undefined) return;
  throw new FcgiPmError("FCGI_PM_LOG_UNWRITABLE", `Cannot write the output file "${path}" of ${app}: ${why}`, {
    remedy: "check the path and its rights, or choose another --output-file",
  });
}

function obstacleOf(path: string): string | undefined {
  try {
    // Before it is opened: that would wait for the reader of a FIFO.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) return "it is not a regular file";
    touch(path);
  } catch (error) {
    return codeOf(error);
  }
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return `it cannot be rotated, its directory is not writable: ${codeOf(error)}`;
  }
}

function touch(path: string): void {
  closeSync(openSync(path, "a", 0o640));
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;
