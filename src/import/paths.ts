/** Paths, as text. Without `node:path`: this room imports nothing of Node. */

export function isAbsolute(path: string): boolean {
  return path.startsWith("/");
}

/** `/etc/a.conf` is `/etc`. */
export function directoryOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end <= 0 ? (end === 0 ? "/" : ".") : path.slice(0, end);
}

/** The last part. */
export function baseOf(path: string): string {
  return path.replace(/\/+$/, "").split("/").at(-1) ?? "";
}

/** `path` as seen from `base`, without `.`, `..` and doubled slashes. */
export function resolveFrom(base: string, path: string): string {
  const whole = isAbsolute(path) ? path : `${base}/${path}`;
  const parts: string[] = [];
  for (const part of whole.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `${isAbsolute(whole) ? "/" : ""}${parts.join("/")}`;
}
