/** Environment files: `NAME=VALUE` lines as systemd's EnvironmentFile and Docker's --env-file read them. */

export interface EnvProblem {
  readonly line: number;
  readonly message: string;
}

/** The variables of one file, in order, and what is wrong with it. Quotes around a value are taken off; nothing is expanded. */
export function parseEnvFile(text: string): { env: Map<string, string>; problems: EnvProblem[] } {
  const env = new Map<string, string>();
  const problems: EnvProblem[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.replace(/\r$/, "").trim();
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue;
    const match = /^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(line);
    if (match === null) problems.push({ line: index + 1, message: "expected NAME=VALUE" });
    else env.set(match[1] ?? "", unquote(match[2] ?? ""));
  }
  return { env, problems };
}

function unquote(value: string): string {
  const match = /^(?:"((?:[^"\\]|\\.)*)"|'([^']*)')$/s.exec(value.trim());
  if (match === null) return value.trim();
  return match[2] ?? (match[1] ?? "").replace(/\\(["\\$`])/g, "$1");
}
