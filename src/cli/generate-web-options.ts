/** The place that `generate` is asked for, from what was typed. */
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { parseIp } from "../config/address.ts";
import { FcgiPmError } from "../errors.ts";

export interface WebOptions {
  readonly config?: string;
  readonly control?: string;
  readonly at?: string;
  readonly static?: string;
  readonly serverName?: string;
  readonly listen?: string;
  readonly root?: string;
  readonly index?: readonly string[];
}

export interface Place {
  /** Without a slash at its end; empty at the root. */
  readonly at: string | undefined;
  readonly static: string | undefined;
  readonly serverName: string | undefined;
  readonly listen: { readonly host: string | undefined; readonly port: number };
  readonly root: string | undefined;
  readonly index: readonly string[];
}

/** Throws FCGI_PM_USAGE_WRONG. */
export function placeOf(options: WebOptions): Place {
  const { at, static: files, serverName, listen = "80", root, index = [] } = options;
  return {
    at: at === undefined ? undefined : parseMount(at),
    static: files === undefined ? undefined : directory("--static", files),
    serverName: serverName === undefined ? undefined : parseName(serverName),
    listen: parseListen(listen),
    root: root === undefined ? undefined : directory("--root", root),
    index: index.map(parseIndex),
  };
}

/** What has to be percent-encoded would be one path for one server and another for the next. */
function parseMount(text: string): string {
  if (isMount(text)) return text.replace(/\/+$/, "");
  throw wrongUsage(`--at takes a path of letters, digits and . _ ~ -, got "${text}"`, "--at /app");
}

function isMount(text: string): boolean {
  const path = text.replace(/\/+$/, "");
  const parts = path.split("/").slice(1);
  const isPlain = /^(?:\/[A-Za-z0-9._~-]+)*$/.test(path);
  return isPlain && text.startsWith("/") && !parts.some((part) => part === "." || part === "..");
}

/** Where an app of a config believes to be, without a slash at its end. Undefined: it takes what the web server says. */
export function mountOfApp(name: string, scriptName: string | undefined): string | undefined {
  if (scriptName === undefined || scriptName === "" || isMount(scriptName)) return scriptName;
  throw wrongUsage(
    `Cannot write the script-name of ${name}, "${scriptName}", for a web server: only letters, digits and . _ ~ - are sure`,
    "name another path for the web server: --at /app",
  );
}

function parseName(text: string): string {
  const isName = text.length <= 253 && /^(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*$/i.test(text);
  if (isName) return text.toLowerCase();
  throw wrongUsage(`--server-name takes the name of one host, got "${text}"`, "--server-name blog.example");
}

function parseListen(text: string): Place["listen"] {
  const [, bracketed, plain, digits] = /^(?:(?:\[(.+)\]|([^:]+)):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const named = bracketed ?? plain;
  const host = named === undefined ? undefined : parseIp(named);
  const isRight = port >= 1 && port <= 65_535 && (named === undefined || host !== undefined);
  if (isRight) return { host, port };
  throw wrongUsage(`--listen takes a port, or an address and a port, got "${text}"`, "--listen 8080");
}

/** What is not there can be made later; what is a file never gets a directory. */
function directory(flag: string, text: string): string {
  const path = resolve(text);
  if (!existsSync(path) || statSync(path).isDirectory()) return path === "/" ? "" : path;
  throw wrongUsage(`${flag} takes a directory, and "${text}" is a file`, `${flag} /var/www/html`);
}

function parseIndex(text: string): string {
  if (/^[^/\s]+\.[A-Za-z0-9]+$/.test(text)) return text;
  throw wrongUsage(`--index takes the name of a file, with its ending, got "${text}"`, "--index index.php");
}

export function wrongUsage(message: string, remedy: string): FcgiPmError {
  return new FcgiPmError("FCGI_PM_USAGE_WRONG", message, { remedy });
}
