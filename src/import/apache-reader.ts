/** Apache's configuration as a list of directives: lines that go on, quotes, variables, sections, included files. */

import type { Given, Remark, World } from "./draft.ts";
import { remark } from "./draft.ts";
import { lookUp } from "./look-up.ts";
import { resolveFrom } from "./paths.ts";

/** `<VirtualHost *:80>`: another one with the same words is another one. */
export interface ApacheSection {
  /** `VirtualHost *:80`. */
  readonly text: string;
}

export interface ApacheLine {
  readonly name: string;
  readonly args: readonly string[];
  readonly file: string;
  readonly line: number;
  /** The line as it is written, continued lines in one. */
  readonly written: string;
  /** Open sections, outermost first. */
  readonly sections: readonly ApacheSection[];
}

/** The virtual host that has the line. */
export function hostOf({ sections }: ApacheLine): ApacheSection | undefined {
  return sections.find(({ text }) => /^virtualhost\b/i.test(text));
}

interface Reading {
  readonly world: World;
  readonly remarks: Remark[];
  readonly variables: Map<string, string>;
  readonly found: ApacheLine[];
  serverRoot: string;
  /** Files that are being read, the main one first. */
  readonly open: string[];
}

/** Every directive of the main file and of all that it includes. `<IfModule>` and its like count as true. */
export function readApache(file: string, text: string, world: World, remarks: Remark[]): ApacheLine[] {
  const reading: Reading = { world, remarks, variables: new Map(), found: [], serverRoot: "/etc/apache2", open: [] };
  readText(reading, file, text, []);
  return reading.found;
}

function readText(reading: Reading, file: string, text: string, outer: readonly ApacheSection[]): void {
  const sections = [...outer];
  reading.open.push(file);
  for (const { text: line, number } of logicalLines(text)) {
    const written = line.trim();
    if (written === "" || written.startsWith("#")) continue;
    const section = /^<(\/?)([^>]*)>?$/.exec(written);
    if (section !== null) {
      if (section[1] === "/") sections.splice(Math.max(outer.length, sections.length - 1));
      else sections.push({ text: (section[2] ?? "").trim() });
      continue;
    }
    const [name = "", ...args] = apacheWords(withVariables(reading, written, { file, line: number }));
    take(reading, { name: name.toLowerCase(), args, file, line: number, written, sections: [...sections] });
  }
  reading.open.pop();
}

/** A backslash at the very end joins the next line. */
function* logicalLines(text: string): Generator<{ readonly text: string; readonly number: number }> {
  const lines = text.split(/\r\n|\n/);
  for (let at = 0; at < lines.length; at += 1) {
    const number = at + 1;
    let line = lines[at] ?? "";
    while (line.endsWith("\\") && at + 1 < lines.length) {
      at += 1;
      line = line.slice(0, -1) + (lines[at] ?? "");
    }
    yield { text: line, number };
  }
}

function take(reading: Reading, line: ApacheLine): void {
  const [first = "", second = ""] = line.args;
  if (line.name === "define") reading.variables.set(first, second);
  else if (line.name === "serverroot") reading.serverRoot = first;
  if (line.name === "include" || line.name === "includeoptional") include(reading, line, first);
  else reading.found.push(line);
  const isInMacro = line.sections.some(({ text }) => /^macro\b/i.test(text));
  if (isInMacro && isOurs(line.written))
    remark(reading.remarks, "lost", givenOfLine(line), "a macro is not filled in: write out what Use makes of it");
}

function include(reading: Reading, line: ApacheLine, pattern: string): void {
  const path = resolveFrom(reading.serverRoot, pattern);
  const given = givenOfLine(line);
  const direct = reading.world.match(path);
  // A directory stands for all files in it.
  const files = direct.length > 0 ? direct : reading.world.match(`${path}/*`);
  if (files.length === 0 && line.name === "include") remark(reading.remarks, "lost", given, "no file fits");
  for (const file of files) {
    const text = reading.world.read(file);
    if (reading.open.includes(file)) remark(reading.remarks, "lost", given, "files include each other");
    else if (text === undefined) remark(reading.remarks, "lost", given, `${file} cannot be read`);
    else readText(reading, file, text, line.sections);
  }
}

/** Debian's envvars are no part of the configuration: what they say there is known. */
const debian: Readonly<Record<string, string>> = {
  APACHE_RUN_USER: "www-data",
  APACHE_RUN_GROUP: "www-data",
  APACHE_RUN_DIR: "/var/run/apache2",
  APACHE_LOCK_DIR: "/var/lock/apache2",
  APACHE_LOG_DIR: "/var/log/apache2",
};

function withVariables(
  reading: Reading,
  text: string,
  origin: { readonly file: string; readonly line: number },
): string {
  return text.replace(/\$\{(\w+)\}/g, (whole, name: string) => {
    const value = reading.variables.get(name) ?? reading.world.variable(name) ?? lookUp(debian, name);
    if (value === undefined && isOurs(text))
      remark(reading.remarks, "lost", { origin, written: text }, `nobody says what ${whole} is: it is left as it is`);
    return value ?? whole;
  });
}

/** Lines about FastCGI, and those that say as whom programs run. */
function isOurs(text: string): boolean {
  return /^(?:fastcgi|fcgi|appclass|externalappclass|user|group|suexecusergroup|scriptalias)/i.test(text);
}

/** Words as ap_getword_conf reads them: quotes only around a whole word, in which a backslash protects a quote. */
export function apacheWords(text: string): string[] {
  const words: string[] = [];
  const word = /\s*(?:"((?:[^"\\]|\\.)*)"?|'((?:[^'\\]|\\.)*)'?|(\S+))/gsy;
  for (const match of text.matchAll(word)) {
    const quoted = match[1] ?? match[2];
    words.push(quoted === undefined ? (match[3] ?? "") : quoted.replace(/\\([\\"'])/g, "$1"));
  }
  return words;
}

/** A directive as a setting. */
export function givenOfLine({ file, line, written, args }: ApacheLine): Given {
  return { origin: { file, line }, written, value: args.join(" ") };
}
