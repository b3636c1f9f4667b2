/** Apache's configuration to apps: what mod_fastcgi starts, what it connects to, and what mod_fcgid wraps. */

import { setPort, setSocket } from "./addresses.ts";
import { aliasedPrograms, nameWithin, withoutDoubles } from "./apache-aliases.ts";
import { fcgidApps } from "./apache-fcgid.ts";
import type { ApacheLine, ApacheSection } from "./apache-reader.ts";
import { givenOfLine, hostOf, readApache } from "./apache-reader.ts";
import type { Draft, Imported, Remark, World } from "./draft.ts";
import { newDraft, remark } from "./draft.ts";
import { takeCommand } from "./launch.ts";
import { lookUp } from "./look-up.ts";
import type { FastCgiOption } from "./mod-fastcgi.ts";
import { dynamicOptions, externalOptions, otherDirectives, staticOptions, together } from "./mod-fastcgi.ts";
import { nameFromSite } from "./names.ts";
import { isAbsolute, resolveFrom } from "./paths.ts";
import { lost } from "./rules.ts";
import { foldChildren } from "./spawners.ts";

/** Reads the main file with all that it includes. */
export function importApache(file: string, text: string, world: World): Imported {
  const remarks: Remark[] = [];
  const lines = readApache(file, text, world, remarks);
  const server = new Server(lines, world, remarks);
  return { apps: server.apps(), remarks, differences };
}

const differences = [
  "In Apache mod_proxy_fcgi takes the place of mod_fastcgi and mod_fcgid: fcgi-pm generate apache APP makes its lines.",
];

/** Old names of the same. */
const aliases: Readonly<Record<string, string>> = {
  appclass: "fastcgiserver",
  externalappclass: "fastcgiexternalserver",
  fcgiconfig: "fastcgiconfig",
  fastcgisuexec: "fastcgiwrapper",
};

class Server {
  readonly #lines: readonly ApacheLine[];
  readonly #remarks: Remark[];
  readonly #world: World;

  constructor(lines: readonly ApacheLine[], world: World, remarks: Remark[]) {
    this.#world = world;
    this.#lines = lines.map((line) => ({ ...line, name: lookUp(aliases, line.name) ?? line.name }));
    this.#remarks = remarks;
  }

