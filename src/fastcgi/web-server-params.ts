/** The parameters that a web server sends with a request: CGI/1.1 (RFC 3875, 4.1) and what nginx and Apache add to it. Pure. */
import { paramOfHeader, paramsOf, type WebFacts, type WebServerName } from "./web-servers.ts";

/** The request that a browser would have made, and where the web server believes the program lives. */
export interface WebRequest {
  /** Send exactly what this web server sends. Absent: what all of them have in common. */
  readonly as?: WebServerName;
  readonly method?: string;
  /** As on the request line: `/shop/cart?id=1`, percent-encoded. */
  readonly uri: string;
  /** The part of the path that names the program; the rest is PATH_INFO. Default: the whole path, as nginx does it. */
  readonly scriptName?: string;
  /** Default: what of the path follows scriptName. */
  readonly pathInfo?: string;
  /** Default: documentRoot and scriptName put together. */
  readonly scriptFilename?: string;
  readonly documentRoot?: string;
  /** For `as`: the path names files below documentRoot, as for PHP; otherwise a program is mounted at scriptName. */
  readonly servesFiles?: boolean;
  /** In bytes. Absent: no body. */
  readonly contentLength?: number;
  readonly contentType?: string;
  /** Sent as HTTP_NAME. `Proxy` is left out: programs take HTTP_PROXY for their own setting (httpoxy, CVE-2016-5385). */
  readonly headers?: GivenHeaders;
  readonly https?: boolean;
  readonly protocol?: string;
  readonly serverName?: string;
  readonly serverPort?: number;
  readonly serverAddress?: string;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
}

/** Pairs, of which a name may come several times, or an object. */
type GivenHeaders = Iterable<readonly [name: string, value: string]> | Readonly<Record<string, string>>;

/** Names and values, ready for `request`. Values are text, or bytes where a percent-encoded path is not UTF-8. */
export type WebServerParams = Map<string, string | Uint8Array>;

/** The parameters for this request, in the order nginx sends them; to add or replace one, `set` it. */
export function webServerParams(web: WebRequest): WebServerParams {
  if (web.as !== undefined) return new Map(paramsOf[web.as](factsOf(web)));
  const params: WebServerParams = new Map();
  addProgram(params, web);
  addRequest(params, web);
  addConnection(params, web);
  addHeaders(params, web);
  return params;
}

function addProgram(params: WebServerParams, web: WebRequest): void {
  const path = percentDecode(splitUri(web.uri).path);
  const root = (web.documentRoot ?? "").replace(/\/+$/, "");
  const { scriptName, pathInfo } = splitPath(path, web);
  params.set("SCRIPT_FILENAME", fromBytes(web.scriptFilename ?? join(root, scriptName)));
  params.set("SCRIPT_NAME", fromBytes(scriptName));
  if (pathInfo.length > 0) params.set("PATH_INFO", fromBytes(pathInfo));
  if (pathInfo.length > 0 && root !== "") params.set("PATH_TRANSLATED", fromBytes(join(root, pathInfo)));
  params.set("DOCUMENT_URI", fromBytes(path));
  params.set("DOCUMENT_ROOT", root);
}

function addRequest(params: WebServerParams, web: WebRequest): void {
  params.set("QUERY_STRING", splitUri(web.uri).query);
  params.set("REQUEST_METHOD", web.method ?? "GET");
  params.set("REQUEST_URI", web.uri);
  if (web.contentType !== undefined) params.set("CONTENT_TYPE", web.contentType);
  if (web.contentLength !== undefined) params.set("CONTENT_LENGTH", String(web.contentLength));
}

function addConnection(params: WebServerParams, web: WebRequest): void {
  const https = web.https ?? false;
  const port = web.serverPort ?? (https ? 443 : 80);
  params.set("SERVER_PROTOCOL", web.protocol ?? "HTTP/1.1");
  params.set("REQUEST_SCHEME", https ? "https" : "http");
  if (https) params.set("HTTPS", "on");
  params.set("GATEWAY_INTERFACE", "CGI/1.1");
  params.set("SERVER_SOFTWARE", "fcgi-pm");
  params.set("REMOTE_ADDR", web.remoteAddress ?? "127.0.0.1");
  params.set("REMOTE_PORT", String(web.remotePort ?? 0));
  params.set("SERVER_ADDR", web.serverAddress ?? "127.0.0.1");
  params.set("SERVER_PORT", String(port));
  params.set("SERVER_NAME", web.serverName ?? "localhost");
  // php-cgi refuses to run without it (cgi.force_redirect).
  params.set("REDIRECT_STATUS", "200");
  params.set("HTTP_HOST", web.serverName ?? "localhost");
}

