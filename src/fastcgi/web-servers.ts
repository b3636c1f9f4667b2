/**
 * What nginx, Apache and lighttpd send, each with its own names, values and order, as their real programs were seen to do: nginx
 * 1.22 with its fastcgi_params, Apache 2.4 with mod_proxy_fcgi, lighttpd 1.4.69 with mod_fastcgi. Pure.
 */

/** The web servers that can be imitated. */
export const webServerNames = ["nginx", "apache", "lighttpd"] as const;
export type WebServerName = (typeof webServerNames)[number];

export type Value = string | Uint8Array;
export type Param = readonly [name: string, value: Value];

/** A request as all of them see it, with paths taken apart and nothing left open. */
export interface WebFacts {
  readonly method: string;
  /** As on the request line. */
  readonly uri: string;
  readonly query: string;
  /** Percent-decoded. */
  readonly path: Value;
  readonly scriptName: Value;
  /** Empty: there is none. */
  readonly pathInfo: Value;
  readonly documentRoot: string;
  /** `documentRoot` with scriptName, and with pathInfo. */
  readonly scriptBelowRoot: Value;
  readonly pathBelowRoot: Value;
  /** Where the caller names the file. */
  readonly scriptFilename: string | undefined;
  /** The path names files below the root; otherwise a program is mounted at scriptName. */
  readonly servesFiles: boolean;
  /** Empty: absent. */
  readonly contentType: string;
  readonly contentLength: string;
  /** Without those of the body, each name once. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly https: boolean;
  readonly protocol: string;
  readonly serverName: string;
  readonly serverPort: string;
  readonly serverAddress: string;
  readonly remoteAddress: string;
  readonly remotePort: string;
}

/** The parameters of each of them, in its order. */
export const paramsOf: { readonly [N in WebServerName]: (facts: WebFacts) => Param[] } = { nginx, apache, lighttpd };

/** As programs look for it in SERVER_SOFTWARE. */
const software = { nginx: "nginx/1.22.1", apache: "Apache/2.4 (Debian)", lighttpd: "lighttpd/1.4.69" };

/** It sends what fastcgi_params lists even where it is empty, PATH_INFO as fastcgi_split_path_info makes it, and every header. */
function nginx(facts: WebFacts): Param[] {
  const file = facts.scriptFilename ?? (facts.servesFiles ? facts.scriptBelowRoot : "");
  return [
    ...unlessEmpty("SCRIPT_FILENAME", file),
    ["QUERY_STRING", facts.query],
    ["REQUEST_METHOD", facts.method],
    ["CONTENT_TYPE", facts.contentType],
    ["CONTENT_LENGTH", facts.contentLength],
    ["SCRIPT_NAME", facts.scriptName],
    ["REQUEST_URI", facts.uri],
    ["DOCUMENT_URI", facts.path],
    ["DOCUMENT_ROOT", facts.documentRoot],
    ["SERVER_PROTOCOL", facts.protocol],
    ["REQUEST_SCHEME", schemeOf(facts)],
    ...unlessEmpty("HTTPS", facts.https ? "on" : ""),
    ["GATEWAY_INTERFACE", "CGI/1.1"],
    ["SERVER_SOFTWARE", software.nginx],
    ["REMOTE_ADDR", facts.remoteAddress],
    ["REMOTE_PORT", facts.remotePort],
    ["REMOTE_USER", ""],
    ["SERVER_ADDR", facts.serverAddress],
    ["SERVER_PORT", facts.serverPort],
    ["SERVER_NAME", facts.serverName],
    ["REDIRECT_STATUS", "200"],
    ["PATH_INFO", facts.pathInfo],
    ...headerParams(facts.headers.filter(([name]) => isOrdinary(name))),
    ...unlessEmpty("HTTP_CONTENT_LENGTH", facts.contentLength),
    ...unlessEmpty("HTTP_CONTENT_TYPE", facts.contentType),
  ];
}

/**
 * With a ProxyPass, a line that sends PATH_INFO, and no `CGIPassAuth`; or with a SetHandler for PHP files. `Authorization` does not
 * reach the program, and SCRIPT_FILENAME has the proxy's address before it, which only PHP takes off.
 */
function apache(facts: WebFacts): Param[] {
  const { servesFiles, pathInfo } = facts;
  const file = servesFiles ? facts.scriptBelowRoot : joinValues("", encodedPathInfo(facts));
  const headers = facts.headers.filter(([name]) => isOrdinary(name) && !/^(proxy-)?authorization$/i.test(name));
  return [
    ...unlessEmpty("proxy-nokeepalive", servesFiles ? "1" : ""),
    ...headerParams(headers),
    ...unlessEmpty("CONTENT_LENGTH", facts.contentLength),
    ...unlessEmpty("CONTENT_TYPE", facts.contentType),
    ...unlessEmpty("HTTPS", facts.https ? "on" : ""),
    ["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    ["SERVER_SIGNATURE", ""],
    ["SERVER_SOFTWARE", software.apache],
    ["SERVER_NAME", hostOf(facts)],
    ["SERVER_ADDR", facts.serverAddress],
    ["SERVER_PORT", facts.serverPort],
    ["REMOTE_ADDR", facts.remoteAddress],
    ["DOCUMENT_ROOT", facts.documentRoot],
    ["REQUEST_SCHEME", schemeOf(facts)],
    ["CONTEXT_PREFIX", ""],
    ["CONTEXT_DOCUMENT_ROOT", facts.documentRoot],
    ["SERVER_ADMIN", "[no address given]"],
    ["SCRIPT_FILENAME", facts.scriptFilename ?? joinValues("proxy:fcgi://localhost", file)],
    ["REMOTE_PORT", facts.remotePort],
    ["GATEWAY_INTERFACE", "CGI/1.1"],
    ["SERVER_PROTOCOL", facts.protocol],
    ["REQUEST_METHOD", facts.method],
    ["QUERY_STRING", facts.query],
    ["REQUEST_URI", facts.uri],
    ["SCRIPT_NAME", facts.scriptName],
    ...(servesFiles ? unlessEmpty("PATH_INFO", pathInfo) : [["PATH_INFO", pathInfo] as const]),
    ...unlessEmpty("PATH_TRANSLATED", servesFiles && pathInfo.length > 0 ? facts.pathBelowRoot : ""),
    ...unlessEmpty("proxy-fcgi-pathinfo", servesFiles ? "" : "full"),
  ];
}

/** With `fix-root-scriptname` at the root. CONTENT_LENGTH is always there. */
function lighttpd(facts: WebFacts): Param[] {
  return [
    ["CONTENT_LENGTH", facts.contentLength === "" ? "0" : facts.contentLength],
    ["QUERY_STRING", facts.query],
    ["REQUEST_URI", facts.uri],
    ["REDIRECT_STATUS", "200"],
    ["SCRIPT_NAME", facts.scriptName],
    ...unlessEmpty("PATH_INFO", facts.pathInfo),
    ...unlessEmpty("PATH_TRANSLATED", facts.pathInfo.length > 0 ? facts.pathBelowRoot : ""),
    ["SCRIPT_FILENAME", facts.scriptFilename ?? scriptOfLighttpd(facts)],
    ["DOCUMENT_ROOT", facts.documentRoot],
    ["REQUEST_METHOD", facts.method],
    ["SERVER_PROTOCOL", facts.protocol],
    ["SERVER_SOFTWARE", software.lighttpd],
    ["GATEWAY_INTERFACE", "CGI/1.1"],
    ["REQUEST_SCHEME", schemeOf(facts)],
    ...unlessEmpty("HTTPS", facts.https ? "on" : ""),
    ["SERVER_PORT", facts.serverPort],
    ["SERVER_ADDR", facts.serverAddress],
    ["SERVER_NAME", hostOf(facts)],
    ["REMOTE_ADDR", facts.remoteAddress],
    ["REMOTE_PORT", facts.remotePort],
    ...headerParams(facts.headers),
    ...unlessEmpty("HTTP_CONTENT_LENGTH", facts.contentLength),
    ...unlessEmpty("CONTENT_TYPE", facts.contentType),
  ];
}

/** Where the program's name is empty, lighttpd names the root as a directory. */
function scriptOfLighttpd({ scriptName, documentRoot, scriptBelowRoot }: WebFacts): Value {
  return scriptName.length === 0 ? `${documentRoot}/` : scriptBelowRoot;
}

/** The path behind the mount as the browser wrote it: Apache hands it to the proxy before it is decoded. */
function encodedPathInfo({ uri, scriptName, pathInfo }: WebFacts): string {
  const path = uri.split("?", 1)[0] ?? "";
  if (pathInfo.length === 0) return "/";
  return typeof scriptName === "string" && path.startsWith(scriptName) ? path.slice(scriptName.length) : path;
}

/** Both leave out a header whose name has more than letters, digits and hyphens: `X_User` could pass for `X-User`. */
function isOrdinary(name: string): boolean {
  return /^[a-z0-9-]+$/i.test(name);
}

/** HTTP_NAME for each header. */
function headerParams(headers: Iterable<readonly [name: string, value: string]>): Param[] {
  return Array.from(headers, ([name, value]) => [paramOfHeader(name), value]);
}

/** `X-Two-Words` is HTTP_X_TWO_WORDS. */
export function paramOfHeader(name: string): string {
  return `HTTP_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}`;
}

/** Whom the browser asked for, without the port. */
function hostOf({ headers, serverName }: WebFacts): string {
  const host = headers.find(([name]) => name.toLowerCase() === "host")?.[1] ?? serverName;
  return host.replace(/:\d+$/, "");
}

function schemeOf({ https }: WebFacts): string {
  return https ? "https" : "http";
}

function unlessEmpty(name: string, value: Value): Param[] {
  return value.length === 0 ? [] : [[name, value]];
}

function joinValues(text: string, value: Value): Value {
  return typeof value === "string" ? text + value : Buffer.concat([Buffer.from(text), value]);
}
