/** `fcgi-pm completion`: the script of a shell, on standard output. All of them ask `fcgi-pm __complete` (complete.ts). */
import { readFileSync } from "node:fs";
import { FcgiPmError } from "../errors.ts";
import { print } from "./terminal.ts";

/** As the shells want the files to be called. */
const files = { bash: "fcgi-pm.bash", zsh: "_fcgi-pm", fish: "fcgi-pm.fish" } as const;

/** Gives the exit status. */
export async function completion(shell: string): Promise<number> {
  if (!isShell(shell)) {
    const there = Object.keys(files).join(", ");
    throw new FcgiPmError("FCGI_PM_USAGE_WRONG", `Cannot complete in "${shell}": there is ${there}`, {
      remedy: "fcgi-pm completion --help",
    });
  }
  // Beside this file in a checkout, beside the bundle in the package.
  await print(readFileSync(new URL(`completions/${files[shell]}`, import.meta.url), "utf8"));
  return 0;
}

function isShell(shell: string): shell is keyof typeof files {
  return Object.hasOwn(files, shell);
}
