/** What is wrong with a config, and how it is said. */
import { FcgiPmError } from "../errors.ts";
import { joinWords } from "./words.ts";

export type KeyPath = readonly (string | number)[];

export interface Problem {
  /** The file as the caller named it. Absent: a flag of the command line. */
  readonly file?: string;
  /** From 1 on. */
  readonly line?: number;
  readonly column?: number;
  /** Empty: the file as a whole. */
  readonly keyPath: KeyPath;
  /** What was expected, what was found; without the place. */
  readonly message: string;
}

/** Everything that is wrong, at once: one problem a line. */
export class ConfigError extends FcgiPmError {
  readonly problems: readonly Problem[];

  /** `config` is the file by which the others were found. */
  constructor(problems: readonly Problem[], config?: string) {
    const flagsOnly = problems.every((problem) => problem.file === undefined);
    const code = flagsOnly ? "FCGI_PM_USAGE_WRONG" : "FCGI_PM_CONFIG_WRONG";
    const again = joinWords(["fcgi-pm", "check", ...(config === undefined ? [] : [config])]);
    const remedy = flagsOnly ? "fcgi-pm start --help" : `mend the lines above, then: ${again}`;
    super(code, problems.map(formatProblem).join("\n"), { remedy });
    this.problems = problems;
  }
}

/** `fcgi-pm.toml:7: apps.blog.proceses: unknown key`, or `--processes: expected …` where no file is involved. */
function formatProblem(problem: Problem): string {
  if (problem.file === undefined) return `${formatFlag(problem.keyPath)}: ${problem.message}`;
  const place = problem.line === undefined ? problem.file : `${problem.file}:${problem.line}`;
  const key = formatKeyPath(problem.keyPath);
  return key === "" ? `${place}: ${problem.message}` : `${place}: ${key}: ${problem.message}`;
}

/** `apps.blog.env.PATH`, `include[0]`, `apps."my blog"`: as TOML writes it. */
export function formatKeyPath(path: KeyPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    const key = /^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part);
    return text === "" ? key : `${text}.${key}`;
  }, "");
}

function formatFlag(path: KeyPath): string {
  const [name, ...rest] = path;
  if (name === "command") return "the program";
  if (name === "name") return "the name of the app";
  return `--${name}${rest.length === 0 ? "" : ` ${formatKeyPath(rest)}`}`;
}