  apps(): Draft[] {
    const named = this.#lines.flatMap((line) => {
      if (line.name === "fastcgiserver") return [this.#static(line)];
      return line.name === "fastcgiexternalserver" ? [this.#external(line)] : [];
    });
    const dynamic = this.#dynamic();
    const wrapped = fcgidApps(this.#lines, this.#world, this.#remarks, (draft, line) => this.#takeOwner(draft, line));
    for (const line of this.#lines) this.#tell(line, dynamic.length > 0);
    return [...named, ...dynamic, ...wrapped];
  }

  #static(line: ApacheLine): Draft {
    const [path = "", ...words] = line.args;
    const draft = newDraft(nameFromSite(path), givenOfLine(line));
    this.#takeOwner(draft, line);
    takeCommand(draft, givenOfLine(line), path === "" ? [] : [this.#absolute(path)]);
    const options = readOptions(draft, line, words, staticOptions, ["-socket", "-port"]);
    const [socket, port] = [options.get("-socket"), options.get("-port")];
    if (socket !== undefined) this.#takeSocket(draft, line, socket);
    else if (port !== undefined) setPort(draft, { ...givenOfLine(line), written: `-port ${port}` }, "127.0.0.1", port);
    else
      remark(
        draft.remarks,
        "changed",
        { ...givenOfLine(line), written: `FastCgiServer ${path}` },
        "mod_fastcgi makes up a socket's name; the app's lies in the runtime directory",
      );
    if (!draft.settings.has("cwd") && this.#wrapper() !== undefined)
      remark(
        draft.remarks,
        "changed",
        givenOfLine(this.#wrapper() as ApacheLine),
        "user and group take the place of the wrapper (suexec)",
      );
    foldChildren(draft);
    return draft;
  }

  #external(line: ApacheLine): Draft {
    const [path = "", ...words] = line.args;
    const draft = newDraft(nameFromSite(path), givenOfLine(line));
    draft.settings.set("external", true);
    const options = readOptions(draft, line, words, externalOptions, ["-socket", "-host"]);
    const [socket, host] = [options.get("-socket"), options.get("-host")];
    const tcp = /^(.*):(\d+)$/.exec(host ?? "");
    if (socket !== undefined) this.#takeSocket(draft, line, socket);
    else if (tcp !== null)
      setPort(draft, { ...givenOfLine(line), written: `-host ${host}` }, tcp[1] ?? "", tcp[2] ?? "");
    else lost("a -socket or a -host with a port is expected: write socket or port by hand")(draft, givenOfLine(line));
    return draft;
  }

  /** `ScriptAlias /app /var/www/app.fcgi` without a FastCgiServer for it: mod_fastcgi starts it as requests come. */
  #dynamic(): Draft[] {
    const isFastCgi = this.#lines.some(({ args }) => args.some((word) => word.toLowerCase() === "fastcgi-script"));
    if (!isFastCgi) return [];
    const known = new Set(
      this.#lines.filter(({ name }) => /^fastcgi(?:external)?server$/.test(name)).map(({ args }) => args[0]),
    );
    const taken = new Set<string>();
    const apps = aliasedPrograms(this.#lines, this.#world)
      .filter(({ path }) => !known.has(path))
      .map(({ line, path }) => {
        const draft = newDraft(nameWithin(nameFromSite(path), line, this.#lines, taken), givenOfLine(line));
        this.#takeOwner(draft, line);
        takeCommand(draft, givenOfLine(line), [this.#absolute(path)]);
        const config = this.#lines.find(({ name }) => name === "fastcgiconfig");
        if (config !== undefined) readOptions(draft, config, config.args, dynamicOptions, []);
        return { draft, line };
      });
    return withoutDoubles(apps);
  }

  /** What is about FastCGI, and is no app: named. What else Apache does is its own. */
  #tell(line: ApacheLine, hasDynamic: boolean): void {
    const rule = lookUp(otherDirectives, line.name);
    if (line.name === "fastcgiconfig" && !hasDynamic) this.#tellConfig(line);
    else if (rule !== undefined) this.#remarks.push(...remarksOf(line, (draft) => rule(draft, givenOfLine(line))));
    else {
      const why = adviceOn(line);
      if (why !== undefined) remark(this.#remarks, "elsewhere", givenOfLine(line), why);
    }
  }

  /** Options for programs that nobody names. */
  #tellConfig(line: ApacheLine): void {
    let keys: string[] = [];
    const found = remarksOf(line, (draft) => {
      readOptions(draft, line, line.args, dynamicOptions, []);
      keys = [...draft.settings.keys()];
    });
    const kept = keys.length === 0 ? "" : `, with ${keys.join(", ")}`;
    this.#remarks.push(...found);
    lostOption(
      this.#remarks,
      line,
      `it is for programs that mod_fastcgi starts on demand: name them here, as apps${kept}`,
    );
  }

  #wrapper(): ApacheLine | undefined {
    return this.#lines.find(({ name, args }) => name === "fastcgiwrapper" && args[0]?.toLowerCase() !== "off");
  }

  /** Programs run as Apache's user, with suexec as that of their virtual host. An option of the app outranks both. */
  #takeOwner(draft: Draft, line: ApacheLine): void {
    const all = this.#lines.filter(({ name }) => name === "suexecusergroup");
    const ofHost = (host: ApacheSection | undefined) => all.findLast((one) => hostOf(one) === host);
    const suexec = ofHost(hostOf(line)) ?? ofHost(undefined);
    const isWrapped = this.#wrapper() !== undefined || this.#lines.some(({ name }) => name.startsWith("fcgid"));
    const [user, group] =
      suexec !== undefined && isWrapped ? suexec.args : [this.#global("user"), this.#global("group")];
    for (const [key, value] of [
      ["user", user],
      ["group", group],
    ] as const)
      if (value !== undefined && /^#?[^\s:#$]+$/.test(value)) draft.settings.set(key, value.replace(/^#/, ""));
  }

  #global(name: string): string | undefined {
    return this.#lines.findLast((line) => line.name === name && line.args.length === 1)?.args[0];
  }

  #absolute(path: string): string {
    return isAbsolute(path) ? path : resolveFrom(this.#global("serverroot") ?? "/etc/apache2", path);
  }

  /** A relative path lies in FastCgiIpcDir. */
  #takeSocket(draft: Draft, line: ApacheLine, path: string): void {
    const directory = this.#global("fastcgiipcdir");
    if (isAbsolute(path)) setSocket(draft, path);
    else if (directory !== undefined) setSocket(draft, resolveFrom(this.#absolute(directory), path));
    else
      remark(
        draft.remarks,
        "changed",
        { ...givenOfLine(line), written: `-socket ${path}` },
        "without FastCgiIpcDir nobody says where it lies: the app's is in the runtime directory",
      );
  }
}

/** What is remarked of a line that belongs to no app. */
function remarksOf(line: ApacheLine, take: (draft: Draft) => void): readonly Remark[] {
  const holder = newDraft("", givenOfLine(line));
  take(holder);
  return holder.remarks;
}

function lostOption(remarks: Remark[], line: ApacheLine, why: string): void {
  remark(remarks, "lost", { ...givenOfLine(line), written: "FastCgiConfig" }, why);
}

/** What to do about lines of the web server that name FastCGI; undefined for all others. */
function adviceOn({ name, args, sections }: ApacheLine): string | undefined {
  const text = args.join(" ").toLowerCase();
  const within = sections.length === 0 ? "" : `, in <${sections.map((section) => section.text).join("> <")}>`;
  if (/fastcgi-script|fcgid-script/.test(text) || (name === "action" && /fcgi|fastcgi|php/.test(text)))
    return `which requests go to which app is the web server's${within}: fcgi-pm generate apache APP`;
  if (/proxy:|fcgi:\/\//.test(text) && /^(?:proxypass|proxypassmatch|sethandler)$/.test(name))
    return "mod_proxy_fcgi stays as it is; an app that fcgi-pm does not start is one with external = true";
  if (name === "loadmodule" && /fastcgi|fcgid/.test(text))
    return "mod_proxy and mod_proxy_fcgi take its place: a2enmod proxy_fcgi";
  return undefined;
}

/** Reads `-name value` pairs; gives those that are read together. */
function readOptions(
  draft: Draft,
  line: ApacheLine,
  words: readonly string[],
  options: Readonly<Record<string, FastCgiOption>>,
  wanted: readonly string[],
): Map<string, string> {
  const found = new Map<string, string>();
  for (let at = 0; at < words.length; at += 1) {
    const name = words[at] ?? "";
    const key = name.toLowerCase();
    const option = lookUp(options, key);
    if (option?.isFlag === true) {
      option.rule(draft, { ...givenOfLine(line), written: name, value: "" });
      continue;
    }
    // An option that is not known has a value where no other option follows.
    const hasValue = option !== undefined || together.has(key) || words[at + 1]?.startsWith("-") === false;
    if (hasValue) at += 1;
    const value = hasValue ? (words[at] ?? "") : "";
    const given = { ...givenOfLine(line), written: `${name} ${value}`.trim(), value };
    if (wanted.includes(key)) found.set(key, value);
    else (option?.rule ?? lost("this directive has no such option"))(draft, given);
  }
  return found;
}
