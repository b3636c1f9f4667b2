/** Can the log be written? Asked before anything is started; the log itself is loaded later. */
import { closeSync, openSync } from "node:fs";
import { FcgiPmError } from "../errors.ts";

export function proveLogFile(path: string): void {
  try {
    closeSync(openSync(path, "a", 0o640));
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code;
    throw new FcgiPmError("FCGI_PM_LOG_UNWRITABLE", `Cannot write the log "${path}": ${why}`);
  }
}
