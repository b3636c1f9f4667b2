/** A path, part by part, with the rights of each: what `namei -l` shows. */
import { lstatSync, realpathSync, type Stats } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { PathPart } from "../diagnosis/place-part.ts";
import { findGroup, findUser } from "./posix.ts";

/**
 * Every directory that has to be passed on the way to the file, from the root on, and the file itself: those that the
 * path leads to by way of links. It ends at the first that is not there, or that we ourselves may not see.
 */
export function partsOf(path: string): PathPart[] {
  const parts: PathPart[] = [];
  for (const each of [...prefixesOf(realOf(dirname(resolve(path)))), fileOf(path)]) {
    const file = tryLstat(each);
    if (file === undefined) return parts;
    parts.push(toPart(each, file));
  }
  return parts;
}

function fileOf(path: string): string {
  return join(realOf(dirname(resolve(path))), path.slice(path.lastIndexOf("/") + 1));
}

/** Without links, as far as it is there. */
function realOf(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return dirname(directory) === directory
      ? directory
      : join(realOf(dirname(directory)), directory.slice(directory.lastIndexOf("/") + 1));
  }
}

function prefixesOf(directory: string): string[] {
  return directory === "/" ? ["/"] : [...prefixesOf(dirname(directory)), directory];
}

function tryLstat(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function toPart(path: string, file: Stats): PathPart {
  const { mode, uid, gid } = file;
  return {
    path,
    letters: lettersOf(file),
    mode: mode & 0o7777,
    uid,
    gid,
    owner: findUser(uid)?.name ?? String(uid),
    group: findGroup(gid)?.name ?? String(gid),
    isSocket: file.isSocket(),
  };
}

function lettersOf(file: Stats): string {
  const bits = [0o400, 0o200, 0o100, 0o40, 0o20, 0o10, 0o4, 0o2, 0o1];
  return kindOf(file) + bits.map((bit, at) => ((file.mode & bit) === 0 ? "-" : "rwx"[at % 3])).join("");
}

function kindOf(file: Stats): string {
  if (file.isSymbolicLink()) return "l";
  if (file.isDirectory()) return "d";
  return file.isSocket() ? "s" : "-";
}
