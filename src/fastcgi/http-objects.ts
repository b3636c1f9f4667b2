/** The objects of node:http for one request, made without its server. */
import type * as Http from "node:http";
import type { Socket } from "node:net";
import type { HttpRequestParts } from "./http-request.ts";
import type { HttpSocket } from "./http-socket.ts";

/** What a request of node:http has and its types do not tell. */
export interface IncomingInternals {
  _consuming: boolean;
  _addHeaderLines(rawHeaders: string[], count: number): void;
}

/** The same of a response. */
export interface OutgoingInternals {
  _closed: boolean;
  destroyed: boolean;
  [key: symbol]: unknown;
}

/** Headers are read when they are touched, as node:http does it. */
export function makeRequest(http: typeof Http, socket: HttpSocket, parts: HttpRequestParts, stripScriptName: boolean) {
  const req = new http.IncomingMessage(socket as unknown as Socket);
  const [, major = "1", minor = "1"] = /^HTTP\/(\d)\.?(\d?)/.exec(parts.protocol) ?? [];
  req.httpVersionMajor = Number(major);
  req.httpVersionMinor = Number(minor);
  req.httpVersion = `${req.httpVersionMajor}.${req.httpVersionMinor}`;
  req.method = parts.method;
  req.url = parts.url(stripScriptName);
  (req as unknown as IncomingInternals)._addHeaderLines(parts.rawHeaders, parts.rawHeaders.length);
  return req;
}

/** How long the body is, and whether the connection is kept, is told by FastCGI; the date is told by the web server. */
export function makeResponse(http: typeof Http, req: Http.IncomingMessage, socket: HttpSocket): Http.ServerResponse {
  const res = new http.ServerResponse(req);
  res.useChunkedEncodingByDefault = true;
  res.shouldKeepAlive = true;
  res.sendDate = false;
  res.removeHeader("Transfer-Encoding");
  res.removeHeader("Connection");
  res.assignSocket(socket as unknown as Socket);
  return res;
}

let needDrain: symbol | undefined;

/** node:http marks a response whose `write` gave false, and only its own server can take the mark away. */
export function needDrainOf(res: Http.ServerResponse): symbol | undefined {
  needDrain ??= Object.getOwnPropertySymbols(res).find(({ description }) => description === "kNeedDrain");
  return needDrain;
}
