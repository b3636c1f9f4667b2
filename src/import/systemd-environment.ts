/** The files of `EnvironmentFile=`: kept as env-file, and read for what the command line needs of them. */
import type { Draft, Given, World } from "./draft.ts";
import { addWords, envOf, remark } from "./draft.ts";

/** What a file says outranks `Environment=`, while here env outranks env-file: the doubles leave env. */
export function takeEnvFile(draft: Draft, given: Given, world: World, variables: Map<string, string>): void {
  const path = given.value.replace(/^-/, "");
  const text = world.read(path);
  if (text === undefined && given.value.startsWith("-")) {
    remark(
      draft.remarks,
      "lost",
      given,
      `there is no such file to read; where there will be one: env-file = ["${path}"]`,
    );
    return;
  }
  if (text === undefined) remark(draft.remarks, "changed", given, "it cannot be read here; a start needs it");
  addWords(draft, "env-file", [path]);
  for (const [name, value] of linesOf(text ?? "")) variables.set(name, value);
}

/** Removes from env what the files say anew. To be called when all is read. */
export function settleEnvironment(draft: Draft, variables: ReadonlyMap<string, string>): void {
  const env = Object.entries(envOf(draft)).filter(([name]) => !variables.has(name));
  if (env.length > 0) draft.settings.set("env", Object.fromEntries(env));
  else draft.settings.delete("env");
}

function linesOf(text: string): (readonly [string, string])[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*([A-Za-z_]\w*)=(.*)$/.exec(line.replace(/\r$/, ""));
    return match === null ? [] : [[match[1] ?? "", (match[2] ?? "").trim().replace(/^(["'])(.*)\1$/, "$2")] as const];
  });
}
