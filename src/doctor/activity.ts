/** What a process is doing right now, in words: "sleeps", "reads from 10.0.0.5:5432", "uses the processor". */
import { readlinkSync } from "node:fs";
import { doingsOf } from "../diagnosis/activity.ts";
import { read, threadsOf } from "../os/proc-files.ts";
import { parseStat, parseSyscall } from "../supervision/readiness.ts";
import { openSocketsOf } from "./sockets.ts";

/** It is looked at so often, over a fifth of a second, to see whether it computes. */
const looks = 10;
const lookEveryMs = 20;

/** Undefined: it has ended, or may not be looked at. */
export async function activityOf(pid: number): Promise<string | undefined> {
  let running = 0;
  for (let look = 0; look < looks; look += 1) {
    if (isRunning(pid)) running += 1;
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
  return running === looks ? "uses the processor all the time" : doingOf(pid);
}

/** On a processor, or waiting for one: what it uses of it says little on a machine with much to do. */
function isRunning(pid: number): boolean {
  try {
    return threadsOf(pid).some((thread) => parseStat(read(`${thread}/stat`)).state === "R");
  } catch {
    return false;
  }
}

/** What its first thread is blocked in; undefined where it is not, or that is not known. */
export function doingOf(pid: number): string | undefined {
  try {
    const { state } = parseStat(read(`/proc/${pid}/stat`));
    if (state === "T" || state === "t") return "is stopped by a signal";
    const call = parseSyscall(read(`/proc/${pid}/syscall`));
    const doings = call === undefined ? undefined : doingsOf(call, process.arch);
    if (doings === undefined) return undefined;
    const { doing, fd } = doings;
    return fd === undefined ? doing : `${doing} ${prepositionOf(doing)}${targetOf(pid, fd)}`;
  } catch {
    return undefined;
  }
}

function prepositionOf(doing: string): string {
  if (doing === "reads") return "from ";
  if (doing === "accepts") return "on ";
  return doing === "waits for a lock" ? "on " : "to ";
}

/** A file by its path, a socket by whom it is connected to. */
function targetOf(pid: number, fd: number): string {
  const link = readlinkSync(`/proc/${pid}/fd/${fd}`);
  if (!link.startsWith("socket:")) return `${link} (descriptor ${fd})`;
  const socket = openSocketsOf(pid).find((candidate) => candidate.fd === fd);
  const name = socket?.remote ?? socket?.local;
  return name === undefined || name === "" ? `a socket (descriptor ${fd})` : `${name} (descriptor ${fd})`;
}
