/** lighttpd's `fastcgi.server` to apps: what it starts itself, and what it only connects to. */

import { dropSocketOnly, setPort, setSocket } from "./addresses.ts";
import type { Draft, Given, Imported, Remark, World } from "./draft.ts";
import { addEnv, newDraft, passEnv, remark } from "./draft.ts";
import { takeCommand } from "./launch.ts";
import type { Assignment, Entry, LightValue } from "./lighttpd-reader.ts";
import { givenOfAssignment, readLighttpd, textOf } from "./lighttpd-reader.ts";
import { lookUp } from "./look-up.ts";
import { nameFrom, nameFromProgram } from "./names.ts";
import type { Rules } from "./rules.ts";
import { changed, elsewhere, lost, readInteger, same, toAccount, toInteger, toSignal } from "./rules.ts";
import { foldChildren } from "./spawners.ts";

/** Reads the main file with all that it includes. */
export function importLighttpd(file: string, text: string, world: World): Imported {
  const remarks: Remark[] = [];
  const found = readLighttpd(file, text, world, remarks);
  const apps = found.filter(({ name }) => name === "fastcgi.server").flatMap((one) => readServers(one, found, remarks));
  for (const one of found) takeOther(one, remarks);
  return { apps, remarks, differences };
}

const differences = [
  "lighttpd gives each process a socket of its own (PATH-0, PATH-1, …); here all workers of an app share one.",
  'In lighttpd replace bin-path, bin-environment, bin-copy-environment and max-procs by "socket" => PATH, or have the block made: fcgi-pm generate lighttpd APP.',
];

const otherOptions: Readonly<Record<string, string>> = {
  "fastcgi.debug": "lighttpd's own log; fcgi-pm request -v shows what an app answers",
  "fastcgi.map-extensions": "it stays in lighttpd: which URLs go to which app",
  "fastcgi.balance": "workers share one socket: the kernel gives a request to whoever waits",
};

function takeOther(one: Assignment, remarks: Remark[]): void {
  const why = lookUp(otherOptions, one.name);
  if (why !== undefined) remark(remarks, "elsewhere", givenOfAssignment(one), why);
}

/** The options that say how a server is, when its table stands directly behind the URL. */
const known = new Set(["bin-path", "socket", "host", "port"]);

function readServers(one: Assignment, found: readonly Assignment[], remarks: Remark[]): Draft[] {
  if (typeof one.value !== "object") {
    remark(remarks, "lost", givenOfAssignment(one), "a list of servers is expected");
    return [];
  }
  return one.value.flatMap((mapping) => {
    if (typeof mapping.value !== "object") {
      const written = `fastcgi.server = ( ${textOf([mapping])} )`;
      remark(
        remarks,
        "lost",
        { origin: { file: one.file, line: mapping.line }, written },
        "a server is a table in brackets",
      );
      return [];
    }
    const isDirect = mapping.value.some(({ key }) => key !== undefined && known.has(key));
    const servers = isDirect ? [{ value: mapping.value, line: mapping.line }] : mapping.value;
    return servers.flatMap((server) => readServer(server, mapping.key ?? "", one, found, remarks));
  });
}

function readServer(
  server: Entry,
  url: string,
  one: Assignment,
  found: readonly Assignment[],
  remarks: Remark[],
): Draft[] {
  const origin = { file: one.file, line: server.line };
  const written = `fastcgi.server: "${url}"`;
  if (typeof server.value !== "object") {
    remark(
      remarks,
      "lost",
      { origin, written: `${written} => ${textOf(server.value)}` },
      "a server is a table in brackets",
    );
    return [];
  }
  const options = new Map(server.value.map((entry) => [entry.key ?? "", entry]));
  const draft = newDraft(nameOf(server.key, options, url), { origin, written });
  const get = (name: string) => givenOf(options.get(name), one.file);
  remark(draft.remarks, "elsewhere", { origin, written }, whereText(url, one.conditions));
  if (options.has("bin-path")) takeProgram(draft, get, options, found);
  else draft.settings.set("external", true);
  takeListener(draft, get, options.has("bin-path"));
  for (const [name, entry] of options) takeOption(draft, name, entry, one.file);
  foldChildren(draft);
  return [draft];
}

function whereText(url: string, conditions: readonly string[]): string {
  const within = conditions.length === 0 ? "" : `, within ${conditions.join(" and ")}`;
  return url.startsWith(".")
    ? `the web server sends files *${url} to it${within}`
    : `the web server has it at ${url}${within}`;
}

function nameOf(key: string | undefined, options: ReadonlyMap<string, Entry>, url: string): string {
  if (key !== undefined && !/^(?:localhost|\d+|)$/.test(key)) return nameFrom(key);
  const program = options.get("bin-path")?.value;
  if (typeof program === "string") return nameFromProgram(program.split(/\s/)[0] ?? "");
  return url.startsWith(".") ? nameFrom(url) : nameFromProgram(url);
}

function givenOf(entry: Entry | undefined, file: string): Given | undefined {
  if (entry === undefined) return undefined;
  const { key = "", value, line } = entry;
  return {
    origin: { file, line },
    written: `"${key}" => ${textOf(value)}`,
    value: typeof value === "object" ? "" : String(value),
  };
}

