/** The public API of fcgi-pm: both ends of a FastCGI conversation. Importing it does nothing. */
export type { Address } from "./fastcgi/address.ts";
export type { RoleName } from "./fastcgi/application.ts";
export type { ResponseHeaders } from "./fastcgi/cgi-head.ts";
export type { Header } from "./fastcgi/cgi-response.ts";
export { type Answer, type RequestOptions, request } from "./fastcgi/client.ts";
export { FastCgiError, type FastCgiErrorCode, type PartialAnswer, type Timing } from "./fastcgi/errors.ts";
export type { FastCgiRequest, FastCgiResponse, Handler, ResponseStream } from "./fastcgi/fastcgi-request.ts";
export type { FastCgiSide, HttpHandler, HttpRequest } from "./fastcgi/http-handler.ts";
export {
  createResponder,
  createServer,
  type HttpServeOptions,
  respond,
  type ServeOptions,
  type Server,
  serve,
} from "./fastcgi/server.ts";
export { toWebRequest } from "./fastcgi/web-request.ts";
export { type WebRequest, type WebServerParams, webServerParams } from "./fastcgi/web-server-params.ts";
