/** Where a program of supervisord writes to, as the one output file of an app. */
import type { Draft, Given } from "./draft.ts";
import { remark } from "./draft.ts";
import { isAbsolute } from "./paths.ts";
import { isYes, readInteger } from "./rules.ts";
import { bytesOf } from "./supervisord-options.ts";

/** The option of this name, expanded; undefined where it is not written. */
export type Get = (name: string) => Given | undefined;

export const outputOptions = [
  ...["redirect_stderr", "stdout_logfile", "stdout_logfile_maxbytes", "stdout_logfile_backups"],
  ...["stderr_logfile", "stderr_logfile_maxbytes", "stderr_logfile_backups"],
] as const;

/** Both streams of an app go to one file, each line with its stream; supervisord has one file for each. */
export function takeOutput(draft: Draft, get: Get): void {
  const redirect = get("redirect_stderr");
  const isRedirected = redirect !== undefined && isYes(redirect.value) === true;
  if (redirect !== undefined)
    remark(draft.remarks, "same", redirect, "both streams of a worker go to the same place; a record names its stream");
  const out = get("stdout_logfile");
  const error = get("stderr_logfile");
  const isOwn = (given: Given | undefined) => given !== undefined && isFile(given.value);
  const stream = isOwn(out) ? "stdout" : isOwn(error) && !isRedirected ? "stderr" : undefined;
  for (const [name, given] of [
    ["stdout", out],
    ["stderr", error],
  ] as const) {
    if (given === undefined) continue;
    if (name === stream) setFile(draft, given);
    else tellOfOther(draft, given, stream !== undefined);
  }
  for (const name of ["stdout", "stderr"] as const) takeRotation(draft, get, name, name === stream);
}

function setFile(draft: Draft, given: Given): void {
  draft.settings.set("output-file", given.value);
  if (!isAbsolute(given.value))
    remark(
      draft.remarks,
      "changed",
      given,
      "a relative path starts at the config here, and where supervisord stood there",
    );
}

/** AUTO, NONE, syslog and devices are no files to rotate. */
function isFile(value: string): boolean {
  return !/^(?:none|off|auto|syslog|)$/i.test(value) && !/^\/(?:dev|proc)\//.test(value);
}

function tellOfOther(draft: Draft, given: Given, hasFile: boolean): void {
  const word = given.value.toLowerCase();
  const where = hasFile ? "the app's output-file" : "the manager's log";
  if (word === "none" || word === "off")
    remark(draft.remarks, "lost", given, `lines are never thrown away: they go to ${where}`);
  else if (!isFile(given.value))
    remark(draft.remarks, "same", given, `the lines go to ${where}; fcgi-pm logs shows the last ones`);
  else remark(draft.remarks, "lost", given, `an app has one output-file: these lines go to ${where}, too`);
}

/** The least that an output file is rotated at. */
const leastSize = 64 * 1024;

function takeRotation(draft: Draft, get: Get, stream: string, isFileOfApp: boolean): void {
  const size = get(`${stream}_logfile_maxbytes`);
  const keep = get(`${stream}_logfile_backups`);
  if (!isFileOfApp) {
    for (const given of [size, keep])
      if (given !== undefined)
        remark(draft.remarks, "lost", given, "only an output-file is rotated, and this stream has none of its own");
    return;
  }
  if (size !== undefined) takeSize(draft, size);
  if (keep !== undefined) takeKeep(draft, keep);
}

function takeSize(draft: Draft, given: Given): void {
  const bytes = bytesOf(given.value);
  if (bytes === undefined || bytes === 0) {
    remark(
      draft.remarks,
      "lost",
      given,
      "an output-file is always rotated: output-max-size says when, 64M unless told",
    );
    return;
  }
  if (bytes < leastSize) remark(draft.remarks, "changed", given, "output-max-size is at least 64K");
  draft.settings.set("output-max-size", sizeText(Math.max(bytes, leastSize)));
}

function takeKeep(draft: Draft, given: Given): void {
  const number = readInteger(given.value.trim(), 0, 1000);
  if (number === undefined) remark(draft.remarks, "lost", given, "output-keep takes a number from 0 to 1000");
  else draft.settings.set("output-keep", number);
}

/** Bytes as a config has them, without loss. */
function sizeText(bytes: number): string | number {
  for (const [unit, size] of [
    ["G", 1024 ** 3],
    ["M", 1024 ** 2],
    ["K", 1024],
  ] as const)
    if (bytes % size === 0) return `${bytes / size}${unit}`;
  return bytes;
}
