/** Names of apps: letters, digits, dots, dashes and underscores, each one once. */
import { plainName } from "../plain-name.ts";
import type { Draft } from "./draft.ts";
import { remark } from "./draft.ts";
import { baseOf, directoryOf } from "./paths.ts";

/** What an app may be called, made of any text. */
export function nameFrom(text: string): string {
  return plainName(text) || "app";
}

/** A program's name without what says how it is run: `/var/www/app.fcgi` is `app`. */
export function nameFromProgram(path: string): string {
  const bare = baseOf(path).replace(/\.(?:fcgi|fpl|fcg|cgi|php|py|pl|rb|sh|js|mjs)$/i, "");
  return nameFrom(bare === "" ? "app" : bare);
}

/** `dispatch.fcgi` of a site is called after its directory. */
export function nameFromSite(path: string): string {
  const name = nameFromProgram(path);
  if (!/^(?:dispatch|app|index|server|main|fcgi|public)$/i.test(name)) return name;
  const parent = baseOf(directoryOf(path));
  const above = baseOf(directoryOf(directoryOf(path)));
  const isGeneral = /^(?:public|html|htdocs|www|script|bin|cgi-bin|web|fcgi-bin)$/i;
  return nameFromProgram(
    isGeneral.test(parent) ? (isGeneral.test(above) || above === "" ? name : above) : parent || name,
  );
}

/** Gives every app a name of its own, in order. A name that had to be changed is told. */
export function settleNames(apps: readonly Draft[]): void {
  const taken = new Set<string>();
  for (const app of apps) {
    const wanted = app.name;
    const base = nameFrom(wanted);
    let name = base;
    for (let count = 2; taken.has(name); count += 1) name = `${base.slice(0, 60)}-${count}`;
    taken.add(name);
    if (name !== wanted) remark(app.remarks, "changed", app, `the app is called "${name}" here`);
    app.name = name;
  }
}
