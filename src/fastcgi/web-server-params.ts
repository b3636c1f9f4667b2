/** The parameters that a web server sends with a request: CGI/1.1 (RFC 3875, 4.1) and what nginx and Apache add to it. Pure. */

/** The request that a browser would have made, and where the web server believes the program lives. */
export interface WebRequest {
  readonly method?: string;
  /** As on the request line: `/shop/cart?id=1`, percent-encoded. */
  readonly uri: string;
  /** The part of the path that names the program; the rest is PATH_INFO. Default: the whole path, as nginx does it. */
  readonly scriptName?: string;
  /** Default: documentRoot and scriptName put together. */
  readonly scriptFilename?: string;
  readonly documentRoot?: string;
  /** In bytes. Absent: no body. */
  readonly contentLength?: number;
  readonly contentType?: string;
  /** Sent as HTTP_NAME. `Proxy` is left out: programs take HTTP_PROXY for their own setting (httpoxy, CVE-2016-5385). */
  readonly headers?: Iterable<readonly [name: string, value: string]>;
  readonly https?: boolean;
  readonly protocol?: string;
  readonly serverName?: string;
  readonly serverPort?: number;
  readonly serverAddress?: string;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
}

/** Names and values, ready for `request`. Values are text, or bytes where a percent-encoded path is not UTF-8. */
export type WebServerParams = Map<string, string | Uint8Array>;

/** The parameters for this request, in the order nginx sends them; to add or replace one, `set` it. */
export function webServerParams(web: WebRequest): WebServerParams {
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
  const { scriptName, pathInfo } = splitPath(path, web.scriptName);
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
  const apart = new Set(["proxy", "content-length", "content-type"]);
  for (const [name, value] of web.headers ?? []) {
    if (!apart.has(name.toLowerCase())) params.set(`HTTP_${name.toUpperCase().replaceAll("-", "_")}`, value);
  }
}

function splitUri(uri: string): { path: string; query: string } {
  const mark = uri.indexOf("?");
  return mark === -1 ? { path: uri, query: "" } : { path: uri.slice(0, mark), query: uri.slice(mark + 1) };
}

/** A name that is not the start of the path, up to a slash, stands as it is and the whole path is PATH_INFO, as Apache's aliases do. */
function splitPath(path: Buffer, name: string | undefined): { scriptName: Buffer; pathInfo: Buffer } {
  if (name === undefined) return { scriptName: path, pathInfo: Buffer.alloc(0) };
  const scriptName = Buffer.from(name);
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
