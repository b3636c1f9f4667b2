/** Programs that Apache starts on demand, as far as aliases name them: a file, or a directory with such files in it. */
import type { ApacheLine } from "./apache-reader.ts";
import { givenOfLine, hostOf } from "./apache-reader.ts";
import type { Draft, World } from "./draft.ts";
import { remark } from "./draft.ts";
import { baseOf } from "./paths.ts";

export interface AliasedProgram {
  readonly line: ApacheLine;
  readonly path: string;
}

/** Names that programs have when they speak FastCGI. */
const isProgram = /\.(?:fcgi|fcg|fpl)$/;

/** Each program once in its virtual host. */
export function aliasedPrograms(lines: readonly ApacheLine[], world: World): AliasedProgram[] {
  const found: AliasedProgram[] = [];
  for (const line of lines.filter(({ name }) => /^(?:script)?alias(?:match)?$/.test(name)))
    for (const path of programsOf(line, lines, world))
      if (!found.some((one) => one.path === path && hostOf(one.line) === hostOf(line))) found.push({ line, path });
  return found;
}

function programsOf(line: ApacheLine, lines: readonly ApacheLine[], world: World): readonly string[] {
  const [url = "", to = ""] = line.args;
  // Behind the program stands what a pattern has found: `/srv/app.fcgi/$1`.
  const target = (line.name.endsWith("match") ? to.replace(/\/?\$\d.*$/, "") : to).replace(/\/$/, "");
  if (target === "") return [];
  const isHanded =
    !isElse(line) && lines.some((other) => hostOf(other) === hostOf(line) && givesToFastCgi(other, url, target));
  if (isProgram.test(target) || isHanded) return [target];
  return line.name === "scriptalias" ? world.match(`${target}/*`).filter((file) => isProgram.test(file)) : [];
}

/** `<IfModule !mod_fcgid.c>`: what holds where FastCGI is not to be had. */
function isElse({ sections }: ApacheLine): boolean {
  return sections.some(({ text }) => /^ifmodule\s+!/i.test(text));
}

/** `<Location /munin-cgi/graph>`, `<Files mapserv>` with `SetHandler fcgid-script` in it: whatever the program is called. */
function givesToFastCgi({ name, args, sections }: ApacheLine, url: string, target: string): boolean {
  if (name !== "sethandler" || !/^f(?:astcgi|cgid)-script$/i.test(args[0] ?? "")) return false;
  return sections.some(({ text }) => {
    const [, kind = "", what = ""] = /^(location|files|filesmatch)\s+["']?([^"'\s]*)/i.exec(text) ?? [];
    if (kind.toLowerCase() === "location") return what === url && url !== "/";
    return what.replace(/^\^|\$$/g, "") === baseOf(target);
  });
}

/** Programs that several virtual hosts start alike, on ports 80 and 443 for instance, are one app. */
export function withoutDoubles(apps: readonly { readonly draft: Draft; readonly line: ApacheLine }[]): Draft[] {
  const kept = new Map<string, Draft>();
  for (const { draft, line } of apps) {
    const key = JSON.stringify([...draft.settings].toSorted(([one], [other]) => (one < other ? -1 : 1)));
    const first = kept.get(key);
    if (first === undefined) kept.set(key, draft);
    else if (first.origin.file !== line.file || first.origin.line !== line.line)
      remark(first.remarks, "same", givenOfLine(line), "it starts the same program in the same way: one app is enough");
  }
  return [...kept.values()];
}

/** The name of the virtual host, where another app has the program's name already. */
export function nameWithin(name: string, line: ApacheLine, lines: readonly ApacheLine[], taken: Set<string>): string {
  const host = hostOf(line);
  const site = lines.find((other) => other.name === "servername" && host !== undefined && hostOf(other) === host);
  const own = taken.has(name) && site?.args[0] !== undefined ? `${name}-${site.args[0].replace(/:\d+$/, "")}` : name;
  taken.add(own);
  return own;
}
