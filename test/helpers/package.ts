/** The package as npm makes it, for tests that install it. */
import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import manifest from "../../package.json" with { type: "json" };
import { discard, root, scratch } from "./manager.ts";

/**
 * Packs it into this directory, and gives the file's path. From a copy: npm gives up where a file grows or shrinks while it
 * is read, as pages and programs of a checkout do when somebody works there.
 */
export async function pack(directory: string): Promise<string> {
  const copy = scratch();
  try {
    for (const name of ["package.json", "README.md", "LICENSE", ...manifest.files])
      cpSync(join(root, name), join(copy, name), { recursive: true });
    await execa("npm", ["pack", "--ignore-scripts", "--pack-destination", directory], { cwd: copy });
  } finally {
    discard(copy);
  }
  const name = readdirSync(directory).find((one) => one.endsWith(".tgz"));
  if (name === undefined) throw new Error(`npm pack left no package in ${directory}`);
  return join(directory, name);
}
