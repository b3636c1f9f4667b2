/** What stands between a user and a file: asked as that user, so that groups and ACLs count. */
import { type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { firstRefused, type PathTest } from "../os/access-as.ts";
import type { Identity } from "../os/identity.ts";
import { findGroup, findUser } from "../os/posix.ts";

export type Wanted = "read" | "write" | "execute";

export interface Closed {
  readonly path: string;
  readonly isDirectory: boolean;
  /** In words: `is closed to that user`. */
  readonly hinders: string;
  /** `drwx------ root:root`, as `ls -l` has it. */
  readonly rights: string;
  /** The owner's name. */
  readonly owner: string;
  /** A command that opens it. */
  readonly remedy: string;
}

/** The first directory on the way that the user may not enter, or the file itself; undefined where nothing is in the way. */
export async function firstClosed(path: string, wanted: Wanted, identity: Identity): Promise<Closed | undefined> {
  const test = ({ read: "-r", write: "-w", execute: "-x" } as const)[wanted];
  const tests = [
    ...directoriesOf(path).map((directory): PathTest => ({ test: "-x", path: directory })),
    { test, path },
  ];
  const closed = tests[await firstRefused(tests, identity)]?.path;
  return closed === undefined ? undefined : describe(closed, closed === path ? wanted : "enter", identity);
}

/** From the root down, the file itself not included. */
function directoriesOf(path: string): string[] {
  const above = dirname(path);
  return above === path ? [] : [...directoriesOf(above), above];
}

/** Undefined: there is nothing, which is another matter. */
function describe(path: string, wanted: Wanted | "enter", { gid }: Identity): Closed | undefined {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined) return undefined;
  const isDirectory = file.isDirectory();
  const isFilled = isDirectory && wanted === "write";
  const right = isDirectory ? "x" : { read: "r", write: "w", execute: "x", enter: "x" }[wanted];
  const owner = findUser(file.uid)?.name ?? String(file.uid);
  return {
    path,
    isDirectory,
    hinders: isFilled ? "lets that user make no file in it" : "is closed to that user",
    rights: rightsOf(file, owner),
    owner,
    remedy: isFilled ? letsFill(path, gid) : `chmod o+${right} ${path}`,
  };
}

/** Not for everybody: who may fill a directory of the program may replace what is in it. */
function letsFill(directory: string, gid: number): string {
  return `chgrp ${findGroup(gid)?.name ?? gid} ${directory} && chmod g+rwx ${directory}`;
}

function rightsOf(file: Stats, owner: string): string {
  const bits = [0o400, 0o200, 0o100, 0o40, 0o20, 0o10, 0o4, 0o2, 0o1];
  const text = bits.map((bit, index) => ((file.mode & bit) === 0 ? "-" : "rwx".charAt(index % 3))).join("");
  return `${file.isDirectory() ? "d" : "-"}${text} ${owner}:${findGroup(file.gid)?.name ?? file.gid}`;
}