function addHeaders(params: WebServerParams, web: WebRequest): void {
  for (const [name, value] of pairsOf(web.headers)) {
    if (!isApart(name)) params.set(paramOfHeader(name), value);
  }
}

function pairsOf(headers: GivenHeaders = []): Iterable<readonly [name: string, value: string]> {
  return Symbol.iterator in headers ? headers : Object.entries(headers);
}

/** Of the body there are parameters of other names; for `Proxy` see WebRequest. */
function isApart(name: string): boolean {
  return ["proxy", "content-length", "content-type"].includes(name.toLowerCase());
}

function factsOf(web: WebRequest): WebFacts {
  const { path: encoded, query } = splitUri(web.uri);
  const path = percentDecode(encoded);
  const documentRoot = (web.documentRoot ?? "").replace(/\/+$/, "");
  const { scriptName, pathInfo } = splitPath(path, web);
  const https = web.https ?? false;
  const serverName = web.serverName ?? "localhost";
  return {
    method: web.method ?? "GET",
    uri: web.uri,
    query,
    path: fromBytes(path),
    scriptName: fromBytes(scriptName),
    pathInfo: fromBytes(pathInfo),
    documentRoot,
    scriptBelowRoot: fromBytes(join(documentRoot, scriptName)),
    pathBelowRoot: fromBytes(join(documentRoot, pathInfo)),
    scriptFilename: web.scriptFilename,
    servesFiles: web.servesFiles ?? false,
    contentType: web.contentType ?? "",
    contentLength: web.contentLength === undefined ? "" : String(web.contentLength),
    headers: joinDoubles(pairsOf(web.headers), serverName),
    https,
    protocol: web.protocol ?? "HTTP/1.1",
    serverName,
    serverPort: String(web.serverPort ?? (https ? 443 : 80)),
    serverAddress: web.serverAddress ?? "127.0.0.1",
    remoteAddress: web.remoteAddress ?? "127.0.0.1",
    remotePort: String(web.remotePort ?? 0),
  };
}

/** Each header once, with all its values, as RFC 9110, 5.3 and RFC 6265, 5.4 join them; Host first where it was not given. */
function joinDoubles(
  headers: Iterable<readonly [name: string, value: string]>,
  serverName: string,
): (readonly [name: string, value: string])[] {
  const joined = new Map<string, readonly [name: string, value: string]>();
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    const before = joined.get(key)?.[1];
    const separator = key === "cookie" ? "; " : ", ";
    joined.set(key, [name, before === undefined ? value : `${before}${separator}${value}`]);
  }
  const all = [...joined.values()].filter(([name]) => !isApart(name));
  return joined.has("host") ? all : [["Host", serverName], ...all];
}

function splitUri(uri: string): { path: string; query: string } {
  const mark = uri.indexOf("?");
  return mark === -1 ? { path: uri, query: "" } : { path: uri.slice(0, mark), query: uri.slice(mark + 1) };
}

/** A name that is not the start of the path, up to a slash, stands as it is and the whole path is PATH_INFO, as Apache's aliases do. */
function splitPath(path: Buffer, web: WebRequest): { scriptName: Buffer; pathInfo: Buffer } {
  const scriptName = web.scriptName === undefined ? path : Buffer.from(web.scriptName);
  if (web.pathInfo !== undefined) return { scriptName, pathInfo: Buffer.from(web.pathInfo) };
  if (web.scriptName === undefined) return { scriptName, pathInfo: Buffer.alloc(0) };
  const rest = path.subarray(scriptName.length);
  const isPrefix = path.subarray(0, scriptName.length).equals(scriptName);
  const isWhole = rest.length === 0 || rest[0] === 0x2f;
  return { scriptName, pathInfo: isPrefix && isWhole ? rest : path };
}

/** `%41` to the byte 0x41; a `%` that is followed by no two digits stands for itself. */
function percentDecode(path: string): Buffer {
  const binary = Buffer.from(path).toString("latin1");
  const decoded = binary.replace(/%([0-9a-f]{2})/gi, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return Buffer.from(decoded, "latin1");
}

function join(root: string, rest: Buffer): Buffer {
  return Buffer.concat([Buffer.from(root), rest]);
}

function fromBytes(value: string | Buffer): string | Uint8Array {
  if (typeof value === "string") return value;
  const text = value.toString("utf8");
  return Buffer.from(text).equals(value) ? text : value;
}
