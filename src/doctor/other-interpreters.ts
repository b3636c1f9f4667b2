/** Other Pythons of this machine, virtualenvs included: which of them have a module? */
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import type { Plan } from "../manager/plan.ts";
import type { Case } from "./case.ts";
import { allInPath, interpreterOf } from "./interpreter.ts";

export interface OtherInterpreter {
  /** As it is to be named: of a virtualenv the link in it, which is what makes it one. */
  readonly path: string;
}

/** Nobody has more that matter. */
const mostAsked = 12;
const answerPatienceMs = 5000;

/** They are asked whether they would find it; the module itself is not run. Of other languages there is one, as a rule. */
export async function othersWith(sick: Case, name: string): Promise<OtherInterpreter[]> {
  if (sick.language !== "python") return [];
  const own = interpreterOf(sick.plan)?.path;
  const [top = ""] = name.split(".");
  const candidates = [...new Set([...virtualenvs(sick), ...system(sick)])].filter((path) => path !== own);
  const asked = candidates.slice(0, mostAsked).map(async (path) => ((await has(sick, path, top)) ? [{ path }] : []));
  return (await Promise.all(asked)).flat();
}

function virtualenvs(sick: Case): string[] {
  const script = interpreterOf(sick.plan)?.script ?? sick.plan.program.path;
  const roots = [dirname(script), dirname(dirname(script)), process.cwd(), sick.plan.app.directory];
  const names = ["", "venv", ".venv", "env", "virtualenv"];
  const own = process.env["VIRTUAL_ENV"];
  const homes = roots.flatMap((root) => names.map((name) => join(root, name)));
  return [...(own === undefined ? [] : [own]), ...homes]
    .filter((home) => existsSync(join(home, "pyvenv.cfg")))
    .map((home) => join(home, "bin/python"))
    .filter((path) => existsSync(path));
}

function system(sick: Case): string[] {
  const paths = [sick.plan.environment["PATH"], process.env["PATH"], "/usr/local/bin:/usr/bin"].join(":");
  const numbered = ["/usr/local/bin", "/usr/bin"].flatMap((directory) =>
    list(directory)
      .filter((name) => /^python3\.\d+$/.test(name))
      .map((name) => join(directory, name)),
  );
  return [...allInPath("python3", paths), ...allInPath("python", paths), ...numbered];
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

const question = "import importlib.util, sys; sys.exit(0 if importlib.util.find_spec(sys.argv[1]) else 1)";

async function has(sick: Case, path: string, module: string): Promise<boolean> {
  const { identity, environment } = sick.plan;
  const [command = "", ...args] = [...(identity.setpriv ?? []), path, "-c", question, module];
  const { exitCode } = await execa(command, args, {
    reject: false,
    cwd: "/",
    env: environment,
    extendEnv: false,
    timeout: answerPatienceMs,
  });
  return exitCode === 0;
}

/** The same program, run by that interpreter. */
export function planWith({ plan }: Case, { path }: OtherInterpreter): Plan {
  const { program } = plan;
  const isInScript = interpreterOf(plan)?.isInScript === true;
  return { ...plan, program: { ...program, path, args: isInScript ? [program.path, ...program.args] : program.args } };
}
