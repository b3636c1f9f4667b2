/** The files of this package that run as workers for what is no program by itself. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { FcgiPmError } from "../errors.ts";

export type RunnerName = "node-runner.cjs" | "wsgi.py";

/** Its path: beside the bundle that this file is a part of, or, in a checkout, where the build puts it. */
export function runnerFile(name: RunnerName): string {
  const places = [name, `../../dist/${name}`].map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const found = places.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new FcgiPmError(
    "FCGI_PM_RUNNER_UNREADABLE",
    `Cannot find ${name}, a part of fcgi-pm: there is no ${places[0]}`,
  );
}
