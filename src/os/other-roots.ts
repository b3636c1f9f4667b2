/** A path as another process sees it, which may have a /tmp or a whole file system of its own. */
import { realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

export type Sight =
  | { readonly kind: "file"; readonly dev: number; readonly ino: number }
  | { readonly kind: "absent" }
  /** We may not look: it is another user's process, or it is gone. */
  | { readonly kind: "unseen" };

/** What stands at the path for this process; links are followed as they lead for us. */
export function seenBy(pid: number | "self", path: string): Sight {
  const root = pid === "self" ? "" : `/proc/${pid}/root`;
  try {
    if (pid !== "self") statSync(`${root}/`);
  } catch {
    return { kind: "unseen" };
  }
  try {
    const file = statSync(`${root}${realOf(path)}`, { throwIfNoEntry: false });
    return file === undefined ? { kind: "absent" } : { kind: "file", dev: file.dev, ino: file.ino };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOTDIR" || code === "ENOENT" ? { kind: "absent" } : { kind: "unseen" };
  }
}

function realOf(path: string): string {
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch {
    return path;
  }
}
