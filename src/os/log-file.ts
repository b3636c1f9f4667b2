/** Can what is to be logged be written? Asked before anything is started; what writes it is loaded later. */
import { accessSync, closeSync, constants, lstatSync, openSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { FcgiPmError } from "../errors.ts";

export function proveLogFile(path: string): void {
  try {
    touch(path);
  } catch (error) {
    throw new FcgiPmError("FCGI_PM_LOG_UNWRITABLE", `Cannot write the log "${path}": ${whyNot(error, path)}`);
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

/**
 * Is it a symbolic link that another user has made? Of a manager that is root he would have his workers' lines written
 * to any file of the system, and be root himself.
 */
export function isForeignLink(file: Stats | undefined): boolean {
  return file?.isSymbolicLink() === true && file.uid !== 0 && process.geteuid?.() === 0;
}

/** What is said of one. */
export const foreignLink = "it is a symbolic link of another user, and root does not follow those";

function obstacleOf(path: string): string | undefined {
  try {
    if (isForeignLink(lstatSync(path, { throwIfNoEntry: false }))) return foreignLink;
    // Before it is opened: that would wait for the reader of a FIFO.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) return "it is not a regular file";
    touch(path);
  } catch (error) {
    return whyNot(error, path);
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

const codeOf = (error: unknown) => String((error as NodeJS.ErrnoException).code);

function whyNot(error: unknown, path: string): string {
  const words: Readonly<Record<string, string>> = {
    ENOENT: `there is no directory ${dirname(path)}`,
    EACCES: "no right to write there",
    EISDIR: "it is a directory",
    EROFS: "the file system is read-only",
    ENOSPC: "the disk is full",
  };
  return words[codeOf(error)] ?? codeOf(error);
}
