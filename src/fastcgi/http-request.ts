/** What an HTTP request has, out of the parameters of CGI/1.1 (RFC 3875, 4.1). Pure. */
import { readRequestUrl, type UrlParams } from "./request-url.ts";
import type { Pair } from "./wire/params.ts";

/** One request, as node:http describes it. Strings have a character for each byte, as they have there. */
export class HttpRequestParts implements UrlParams {
  method = "GET";
  protocol = "HTTP/1.1";
  uri: string | undefined;
  scriptName = "";
  pathInfo = "";
  query = "";
  /** Names and values in turn. */
  readonly rawHeaders: string[] = [];
  isSecure = false;
  remoteAddress: string | undefined;
  remotePort: number | undefined;
  localAddress: string | undefined;
  localPort: number | undefined;
  serverName = "";
  /** Of doubles the last: nginx sends its own, then the site's, which may be empty for a request that goes without its body. */
  #contentType = "";
  #contentLength = "";

  constructor(params: readonly Pair[]) {
    let otherType = "";
    for (const [name, value] of params) {
      if (!name.startsWith("HTTP_")) this.#take(name, value);
      else if (name === "HTTP_CONTENT_TYPE") otherType = value;
      else if (name !== "HTTP_CONTENT_LENGTH") this.#addHeader(headerName(name), value);
    }
    const type = this.#contentType || otherType;
    if (type !== "") this.#addHeader("Content-Type", type);
    if (this.#contentLength !== "") this.#addHeader("Content-Length", this.#contentLength);
  }

  url(stripScriptName: boolean): string {
    return readRequestUrl(this, stripScriptName);
  }

  #take(name: string, value: string): void {
    switch (name) {
      case "REQUEST_METHOD":
        this.method = value;
        break;
      case "REQUEST_URI":
        this.uri = value;
        break;
      case "SCRIPT_NAME":
        this.scriptName = value;
        break;
      case "PATH_INFO":
        this.pathInfo = value;
        break;
      case "QUERY_STRING":
        this.query = value;
        break;
      case "SERVER_PROTOCOL":
        this.protocol = value;
        break;
      case "CONTENT_LENGTH":
        this.#contentLength = value;
        break;
      case "CONTENT_TYPE":
        this.#contentType = value;
        break;
      case "HTTPS":
        this.isSecure = value === "1" || value.toLowerCase() === "on";
        break;
      case "REMOTE_ADDR":
        this.remoteAddress = value;
        break;
      case "REMOTE_PORT":
        this.remotePort = Number(value);
        break;
      case "SERVER_NAME":
        this.serverName = value;
        break;
      case "SERVER_ADDR":
        this.localAddress = value;
        break;
      case "SERVER_PORT":
        this.localPort = Number(value);
        break;
    }
  }

  /** A value that could not have come over HTTP is not passed on: it would forge another header where it is used again. */
  #addHeader(name: string | undefined, value: string): void {
    if (name !== undefined && !/[\0\r\n]/.test(value)) this.rawHeaders.push(name, value);
  }
}

/** Names from outside are without end, so only so many are remembered. */
const maxKnownNames = 500;
const knownNames = new Map<string, string | undefined>();

/** `HTTP_ACCEPT_ENCODING` to `Accept-Encoding`; undefined for what can be no header's name. */
function headerName(param: string): string | undefined {
  const known = knownNames.get(param);
  if (known !== undefined) return known;
  const words = param.slice("HTTP_".length).toLowerCase().replaceAll("_", "-");
  const name = words.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return undefined;
  if (knownNames.size < maxKnownNames && name.length < 100) knownNames.set(param, name);
  return name;
}
