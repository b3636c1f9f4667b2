/** What a request says: its parameters and its body, from the words on the command line. */
import type { Upload } from "../fastcgi/exchange.ts";
import { type WebRequest, type WebServerParams, webServerParams } from "../fastcgi/web-server-params.ts";
import { paramOfHeader } from "../fastcgi/web-servers.ts";
import { type Role, role } from "../fastcgi/wire/constants.ts";
import { type Body, bodyOfFile, bodyOfInput, joinData, readBody } from "./request-body.ts";
import { type GivenHeaders, readHeaders, valueOfHeader } from "./request-headers.ts";
import { parseRole, parseWebServer, type RequestWords, wrongUsage } from "./request-options.ts";
import { readTarget, type Target } from "./request-url.ts";
import { version } from "./version.ts";

/** All that is sent. */
export interface Said {
  readonly role: Role;
  readonly params: WebServerParams;
  readonly stdin: Upload | undefined;
  readonly data: Upload | undefined;
  /** A body whose length nobody knows: many programs take it for none. */
  readonly lacksLength: boolean;
}

/** Debian's, for all three web servers. */
const usualRoot = "/var/www/html";

export async function sayRequest(text: string, words: RequestWords): Promise<Said> {
  const asked = parseRole(words.role);
  const { target, body } = await readWhat(text, words);
  const given = readHeaders(usualHeaders(target, body), words.header ?? []);
  const params = webServerParams(webRequest(target, given, body, words));
  for (const name of given.removed) params.delete(paramOfHeader(name));
  const data = asked === role.filter ? await readFilterData(words, params) : undefined;
  if (asked === role.authorizer) for (const name of notForAuthorizers) params.delete(name);
  for (const pair of words.param ?? []) changeParam(params, pair);
  const lacksLength = body !== undefined && body.length === undefined && !(params.get("CONTENT_LENGTH")?.length ?? 0);
  return { role: asked, params, stdin: asked === role.authorizer ? undefined : body?.upload, data, lacksLength };
}

/** They decide on a request before there is a program for it (FastCGI 1.0, 6.3). */
const notForAuthorizers = ["CONTENT_LENGTH", "PATH_INFO", "PATH_TRANSLATED", "SCRIPT_NAME"];

/** With `-G` the data goes into the query. */
async function readWhat(text: string, words: RequestWords): Promise<{ target: Target; body: Body | undefined }> {
  const target = readTarget(text);
  if (words.get === true) {
    const query = joinData(words.data ?? [])
      .toString()
      .replaceAll("#", "%23");
    const uri =
      query === "" ? target.uri : readTarget(`${target.uri}${target.uri.includes("?") ? "&" : "?"}${query}`).uri;
    return { target: { ...target, uri }, body: undefined };
  }
  const body = await readBody(words.data);
  if (body !== undefined && words.head === true)
    throw wrongUsage("-I asks with HEAD, which has no body", "add -G to send the data in the query");
  return { target, body };
}

function usualHeaders({ host }: Target, body: Body | undefined): [string, string][] {
  const usual: [string, string][] = [
    ["Host", host],
    ["User-Agent", `fcgi-pm/${version}`],
    ["Accept", "*/*"],
  ];
  return body === undefined ? usual : [...usual, ["Content-Type", "application/x-www-form-urlencoded"]];
}

function webRequest(target: Target, given: GivenHeaders, body: Body | undefined, words: RequestWords): WebRequest {
  const { uri, https, serverName, serverPort } = target;
  const contentType = valueOfHeader(given, "content-type");
  const contentLength = valueOfHeader(given, "content-length") ?? body?.length;
  return {
    as: parseWebServer(words.as),
    method: words.request ?? (words.head === true ? "HEAD" : body === undefined ? "GET" : "POST"),
    uri,
    https,
    serverName,
    serverPort,
    headers: given.headers,
    documentRoot: words.root ?? usualRoot,
    ...mountOf(uri, words),
    ...(words.scriptFilename === undefined ? {} : { scriptFilename: words.scriptFilename }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(contentLength === undefined ? {} : { contentLength: Number(contentLength) }),
  };
}

type Mount = Pick<WebRequest, "scriptName" | "pathInfo" | "servesFiles">;

/** Without a root the program is mounted, at the top unless it is said where. With one the path names a file, and what follows `.php`. */
function mountOf(uri: string, { root, scriptName, index = "index.php" }: RequestWords): Mount {
  const servesFiles = root !== undefined;
  if (scriptName !== undefined) return { servesFiles, scriptName: scriptName.replace(/\/+$/, "") };
  if (!servesFiles) return { scriptName: "" };
  const path = uri.split("?", 1)[0] ?? "";
  if (path.endsWith("/")) return { servesFiles, scriptName: decode(`${path}${index}`), pathInfo: "" };
  const [, script] = /^(.+?\.php)\//.exec(path) ?? [];
  return { servesFiles, ...(script === undefined ? {} : { scriptName: decode(script) }) };
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

async function readFilterData({ filterData }: RequestWords, params: WebServerParams): Promise<Upload | undefined> {
  if (filterData === undefined) return undefined;
  const body = filterData === "-" ? await bodyOfInput() : bodyOfFile(filterData);
  params.set("FCGI_DATA_LAST_MOD", String(body.modified ?? Math.floor(Date.now() / 1000)));
  if (body.length !== undefined) params.set("FCGI_DATA_LENGTH", String(body.length));
  return body.upload;
}

/** `NAME=VALUE` sets it or replaces it, `NAME-` removes it. */
function changeParam(params: WebServerParams, pair: string): void {
  const at = pair.indexOf("=");
  if (at > 0) params.set(pair.slice(0, at), pair.slice(at + 1));
  else if (at === -1 && /.-$/.test(pair)) params.delete(pair.slice(0, -1));
  else throw wrongUsage(`--param takes NAME=VALUE, or NAME- to remove it, got "${pair}"`, "--param HTTPS=on");
}
