/** The URL of a request out of its parameters. Pure. */

/** Strings have a character for each byte. */
export interface UrlParams {
  /** REQUEST_URI, which is no part of CGI/1.1, but every web server sends it: path and query as the browser wrote them. */
  readonly uri: string | undefined;
  readonly scriptName: string;
  readonly pathInfo: string;
  readonly query: string;
}

/** Path and query, percent-encoded. Without REQUEST_URI they are put together from what CGI/1.1 has. */
export function readRequestUrl(params: UrlParams, stripScriptName: boolean): string {
  const { uri, scriptName, pathInfo, query } = params;
  if (uri !== undefined && uri !== "") return stripScriptName ? strip(uri, scriptName) : uri;
  const path = encodePath(stripScriptName ? pathInfo : scriptName + pathInfo);
  return `${path.startsWith("/") ? path : `/${path}`}${query === "" ? "" : `?${query}`}`;
}

/** SCRIPT_NAME is decoded and the URL is not. A name that is not the start of the path is left alone. */
function strip(uri: string, scriptName: string): string {
  const end = findEnd(uri, scriptName.endsWith("/") ? scriptName.slice(0, -1) : scriptName);
  if (end === undefined) return uri;
  const rest = uri.slice(end);
  if (rest.startsWith("/")) return rest;
  return rest === "" || rest.startsWith("?") ? `/${rest}` : uri;
}

/** Where in the URL this decoded prefix ends; undefined if the URL does not start with it. */
function findEnd(uri: string, prefix: string): number | undefined {
  let at = 0;
  for (const character of prefix) {
    const escaped = /^%([0-9a-f]{2})/i.exec(uri.slice(at, at + 3))?.[1];
    const found = escaped === undefined ? uri.charAt(at) : String.fromCharCode(Number.parseInt(escaped, 16));
    if (found !== character) return undefined;
    at += escaped === undefined ? 1 : 3;
  }
  return at;
}

/** Bytes that a path cannot have (RFC 3986, 3.3) are escaped. */
function encodePath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  });
}
