/** The comment at the top of each file: what it is for, where it goes, who may connect. */

import { nameOfServer } from "./web-quote.ts";
import { explainRights } from "./web-rights.ts";
import type { Mounted, WebKind, WebSite } from "./web-site.ts";
import { comment, hostAndPort } from "./web-text.ts";

/** The largest body that is let through. */
export const bodyLimitMegabytes = 32;

export interface Heading {
  readonly kind: WebKind;
  /** Where the file goes; NAME is the app's. */
  readonly place: string;
  readonly test: string;
  readonly reload: string;
  readonly https: string;
  /** What to know when no --server-name was given. */
  readonly missingName: string;
  /** What is needed before, such as modules. */
  readonly needs?: string;
}

export function heading(about: Heading, site: WebSite): string[] {
  const [first, ...others] = site.apps;
  const name = others.length === 0 ? first.app.name : "fcgi-pm";
  const named = (text: string) => text.replace("NAME", name);
  const steps = [about.needs, `put this into ${named(about.place)}`, named(about.test), about.reload];
  const notes = [
    `To use it: ${steps.filter((step) => step !== undefined).join("; ")}.`,
    sentence(about.https),
    ...(site.serverName === undefined ? [about.missingName] : []),
  ];
  return [
    ...comment(`${nameOfServer(about.kind)} for ${listOf(site)}, written by "fcgi-pm generate ${about.kind}".`),
    "#",
    ...notes.flatMap(comment),
    ...site.apps.flatMap((mounted) => [
      "#",
      ...comment(`${whatAndWhere(mounted)} ${explainRights(about.kind, mounted)}`),
    ]),
  ];
}

function listOf({ apps }: WebSite): string {
  return apps.map(({ app, at }) => `${app.name} at ${at === "" ? "/" : at}`).join(", ");
}

function whatAndWhere({ app }: Mounted): string {
  const { listen, name } = app;
  const where = listen.kind === "unix" ? listen.path : hostAndPort(listen);
  return `${name} listens on ${where}.`;
}

function sentence(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
