/** Names in the letters that apps and services may have. */

/** Any text as such a name, without its accents, of 64 characters at most; empty where nothing of it is left. */
export function plainName(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{Mark}+/gu, "")
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 64)
    .replace(/[-._]+$/, "");
}
