/** A Dockerfile as its instructions, as far as ours use the language. */

export interface Instruction {
  readonly keyword: string;
  /** All that stands behind it, lines joined. */
  readonly rest: string;
  /** The same where it is a list of strings. */
  readonly json: readonly string[] | undefined;
}

/** Comments are gone, continued lines are one. */
export function instructionsOf(dockerfile: string): Instruction[] {
  const lines = dockerfile
    .split("\n")
    .filter((line) => !/^\s*#/.test(line))
    .join("\n")
    .replace(/\\\n/g, " ")
    .split("\n");
  return lines.flatMap((line) => {
    const [, keyword, rest = ""] = /^([A-Z]+)\s+(.*)$/.exec(line.trim()) ?? [];
    return keyword === undefined ? [] : [{ keyword, rest, json: rest.startsWith("[") ? wordsOf(rest) : undefined }];
  });
}

/** A list of strings; a command in words would have a shell between. */
export function wordsOf(json: string): string[] {
  return JSON.parse(json) as string[];
}

/** `A=1 B=2`. */
export function keyValues(text: string): Record<string, string> {
  const pairs = text.split(/\s+/).map((pair) => [pair.split("=", 1)[0] ?? "", pair.slice(pair.indexOf("=") + 1)]);
  return Object.fromEntries(pairs);
}

/** Puts values in for `${NAME}`. */
export function substitute(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{(\w+)\}/g, (_, name: string) => values[name] ?? "");
}
