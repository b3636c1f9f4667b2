/** How a setting is written where the app is written: in its config, or behind the program's name. */
import { shellWord } from "../shell-word.ts";

/** Where the app is written. */
export interface Home {
  /** Undefined: on the command line. */
  readonly configFile: string | undefined;
  readonly app: string;
  /** A manager has the app now, and has to hear of a change. */
  readonly isRunning: boolean;
  /** Keys of it that have entries by now. */
  readonly filled: readonly ("env" | "pass-env")[];
}

/** `add to the command line: --cwd /srv/app`, or `in fcgi-pm.toml, under [apps.blog]: cwd = "/srv/app"`. */
export function settingOf(home: Home, key: "cwd" | "user" | "stop-signal" | "wsgi", value: string): string {
  return written(home, `--${key} ${shellWord(value)}`, `${key} = ${JSON.stringify(value)}`);
}

/** A variable with this value. */
export function variableOf(home: Home, name: string, value: string): string {
  const beside = home.filled.includes("env") ? "   # beside what env has" : "";
  const line = `env = { ${name} = ${JSON.stringify(value)} }${beside}`;
  return written(home, `--env ${shellWord(`${name}=${value}`)}`, line);
}

/** Variables that are handed on as they are where fcgi-pm is started. */
export function passedOf(home: Home, names: readonly string[]): string {
  const flags = names.map((name) => `--pass-env ${name}`).join(" ");
  const beside = home.filled.includes("pass-env") ? "   # beside what pass-env has" : "";
  return written(home, flags, `pass-env = [${names.map((name) => JSON.stringify(name)).join(", ")}]${beside}`);
}

function written({ configFile, app, isRunning }: Home, flag: string, line: string): string {
  if (configFile === undefined) return `add to the command line: ${flag}`;
  const then = isRunning ? `${line.includes("   # ") ? ", " : "   # "}then: fcgi-pm reload ${app}` : "";
  return `in ${configFile}, under [apps.${app}]: ${line}${then}`;
}

/** `socket-owner = ":www-data"   # why` as a flag, for an app that stands in no config; any other line as it is. */
export function asFlag(line: string): string {
  const [setting = "", why = ""] = line.split("   # ", 2);
  const [, key, quoted, number] = /^([a-z-]+) = (?:"([^"$]*)"|(\d+))$/.exec(setting) ?? [];
  if (key === undefined) return line;
  // A reload takes new settings from a config only.
  const comment = why.replace(/(?:for \S+, |, )?then: fcgi-pm reload.*$/, "");
  const flag = `--${key} ${shellWord(quoted ?? number ?? "")}`;
  return `add to the command line: ${flag}${comment === "" ? "" : `   # ${comment}`}`;
}
