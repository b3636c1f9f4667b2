/** Programs that Apache starts on demand, as far as aliases name them: a file, or a directory with such files in it. */
import type { ApacheLine } from "./apache-reader.ts";
import type { World } from "./draft.ts";

export interface AliasedProgram {
  readonly line: ApacheLine;
  readonly path: string;
}

/** Names that programs have when they speak FastCGI. */
const isProgram = /\.(?:fcgi|fcg|fpl)$/;

/** Each program once. */
export function aliasedPrograms(lines: readonly ApacheLine[], world: World): AliasedProgram[] {
  const found = new Map<string, AliasedProgram>();
  for (const line of lines.filter(({ name }) => name === "scriptalias" || name === "alias")) {
    const target = (line.args[1] ?? "").replace(/\/$/, "");
    const inside = line.name === "scriptalias" && target !== "" ? world.match(`${target}/*`) : [];
    for (const path of isProgram.test(target) ? [target] : inside.filter((file) => isProgram.test(file)))
      if (!found.has(path)) found.set(path, { line, path });
  }
  return [...found.values()];
}
