/** What the doctor is to ask, from what was typed. */
import type { Wish } from "../doctor/patient.ts";
import { FcgiPmError } from "../errors.ts";
import { parseDuration } from "../units.ts";
import { readTarget } from "./request-url.ts";

export interface WishWords {
  readonly webUser?: string;
  readonly as?: string;
  readonly uri?: string;
  readonly data?: string;
  readonly root?: string;
  readonly scriptFilename?: string;
  readonly timeout?: string;
}

/** As nginx and Apache have it. */
const usualTimeout = "60s";

/** Throws FCGI_PM_USAGE_WRONG. */
export function wishOf(words: WishWords): Wish {
  const { data, root, scriptFilename, webUser, timeout = usualTimeout, as = "nginx" } = words;
  if (as !== "nginx" && as !== "apache" && as !== "lighttpd") {
    throw wrong(`--as takes nginx, apache or lighttpd, got "${as}"`, "--as nginx");
  }
  return { ...readUri(words.uri ?? "/"), timeoutMs: parseTimeout(timeout), as, webUser, data, root, scriptFilename };
}

function readUri(text: string): Pick<Wish, "uri" | "site"> {
  if (text.startsWith("/")) return { uri: text };
  if (!/^https?:\/\//i.test(text)) throw wrong(`--uri takes a path or a URL, got "${text}"`, "--uri '/news?page=2'");
  const { uri, ...site } = readTarget(text);
  return { uri, site: { ...site, origin: `${site.https ? "https" : "http"}://${site.host}` } };
}

function parseTimeout(text: string): number {
  const timeoutMs = parseDuration(text) ?? 0;
  if (timeoutMs > 0) return timeoutMs;
  throw wrong(`--timeout takes how long an answer may take, got "${text}"`, "--timeout 60s");
}

function wrong(message: string, remedy: string): FcgiPmError {
  return new FcgiPmError("FCGI_PM_USAGE_WRONG", message, { remedy });
}
