/** The end of a process that is not our child. */
import { readFileSync } from "node:fs";

/** Somebody waits for the answer; a process that ends takes some milliseconds. */
const lookEveryMs = 10;

/**
 * Resolves when the process that has this number now has ended; one that nobody has reaped yet has ended, too. To be
 * called before it is asked to end: its number may be given to another one afterwards.
 */
export async function waitForEnd(pid: number): Promise<void> {
  const birth = birthOf(pid);
  while (birth !== undefined && birthOf(pid) === birth) {
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

/** When it was started, in clock ticks since the boot; undefined where there is no such process any more (proc(5), /proc/pid/stat). */
function birthOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