type Get = (name: string) => Given | undefined;

/** A program that lighttpd starts, as its own user. */
function takeProgram(draft: Draft, get: Get, options: ReadonlyMap<string, Entry>, found: readonly Assignment[]): void {
  const given = get("bin-path");
  if (given === undefined) return;
  takeEnvironment(draft, get("bin-environment"), options.get("bin-environment")?.value);
  // lighttpd splits at blanks and knows no quotes.
  takeCommand(
    draft,
    given,
    given.value.split(/[ \t]+/).filter((word) => word !== ""),
  );
  takeNumber(draft, given, get("max-procs"));
  takeCopied(draft, get("bin-copy-environment"), options.get("bin-copy-environment")?.value);
  for (const [name, key] of [
    ["server.username", "user"],
    ["server.groupname", "group"],
  ] as const) {
    const account = found.findLast((one) => one.name === name);
    if (account !== undefined && account.value !== "") toAccount(key)(draft, givenOfAssignment(account));
  }
}

function takeNumber(draft: Draft, given: Given, processes: Given | undefined): void {
  const number = readInteger(processes?.value ?? "4", 1, 10_000);
  if (number !== undefined) draft.settings.set("processes", number);
  else if (processes !== undefined) lost("processes takes a number from 1 to 10000")(draft, processes);
  if (processes === undefined) changed("without max-procs lighttpd starts four: so does this app")(draft, given);
}

/** What every worker has anyway. */
const always = ["PATH", "HOME", "USER", "LANG", "TZ"];

function takeCopied(draft: Draft, given: Given | undefined, copied: LightValue | undefined): void {
  if (given === undefined || typeof copied !== "object") return;
  const names = copied.map(({ value }) => String(value));
  const others = names.filter((name) => !always.includes(name));
  if (others.length > 0) passEnv(draft, given, others);
  if (others.length < names.length)
    same("PATH, HOME, USER, LANG and TZ are there in any case, HOME and USER those of the workers' user")(draft, given);
}

function takeEnvironment(draft: Draft, given: Given | undefined, value: LightValue | undefined): void {
  if (given === undefined) return;
  if (typeof value !== "object") {
    lost("a table of variables is expected")(draft, given);
    return;
  }
  addEnv(
    draft,
    given,
    value.map(({ key, value: one }) => [key ?? "", typeof one === "object" ? textOf(one) : String(one)]),
  );
}

function takeListener(draft: Draft, get: Get, isOurs: boolean): void {
  const [socket, host, port] = [get("socket"), get("host"), get("port")];
  if (socket !== undefined) setSocket(draft, socket.value);
  else if (host?.value.startsWith("/") === true) setSocket(draft, host.value);
  else if (port !== undefined) setPort(draft, port, host?.value ?? "127.0.0.1", port.value);
  else if (host !== undefined && !isOurs) setPort(draft, host, host.value, "80");
  const given = socket ?? port ?? host;
  if (given !== undefined) dropSocketOnly(draft, given);
}

/** Read above, together. */
const together = new Set([
  ...["bin-path", "bin-environment", "bin-copy-environment", "max-procs", "socket", "host", "port"],
]);

const ofServer = elsewhere("it stays in lighttpd");

const options: Rules = {
  "listen-backlog": toInteger("listen-queue-depth", 1, 65_535),
  "kill-signal": toSignal,
  "check-local": elsewhere('it stays in lighttpd: with "disable" a URL needs no file below the document root'),
  mode: elsewhere("responder or authorizer stays in lighttpd; an app may be either"),
  docroot: ofServer,
  "broken-scriptfilename": ofServer,
  "fix-root-scriptname": ofServer,
  "strip-request-uri": ofServer,
  "allow-x-send-file": ofServer,
  "x-sendfile": ofServer,
  "x-sendfile-docroot": ofServer,
  "tcp-fin-propagate": ofServer,
  upgrade: ofServer,
  "connect-timeout": ofServer,
  "write-timeout": ofServer,
  "read-timeout": ofServer,
  "disable-time": elsewhere("it stays in lighttpd; a worker that dies is replaced at once, so 0 is enough"),
  "min-procs": lost("lighttpd gave it up itself: there are always as many workers as processes says"),
  "max-load-per-proc": lost("lighttpd gave it up itself: the kernel gives a request to a worker that waits"),
  "idle-timeout": lost("workers are not ended for having nothing to do"),
  "max-id": same("one connection carries one request"),
};

function takeOption(draft: Draft, name: string, entry: Entry, file: string): void {
  const given = givenOf(entry, file);
  if (given === undefined) return;
  const isProgramOnly = ["bin-environment", "bin-copy-environment", "max-procs"].includes(name);
  if (isProgramOnly && draft.settings.get("external") === true) {
    lost("without bin-path lighttpd starts nothing, and this means nothing")(draft, given);
    return;
  }
  if (!together.has(name)) (lookUp(options, name) ?? lost("lighttpd does not know this option either"))(draft, given);
}
