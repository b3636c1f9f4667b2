/** Standard output and standard error of a process that leaves its terminal. */
import { closeSync, openSync, readdirSync } from "node:fs";
import { isatty } from "node:tty";
import { replaceDescriptor, setCloseOnExec } from "./posix.ts";

/**
 * From here on both go to this file, or nowhere: whoever reads what we wrote so far comes to its end, and a terminal may
 * close. The descriptors stay open all the time, so that nothing else can get their numbers.
 */
export function leaveStandardStreams(file: string | undefined): void {
  const fd = openSync(file ?? "/dev/null", "a", 0o640);
  const others = terminals().filter((number) => number > 2);
  for (const number of [1, 2, ...others]) replaceDescriptor(number, fd);
  // What is made by dup2 goes on to workers, unless it is said that it should not.
  for (const number of others) setCloseOnExec(number);
  closeSync(fd);
}

/** libuv opens a terminal anew for itself (uv_tty_init, once process.stderr is used), under a number of its own. */
function terminals(): number[] {
  return readdirSync("/proc/self/fd")
    .map(Number)
    .filter((fd) => isatty(fd));
}
