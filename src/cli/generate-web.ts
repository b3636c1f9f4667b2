/** `fcgi-pm generate nginx` and its like: the configuration of a web server for apps of a config, or of a running manager. */
import { availableParallelism } from "node:os";
import type { FcgiPmError } from "../errors.ts";
import { generateWebServer } from "../generate/web.ts";
import type { Mounted, WebKind, WebSite } from "../generate/web-site.ts";
import { appsToServe, type Served } from "./generate-web-apps.ts";
import { type Place, placeOf, type WebOptions, wrongUsage } from "./generate-web-options.ts";
import { programOf } from "./generate-web-program.ts";

export type { WebOptions } from "./generate-web-options.ts";

/** Gives the exit status. */
export async function generateWeb(kind: WebKind, app: string | undefined, options: WebOptions): Promise<number> {
  const place = placeOf(options);
  const served = await appsToServe(app, options);
  const { host, port } = place.listen;
  const site: WebSite = {
    apps: mount(served, place),
    serverName: place.serverName,
    listen: { host, port },
    processors: availableParallelism(),
  };
  process.stdout.write(generateWebServer(kind, site));
  return 0;
}

/** One app has the place that was asked for; several have a path of their own below it, after their names. */
function mount(served: readonly Served[], place: Place): [Mounted, ...Mounted[]] {
  const [first, ...others] = served;
  if (first === undefined) throw wrongUsage("No app is there", "name one in the config");
  if (others.length === 0) return [mountOne(first, place.at ?? first.scriptName ?? "", place)];
  if (place.static !== undefined) throw ofOneApp("--static", first.name);
  if (place.root !== undefined) throw ofOneApp("--root", first.name);
  if (place.index.length > 0) throw ofOneApp("--index", first.name);
  const below = (one: Served) => mountOne(one, `${place.at ?? ""}/${one.name}`, place);
  return [below(first), ...others.map(below)];
}

function ofOneApp(flag: string, name: string): FcgiPmError {
  return wrongUsage(
    `Several apps are there, and ${flag} is for one`,
    `name it: fcgi-pm generate KIND ${name} ${flag} …`,
  );
}

function mountOne(served: Served, at: string, place: Place): Mounted {
  const program = programOf(served, place);
  if (program.kind === "scripts" && place.static !== undefined)
    throw wrongUsage(
      "--static is for an application; the files beside scripts are served from --root",
      "leave --static out",
    );
  return { app: { ...served, program }, at, static: place.static };
}
