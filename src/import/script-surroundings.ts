/** Commands of a script around those that start programs: cd, umask, ulimit before them, chmod and chown of their sockets behind. */
import { setSocketOwner } from "./addresses.ts";
import type { Draft, Given, Remark } from "./draft.ts";
import { addTo, remark } from "./draft.ts";
import { isAbsolute, resolveFrom } from "./paths.ts";
import { modeText } from "./rules.ts";

/** What the programs that follow inherit from the script. */
export interface Surroundings {
  cwd: string | undefined;
  umask: string | undefined;
  readonly rlimits: Record<string, string | number>;
}

export function newSurroundings(): Surroundings {
  return { cwd: undefined, umask: undefined, rlimits: {} };
}

/** Heeds the command; false where it is none of these. */
export function takeSurroundings(
  around: Surroundings,
  given: Given,
  words: readonly string[],
  remarks: Remark[],
): boolean {
  const [name, first = "", second = ""] = words;
  if (name === "cd") return takeCd(around, first);
  if (name === "umask" && modeText(first) !== undefined) around.umask = modeText(first);
  else if (name === "ulimit") takeLimit(around, given, first, second, remarks);
  else return false;
  return true;
}

/** False where nobody can say where that is. */
function takeCd(around: Surroundings, path: string): boolean {
  const isKnown = isAbsolute(path) || (around.cwd !== undefined && /^[^-~]/.test(path));
  around.cwd = isKnown ? resolveFrom(around.cwd ?? "/", path) : undefined;
  return isKnown;
}

const limits: ReadonlyMap<string, readonly ["nofile" | "core" | "as" | "nproc", number]> = new Map([
  ["n", ["nofile", 1]],
  ["u", ["nproc", 1]],
  // In units of 1024 bytes (bash) or 512 (dash): core files are mostly all or nothing.
  ["c", ["core", 1024]],
  ["v", ["as", 1024]],
]);

function takeLimit(around: Surroundings, given: Given, flag: string, value: string, remarks: Remark[]): void {
  const limit = limits.get(/^-[HS]*([a-z])$/.exec(flag)?.[1] ?? "");
  if (limit === undefined || !/^(?:\d{1,12}|unlimited)$/.test(value)) {
    remark(
      remarks,
      "lost",
      given,
      "rlimits knows nofile, core, as and nproc: the service has others, such as LimitSTACK=",
    );
    return;
  }
  const [name, unit] = limit;
  around.rlimits[name] = value === "unlimited" ? value : Number(value) * unit;
}

/** Sets what an app inherits, unless its own command line says otherwise. */
export function settleSurroundings(draft: Draft, { cwd, umask, rlimits }: Surroundings): void {
  if (cwd !== undefined && !draft.settings.has("cwd")) draft.settings.set("cwd", cwd);
  if (umask !== undefined) draft.settings.set("umask", umask);
  if (Object.keys(rlimits).length > 0) addTo(draft, "rlimits", rlimits);
}

/** `chmod MODE SOCKET`, `chown USER:GROUP SOCKET`, `chgrp GROUP SOCKET`: said of the app that has the socket. */
export function takeRights(apps: readonly Draft[], given: Given, words: readonly string[], remarks: Remark[]): boolean {
  const [name, ...args] = words.filter((word) => !/^-[a-zA-Z]+$/.test(word));
  if (name !== "chmod" && name !== "chown" && name !== "chgrp") return false;
  const [wish = "", path] = args;
  const draft = apps.findLast((app) => app.settings.get("socket") === path);
  if (draft === undefined) return false;
  const mode = modeText(wish);
  const [user, group] = wish.split(/[:.]/);
  if (name === "chmod" && mode !== undefined) draft.settings.set("socket-mode", mode);
  else if (name === "chown") setSocketOwner(draft, user, group === "" ? undefined : group);
  else if (name === "chgrp") setSocketOwner(draft, undefined, wish);
  else remark(remarks, "lost", given, "socket-mode takes a mode in digits, such as 0660");
  return true;
}

/** Commands that change something, and are not taken over. What only asks, waits or speaks is passed over. */
export function isTold(words: readonly string[]): boolean {
  return /^(?:chmod|chown|chgrp|mkdir|install|cd|umask|su|mount|modprobe|sysctl|Xvfb|setfacl|ln|cp|(?:s6-)?setuidgid|s6-envdir|s6-softlimit)$/.test(
    words[0] ?? "",
  );
}
