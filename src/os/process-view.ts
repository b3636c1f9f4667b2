/** Another process as people name it: who it is, whose it is, in which state. */
import { readFileSync, readlinkSync } from "node:fs";
import { findUser } from "./posix.ts";
import { processName } from "./procfs.ts";

export interface ProcessView {
  readonly pid: number;
  /** As the kernel keeps it, at most 15 bytes. */
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, as they are now: a group that was given to its user later is not among them. */
  readonly groups: readonly number[];
  readonly user: string;
  /** `R`, `S`, `T` and so on, of its first thread. */
  readonly state: string;
  readonly parent: number;
  /** May it use what rights forbid? As root usually does. */
  readonly overridesRights: boolean;
}

const CAP_DAC_OVERRIDE = 1;

/** Undefined: it is gone. */
export function viewProcess(pid: number): ProcessView | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const numbers = (field: string): number[] =>
      (new RegExp(`^${field}:[ \\t]*(.*)$`, "m").exec(status)?.[1] ?? "")
        .trim()
        .split(/\s+/)
        .filter(Boolean)
        .map(Number);
    const [, uid = 0] = numbers("Uid");
    const [, gid = 0] = numbers("Gid");
    const capabilities = BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(status)?.[1] ?? "0"}`);
    return {
      pid,
      name: processName(pid) ?? "?",
      uid,
      gid,
      groups: numbers("Groups"),
      user: findUser(uid)?.name ?? String(uid),
      state: /^State:\s*(\S)/m.exec(status)?.[1] ?? "?",
      parent: numbers("PPid")[0] ?? 0,
      overridesRights: ((capabilities >> BigInt(CAP_DAC_OVERRIDE)) & 1n) === 1n,
    };
  } catch {
    return undefined;
  }
}

/** Its namespace of this kind, as a word to compare; undefined where we may not look. */
export function namespaceOf(pid: number | "self", kind: "mnt" | "net" | "pid"): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return undefined;
  }
}
