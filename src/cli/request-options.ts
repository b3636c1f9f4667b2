/** What `fcgi-pm request` was told, as commander has it, and the few words of it that are checked in one place. */

import { FcgiPmError } from "../errors.ts";
import { type WebServerName, webServerNames } from "../fastcgi/web-servers.ts";
import type { Role } from "../fastcgi/wire/constants.ts";
import { role } from "../fastcgi/wire/constants.ts";
import { parseDuration } from "../units.ts";

/** A part of the data: text, where @FILE is read without line ends; raw, where it is not read; binary, where it is read as it is. */
export interface DataPart {
  readonly kind: "text" | "raw" | "binary";
  readonly text: string;
}

export interface RequestWords {
  readonly socket?: string;
  readonly port?: string;
  readonly app?: string;
  readonly config?: string;
  readonly control?: string;
  readonly request?: string;
  readonly header?: readonly string[];
  /** What -d, --data-raw and --data-binary gave, in their order. */
  readonly data?: readonly DataPart[];
  readonly get?: true;
  readonly as?: string;
  readonly scriptName?: string;
  readonly root?: string;
  readonly index?: string;
  readonly scriptFilename?: string;
  readonly param?: readonly string[];
  readonly role?: string;
  readonly filterData?: string;
  readonly keepConn?: true;
  readonly timeout?: string;
  readonly connectTimeout?: string;
  readonly include?: true;
  readonly head?: true;
  readonly output?: string;
  readonly silent?: true;
  readonly showError?: true;
  readonly verbose?: true;
  readonly timing?: true;
  readonly json?: true;
}

/** The error for words that cannot be meant. */
export function wrongUsage(message: string, remedy = "fcgi-pm request --help"): FcgiPmError {
  return new FcgiPmError("FCGI_PM_USAGE_WRONG", message, { remedy });
}

export function parseWebServer(text: string | undefined): WebServerName {
  if (text === undefined) return "nginx";
  const name = webServerNames.find((known) => known === text);
  if (name !== undefined) return name;
  throw wrongUsage(`--as takes ${webServerNames.join(", ")}, got "${text}"`, "--as nginx");
}

export function parseRole(text: string | undefined): Role {
  if (text === undefined) return role.responder;
  const found = Object.entries(role).find(([name]) => name === text);
  if (found !== undefined) return found[1];
  throw wrongUsage(`--role takes ${Object.keys(role).join(", ")}, got "${text}"`, "--role authorizer");
}

/** Milliseconds; 0 is for ever. */
export function parseLimit(option: string, text: string | undefined, usualMs: number): number {
  if (text === undefined) return usualMs;
  const ms = parseDuration(text);
  if (ms === undefined)
    throw wrongUsage(`${option} takes a time such as 250ms, 5s or 2m, got "${text}"`, `${option} 5s`);
  // No timer is longer.
  return ms === 0 || ms > 2 ** 31 - 1 ? Number.POSITIVE_INFINITY : ms;
}
