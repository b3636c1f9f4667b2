/** What /proc tells of a process beside what it waits for: bytes in, meaning out. The reading is done in os/survey.ts. */

/** The clock in which the kernel tells times on the processor: USER_HZ, 100 on all architectures that Node knows. */
const tickMs = 10;

export interface Usage {
  /** Of the process alone, all its threads. */
  readonly cpuMs: number;
  /** Of those of its children that have ended and were waited for. */
  readonly childrenCpuMs: number;
  readonly rssPages: number;
}

/** From `/proc/PID/stat`, after the name, which may contain spaces and brackets. */
export function parseUsage(stat: string): Usage {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user, system, childrenUser, childrenSystem] = fields.slice(11, 15).map(Number);
  return {
    cpuMs: ((user ?? 0) + (system ?? 0)) * tickMs,
    childrenCpuMs: ((childrenUser ?? 0) + (childrenSystem ?? 0)) * tickMs,
    rssPages: Number(fields[21]),
  };
}

/**
 * `/proc/PID/environ`, in its order (names that are whole numbers come first, as in every object). Of a name that comes
 * twice the first counts, as for getenv(3). What is no variable is left out: a program may have written its title there.
 */
export function parseEnvironment(bytes: Uint8Array): Record<string, string> {
  const variables = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at);
    const entry = bytes.subarray(at, end === -1 ? bytes.length : end);
    const equals = entry.indexOf(0x3d);
    const name = decode(entry.subarray(0, Math.max(equals, 0)));
    if (name !== "" && !variables.has(name)) variables.set(name, decode(entry.subarray(equals + 1)));
    at += entry.length + 1;
  }
  return Object.fromEntries(variables);
}

/** UTF-8; anything else byte by byte, so that nothing is lost. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
}
