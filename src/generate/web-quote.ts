/**
 * A value in each server's language, exactly as it is, or an error: what a language has no words for is refused, never bent.
 * Measured with the real servers by test/system/generated-quoting.test.ts.
 */
import { FcgiPmError } from "../errors.ts";
import type { WebKind } from "./web-site.ts";

/** nginx puts variables into nearly every value and has no way to write a dollar sign. */
export function quoteNginx(value: string): string {
  refuse("nginx", value, /\$/);
  return `"${escaped(value)}"`;
}

/** Of a Unix socket in an `upstream`: no variables there, so that a dollar sign is one. */
export function quoteNginxPlain(value: string): string {
  refuse("nginx", value);
  return `"${escaped(value)}"`;
}

/** `${NAME}` is replaced when the file is read; `%{NAME}` in expressions. */
export function quoteApache(value: string): string {
  refuse("apache", value, /[$%]\{/);
  return `"${escaped(value)}"`;
}

/** A name of a file or directory that must not be read as a pattern. */
export function quoteApachePath(value: string): string {
  refuse("apache", value, /[*?[\]]/);
  return quoteApache(value);
}

/** A socket's path stands before a `|` and is read as part of a URL, where `?` and `#` end it. */
export function quoteApacheSocket(before: string, path: string, after: string): string {
  refuse("apache", path, /[|?#%*[\]]/);
  return quoteApache(before + path + after);
}

/** A backslash stands for itself, unless a quote follows: `\"` is the only escape. */
export function quoteLighttpd(value: string): string {
  refuse("lighttpd", value, /\\(?="|$)/);
  return `"${value.replaceAll('"', '\\"')}"`;
}

/** As in a shell: nothing has a meaning between single quotes, and one of these is written outside of them. */
export function quoteHaproxy(value: string): string {
  refuse("haproxy", value);
  return `'${value.replaceAll("'", "'\\''")}'`;
}

/** An address is searched for variables once more, after the quotes are gone. */
export function quoteHaproxyAddress(value: string): string {
  refuse("haproxy", value, /\$/);
  return quoteHaproxy(value);
}

/** Of a parameter: a format, where `%` begins a variable. */
export function quoteHaproxyFormat(value: string, after = ""): string {
  return quoteHaproxy(value.replaceAll("%", "%%") + after);
}

/** `{` may begin a placeholder. Between backticks everything else stands for itself. Placeholders of ours may stand around it. */
export function quoteCaddy(value: string, before = "", after = ""): string {
  refuse("caddy", value, /[{`]/);
  const whole = before + value + after;
  return /^[\w./:@=-]+$/.test(whole) ? whole : `\`${whole}\``;
}

/** A colon would begin a port. */
export function quoteCaddySocket(path: string): string {
  refuse("caddy", path, /:/);
  return quoteCaddy(path, "unix/");
}

/** Where files are looked for a directory is a part of a pattern. */
export function quoteCaddyDirectory(value: string): string {
  refuse("caddy", value, /[\\*?[\]]/);
  return quoteCaddy(value);
}

function escaped(value: string): string {
  return value.replace(/[\\"]/g, "\\$&");
}

const names: { readonly [K in WebKind]: string } = {
  nginx: "nginx",
  apache: "Apache",
  lighttpd: "lighttpd",
  haproxy: "HAProxy",
  caddy: "Caddy",
};

export function nameOfServer(kind: WebKind): string {
  return names[kind];
}

/** Control characters are refused by all of them: a line end would begin another directive. */
function refuse(kind: WebKind, value: string, special?: RegExp): void {
  const found = /[\u0000-\u001f\u007f]/.exec(value) ?? special?.exec(value);
  if (!found) return;
  const what = JSON.stringify(found[0]);
  throw new FcgiPmError(
    "FCGI_PM_VALUE_INEXPRESSIBLE",
    `Cannot write ${JSON.stringify(value)} for ${names[kind]}: its language has no way to say ${what} there`,
  );
}
