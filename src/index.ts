/** The public API of fcgi-pm: both ends of a FastCGI conversation. Importing it does nothing. */
export type { Address } from "./fastcgi/address.ts";
export type { ResponseHeaders } from "./fastcgi/cgi-head.ts";
export type { Header } from "./fastcgi/cgi-response.ts";
export { type Answer, type RequestOptions, request } from "./fastcgi/client.ts";
export { FastCgiError, type FastCgiErrorCode, type PartialAnswer, type Timing } from "./fastcgi/errors.ts";
export type { FastCgiResponse, ResponseStream } from "./fastcgi/response.ts";
export type { FastCgiRequest, Handler } from "./fastcgi/served-request.ts";
export { type ServeOptions, type Server, serve } from "./fastcgi/server.ts";
export { type WebRequest, type WebServerParams, webServerParams } from "./fastcgi/web-server-params.ts";
