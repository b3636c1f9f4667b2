/** Why a request got no answer, and what to do about it. */
import { accessSync, constants, lstatSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { FcgiPmError } from "../errors.ts";
import { type Address, formatAddress } from "../fastcgi/address.ts";
import type { FastCgiError, PartialAnswer } from "../fastcgi/errors.ts";
import { formatDuration, formatSize } from "../units.ts";
import type { Asked } from "./request-address.ts";

/** The same failure in the words of a command. `cameBytes`: how much of the answer's stdout had come. */
export function explainFailure(error: FastCgiError, asked: Asked, cameBytes: number): FcgiPmError {
  const { partial } = error;
  const isUnconnected = partial?.timing.connectMs === undefined;
  if (error.code === "FCGI_CONNECT_FAILED" || isUnconnected) return explainConnect(error, asked);
  // Of what is no CGI response the message has the beginning already.
  const came = error.code === "FCGI_ANSWER_MALFORMED" ? "" : describeCame(partial, cameBytes);
  const remedy = remedyFor(error, asked, partial, cameBytes);
  const message = messageFor(error, asked, partial);
  return new FcgiPmError(codeOf(error), `${message}${came}`, { cause: error, ...(remedy && { remedy }) });
}

type Code = Exclude<FastCgiError["code"], "FCGI_LISTENER_MISSING" | "FCGI_PEER_FORBIDDEN">;

/** The two others are failures of servers. */
function codeOf({ code }: FastCgiError): Code {
  return code as Code;
}

function messageFor(error: FastCgiError, { listen }: Asked, partial: PartialAnswer): string {
  const from = formatAddress(listen);
  if (error.code === "FCGI_TIMED_OUT")
    return `${from} did not answer in time: not done after ${formatDuration(partial.timing.totalMs)}`;
  const exit = partial.appStatus ? `, and the program ended the request with status ${partial.appStatus}` : "";
  return `${error.message.replace(/^Cannot (read|get|keep) (the|an) answer: /, `Cannot $1 the answer of ${from}: `)}${exit}`;
}

function describeCame(partial: PartialAnswer, bytes: number): string {
  if (bytes === 0) return partial.timing.firstByteMs === undefined ? "; nothing had come" : "";
  const start = JSON.stringify(partial.stdout.toString("latin1", 0, 60)).replace(/[^\x20-\x7e]/g, "?");
  return `; ${formatSize(bytes)}${bytes < 1024 ? " bytes" : ""} had come, beginning with ${start}`;
}

function remedyFor(error: FastCgiError, asked: Asked, partial: PartialAnswer, bytes: number): string | undefined {
  switch (error.code) {
    case "FCGI_ANSWER_MALFORMED":
      return doctor(asked);
    case "FCGI_ANSWER_CUT_SHORT":
      return asked.app === undefined
        ? `see the program's own log; ${doctor(asked)}`
        : `fcgi-pm logs ${asked.app} shows whether the worker died, and its last words`;
    case "FCGI_TIMED_OUT":
      return bytes > 0 ? "--timeout 5m gives it more time, 0 all of it" : remedyForSilence(asked);
    case "FCGI_PROTOCOL_VIOLATED":
      return /version 72 /.test(error.message) ? asHttp(asked) : doctor(asked);
    case "FCGI_REQUEST_REFUSED":
      return refusals[partial.protocolStatus ?? 0];
    default:
      return undefined;
  }
}

/** Many an HTTP server waits for the end of a line, which no FastCGI request has. */
function remedyForSilence({ app, listen }: Asked): string {
  const look =
    app === undefined
      ? "look whether all its workers are busy"
      : `fcgi-pm status ${app} shows whether all workers are busy`;
  const http = app === undefined && listen.kind === "tcp" ? `; ${curlFor(listen)} shows whether it speaks HTTP` : "";
  return `${look}; --timeout 5m gives it more time${http}`;
}

/** By the protocol status (FastCGI 1.0, 5.5). */
const refusals: readonly (string | undefined)[] = [
  undefined,
  "this is a fault of the program: there was only one request on the connection",
  "the program is overloaded: ask again later, or give it more --processes",
  "ask in a role that the program serves: --role responder, --role authorizer or --role filter",
];

/** `H` for a version is the beginning of `HTTP/1.1`. */
function asHttp({ listen }: Asked): string {
  return `an HTTP server listens there: ${curlFor(listen)}`;
}

function curlFor(listen: Address): string {
  return listen.kind === "unix"
    ? `curl --unix-socket ${listen.path} http://localhost/`
    : `curl http://${formatAddress(listen)}/`;
}

function doctor({ app, listen }: Asked): string {
  if (app !== undefined) return `fcgi-pm doctor ${app}`;
  return `fcgi-pm doctor --${listen.kind === "unix" ? "socket" : "port"} ${formatAddress(listen)}`;
}

function explainConnect(error: FastCgiError, asked: Asked): FcgiPmError {
  const where = formatAddress(asked.listen);
  const reason =
    asked.listen.kind === "unix" ? reasonOfPath(asked.listen.path, error) : reasonOfPort(asked.listen, error);
  const [why, remedy] = reason ?? [error.errno ?? error.message.replace(/^.*: /s, "")];
  const options = { cause: error, ...(remedy && { remedy }) };
  return new FcgiPmError("FCGI_CONNECT_FAILED", `Cannot connect to ${where}: ${why}`, options);
}

type Reason = readonly [why: string, remedy?: string];

const isItStarted = "start its app; fcgi-pm status shows which apps run, and where they listen";

function reasonOfPath(path: string, { errno, code }: FastCgiError): Reason | undefined {
  if (code === "FCGI_TIMED_OUT") return ["not done in time"];
  switch (errno) {
    case "ENOENT":
      return ["there is no such socket", isItStarted];
    case "ECONNREFUSED":
      return lookUp(path)?.isSocket() === false
        ? ["it is no socket", "name the socket that the program listens on; fcgi-pm status shows those of its apps"]
        : ["nobody listens on it any more", `${isItStarted}; or another program left the socket there`];
    case "EACCES":
      return forbidden(path);
    case "EAGAIN":
      return [
        "its queue is full",
        "fcgi-pm status shows whether all workers are busy; more --processes take more requests",
      ];
    case "EPROTOTYPE":
      return ["it is a datagram socket, which FastCGI does not use", "name the socket that the program listens on"];
    case "ENAMETOOLONG":
      return ["the path is longer than a socket's can be", "cd to a directory near it, and give a relative path"];
    default:
      return undefined;
  }
}

function reasonOfPort({ port }: Extract<Address, { kind: "tcp" }>, { errno, code }: FastCgiError): Reason | undefined {
  if (code === "FCGI_TIMED_OUT" || errno === "ETIMEDOUT")
    return ["nothing answers there", "check the host, and whether a firewall drops the connection"];
  if (errno === "ECONNREFUSED")
    return ["nobody listens there", `${isItStarted}; ss -ltn 'sport = :${port}' shows who does`];
  if (errno === "ENOTFOUND" || errno === "EAI_AGAIN")
    return ["there is no such host", "check the name: getent hosts NAME"];
  return undefined;
}

/** The first directory that may not be entered, or else the socket itself. */
function forbidden(path: string): Reason {
  const directory = parentsOf(path).find((parent) => !mayEnter(parent));
  const what = directory === undefined ? "no right to write to it" : `no right to enter ${directory}`;
  const facts = lookUp(directory ?? path);
  const mode =
    facts === undefined ? "" : ` (mode 0${(facts.mode & 0o777).toString(8)}, of user ${facts.uid}, group ${facts.gid})`;
  return [`${what}${mode}`, "ask as root or as the user of the web server: sudo -u www-data fcgi-pm request …"];
}

/** From the root down. */
function parentsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : parent === "." ? ["."] : [...parentsOf(parent), parent];
}

function mayEnter(directory: string): boolean {
  try {
    accessSync(directory, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function lookUp(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}
