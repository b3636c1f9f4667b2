/** `fcgi-pm generate nginx` and its like: the configuration of a web server for apps of a config, or of a running manager. */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { FcgiPmError } from "../errors.ts";
import { generateWebServer } from "../generate/web.ts";
import type { Mounted, WebKind, WebSite } from "../generate/web-site.ts";
import { appsToServe, type Served } from "./generate-web-apps.ts";
import { mountOfApp, type Place, placeOf, type WebOptions, wrongUsage } from "./generate-web-options.ts";
import { refusePrivate } from "./generate-web-private.ts";
import { programOf } from "./generate-web-program.ts";
import { print } from "./terminal.ts";

export type { WebOptions } from "./generate-web-options.ts";

/** Gives the exit status. */
export async function generateWeb(kind: WebKind, app: string | undefined, options: WebOptions): Promise<number> {
  const place = placeOf(options);
  const served = await appsToServe(app, options);
  const { host, port } = place.listen;
  const site: WebSite = {
    apps: mount(served, place, kind),
    serverName: place.serverName,
    listen: { host, port },
    processors: availableParallelism(),
  };
  await print(generateWebServer(kind, site));
  warnOfMissing("--static", place.static);
  warnOfMissing("--root", place.root);
  return 0;
}

/** It can be made later, and it can be a slip of the pen. */
function warnOfMissing(flag: string, directory: string | undefined): void {
  if (directory === undefined || existsSync(directory || "/")) return;
  process.stderr.write(`warning: ${directory} (${flag}) is not there yet\n`);
}

/** One app has the place that was asked for; several have their script-name, or else a path below it, after their names. */
function mount(served: readonly Served[], place: Place, kind: WebKind): [Mounted, ...Mounted[]] {
  const [first, ...others] = served;
  if (first === undefined) throw wrongUsage("No app is there", "name one in the config");
  if (others.length === 0)
    return [mountOne(first, place.at ?? mountOfApp(first.name, first.scriptName) ?? "", place, kind)];
  if (place.static !== undefined) throw ofOneApp("--static", first.name);
  if (place.root !== undefined) throw ofOneApp("--root", first.name);
  if (place.index.length > 0) throw ofOneApp("--index", first.name);
  const below = (one: Served) => {
    const at = mountOfApp(one.name, one.scriptName) || `${place.at ?? ""}/${one.name}`;
    return mountOne(one, at, place, kind);
  };
  const all: [Mounted, ...Mounted[]] = [below(first), ...others.map(below)];
  refuseOverlap(all);
  return all;
}

/** Which of two such mounts comes first is another matter for each web server. */
function refuseOverlap(all: readonly Mounted[]): void {
  for (const outer of all)
    for (const inner of all)
      if (inner !== outer && `${inner.at}/`.startsWith(`${outer.at}/`))
        throw wrongUsage(
          `Cannot serve ${outer.app.name} at ${outer.at} and ${inner.app.name} at ${inner.at} in one file: one lies within the other`,
          "change a script-name, or name one app, with --at PATH",
        );
}

function ofOneApp(flag: string, name: string): FcgiPmError {
  return wrongUsage(
    `Several apps are there, and ${flag} is for one`,
    `name it: fcgi-pm generate KIND ${name} ${flag} …`,
  );
}

function mountOne(served: Served, at: string, place: Place, kind: WebKind): Mounted {
  const program = programOf(served, place);
  if (program.kind === "scripts" && place.static !== undefined)
    throw wrongUsage(
      "--static is for an application; the files beside scripts are served from --root",
      "leave --static out",
    );
  if (place.static !== undefined) refusePrivate("--static", place.static, served.private);
  // HAProxy runs scripts and serves no file.
  if (program.kind === "scripts" && kind !== "haproxy") refusePrivate("--root", program.root, served.private);
  return { app: { ...served, program }, at, static: place.static };
}
