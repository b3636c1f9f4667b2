/** The recipes of docs/recipes.md: their tables, and the commands that stand below them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./manager.ts";

export interface Recipe {
  /** The heading. */
  readonly name: string;
  /** What is written into fcgi-pm.toml. */
  readonly toml: string;
  /** `fcgi-pm generate …`, as words behind `fcgi-pm`. */
  readonly generate: readonly string[];
}

/** Every section that has a table. */
export function readRecipes(): Recipe[] {
  const page = readFileSync(join(root, "docs/recipes.md"), "utf8");
  return page.split(/^## /m).flatMap((section) => {
    const [name = ""] = section.split("\n");
    const toml = blocksOf(section, "toml").join("\n");
    const [command = ""] = blocksOf(section, "sh");
    return toml === "" ? [] : [{ name, toml, generate: command.trim().split(" ").slice(1) }];
  });
}

function blocksOf(section: string, language: string): string[] {
  return [...section.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, text = ""]) => text);
}
