/** The URI of a request as people type it: a path with its query, or a whole URL. */
import { wrongUsage } from "./request-options.ts";

export interface Target {
  /** As on the request line: percent-encoded, without a fragment. */
  readonly uri: string;
  readonly https: boolean;
  /** As the browser would send it, with the port if it is not the usual one. */
  readonly host: string;
  readonly serverName: string;
  readonly serverPort: number;
}

const usual: Omit<Target, "uri"> = { https: false, host: "localhost", serverName: "localhost", serverPort: 80 };

export function readTarget(text: string): Target {
  const [, scheme, authority = "", rest = ""] = /^(https?):\/\/([^/?#]*)(.*)$/is.exec(text) ?? [];
  if (scheme === undefined) return { ...usual, uri: readUri(text) };
  const https = scheme.toLowerCase() === "https";
  return { uri: readUri(rest), https, ...readAuthority(text, authority, https ? 443 : 80) };
}

function readUri(text: string): string {
  const uri = encode(text.split("#", 1)[0] ?? "");
  if (uri === "" || uri.startsWith("?")) return `/${uri}`;
  if (uri.startsWith("/") || uri === "*") return uri;
  throw wrongUsage(`"${text}" is no path and no URL: a path begins with /`, `fcgi-pm request /${text}`);
}

/** What a browser encodes before it sends it. What is encoded already stays as it is. */
function encode(text: string): string {
  return text.replace(/[^\x21-\x7e]+/g, (part) => encodeURIComponent(part));
}

function readAuthority(url: string, authority: string, usualPort: number) {
  const [, name = "", port] = /^(\[[0-9a-f:.]+\]|[^:@[\]\s]+)(?::(\d{1,5}))?$/i.exec(authority) ?? [];
  if (authority.includes("@"))
    throw wrongUsage(`Cannot take a user from ${url}`, "-H 'Authorization: Basic …', or --param REMOTE_USER=…");
  if (name === "") throw wrongUsage(`"${authority}" is no host`, "http://example.org/path");
  const serverPort = port === undefined ? usualPort : Number(port);
  const host = serverPort === usualPort ? name : `${name}:${serverPort}`;
  return { host, serverName: name, serverPort };
}
