/** WSGI applications: our Python runner serves them. */
import { resolve } from "node:path";
import { FcgiPmError } from "../errors.ts";
import { lookUp } from "./program-path.ts";
import type { Program, ProgramWish, WsgiWish } from "./program-wish.ts";
import { findPython } from "./python.ts";
import { runnerFile } from "./runner-files.ts";

/** The interpreter, with our runner, its options and the application. */
export async function wsgiProgram(wsgi: WsgiWish, wish: ProgramWish): Promise<Program> {
  const cwd = wish.cwd ?? wish.directory;
  const sources = sourcesOf(wsgi.application, cwd);
  const path = await findPython(wsgi, wish);
  const runner = runnerFile("wsgi.py");
  return { path, args: [runner, ...optionsOf(wsgi), wsgi.application], cwd, runner, sources };
}

function optionsOf({ threads, scriptName, lighttpdRootFix }: WsgiWish): string[] {
  return [
    ...(threads === 1 ? [] : ["--threads", String(threads)]),
    ...(scriptName === undefined ? [] : ["--script-name", scriptName]),
    ...(lighttpdRootFix ? ["--lighttpd-root-fix"] : []),
  ];
}

/** The file of the module, where it lies below `cwd`. A module that is installed elsewhere is found by Python alone. */
function sourcesOf(application: string, cwd: string): string[] {
  const module = application.split(":", 1)[0] ?? "";
  const path = module.replaceAll(".", "/");
  // `mysite.wsgi` is a file, or what Django calls the module in mysite/wsgi.py.
  const places = [...(/\/|\.(?:py|wsgi)$/.test(module) ? [module] : []), `${path}.py`, `${path}/__init__.py`];
  const found = places.map((place) => resolve(cwd, place)).find((place) => lookUp(place)?.isFile() === true);
  if (found !== undefined) return [found];
  if (!module.includes("/")) return [];
  throw new FcgiPmError(
    "FCGI_PM_PROGRAM_MISSING",
    `Cannot serve "${application}": there is no ${resolve(cwd, module)}`,
    {
      remedy: "check the path, which starts at cwd, or name a module: yourapplication:app",
    },
  );
}
