/**
 * What is never served from disk, though it lies below the directory: names that begin with a dot (.git, .env), sources of
 * programs, and the copies that editors leave of them. `.well-known` at the top is for everybody. Of a path, or of what
 * follows a mount.
 */
import { literally } from "./web-text.ts";

/** `.js` is no source: browsers want it. */
const sources = ["php\\d?", "phps", "phtml", "phar", "inc", "f?cgi", "pl", "pm", "py[co]?", "rb", "[wp]sgi"];

/** The end of a name: x.py, x.PHP, x.php.bak, x.php~. For PCRE and Go. */
const source = `(?i:~|\\.(?:bak|orig)|\\.(?:${sources.join("|")})(?:[.~_-][^/]*)?)`;

export const sourcePattern = `${source}$`;

/** Of sources that are not among the scripts that are run. Only PCRE can say it. */
export function otherSourcePattern(extensions: readonly string[]): string {
  return `${source}(?<!${extensions.map((extension) => `\\.${literally(extension)}`).join("|")})$`;
}

/** Go has no "not followed by": a dotted name, unless the whole path is one of .well-known. */
export const dottedPattern = "/\\.";
export const wellKnownPattern = "^/\\.well-known/(?:[^./][^/]*(?:/|$))*$";

/** As one pattern, for PCRE: it goes behind the mount's slash. */
export const dottedBehindSlash = "(?:.*/)?\\.(?!well-known/)";

export const hiddenNote = "Nobody gets .git, .env or .htaccess.";

/** Sentences, for a comment. */
export function filesNote(server: string, app: string): string {
  return (
    `Files of the directory are served by ${server}; ${app} gets what is no file there. Names that begin with a dot ` +
    "(.git, .env) and sources of programs (.php, .py) are none."
  );
}

export const sourceNote = "Sources and copies that are not run (.inc, .php.bak, .php~) would show what is in them.";

const pattern = new RegExp(`^${dottedBehindSlash}|${sourcePattern.replace(/\(\?i:/, "(?:")}`, "i");

/** Of a path below the directory, without a slash before it. */
export function isHidden(path: string): boolean {
  return pattern.test(path);
}
