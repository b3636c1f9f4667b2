/** A FastCGI request as a web `Request`, for fetch-style handlers. */
import type { FastCgiRequest } from "./fastcgi-request.ts";
import { HttpRequestParts } from "./http-request.ts";

/**
 * A web `Request` with this request's URL, method, headers, body and signal. The body is the same stream: read one of them.
 *
 * Throws a TypeError for what a web `Request` cannot have, as the method TRACE.
 */
export function toWebRequest(request: FastCgiRequest): Request {
  const parts = new HttpRequestParts(request.rawParams);
  const hasBody = parts.method !== "GET" && parts.method !== "HEAD";
  const headers = readHeaders(parts.rawHeaders);
  const host = headers.find(([name]) => name === "Host")?.[1];
  return new Request(originOf(parts, host) + pathOf(parts), {
    method: parts.method,
    headers,
    signal: request.signal,
    ...(hasBody ? { body: request.body, duplex: "half" } : {}),
  });
}

/** `http://host:port`, as the browser has it; without `Host`, as the web server calls itself. */
function originOf({ isSecure, serverName, localPort }: HttpRequestParts, host: string | undefined): string {
  const scheme = isSecure ? "https" : "http";
  if (host !== undefined && /^[\w.\-[\]:]+$/.test(host)) return `${scheme}://${host}`;
  const name = serverName.includes(":") && !serverName.startsWith("[") ? `[${serverName}]` : serverName;
  const isUsual = localPort === undefined || localPort === (isSecure ? 443 : 80);
  return `${scheme}://${name === "" ? "localhost" : name}${isUsual ? "" : `:${localPort}`}`;
}

/** What is on the request line may be a whole URL, or `*`. */
function pathOf(parts: HttpRequestParts): string {
  const url = parts.url(false);
  if (url.startsWith("/")) return url;
  const path = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*(.*)$/i.exec(url)?.[1] ?? `/${url}`;
  return path.startsWith("/") ? path : `/${path}`;
}

function readHeaders(raw: readonly string[]): [string, string][] {
  const headers: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) headers.push([raw[at] ?? "", raw[at + 1] ?? ""]);
  return headers;
}
