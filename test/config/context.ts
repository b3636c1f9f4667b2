import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "../../src/config/app.ts";
import type { ConfigFile, ParseContext } from "../../src/config/parse.ts";
import { includesOf, parseConfig } from "../../src/config/parse.ts";
import { ConfigError } from "../../src/config/problem.ts";

const configs = fileURLToPath(new URL("../../fixtures/configs/", import.meta.url));

/** As the shell gives it, in a made-up place. */
export const context: ParseContext = {
  runtimeDirectory: "/run/fcgi-pm",
  directory: "/home/ann",
  resolvePath: resolve,
  directoryOf: dirname,
};

/** The names of the main files in fixtures/configs/valid or broken. */
export function fixtureNames(kind: "valid" | "broken"): string[] {
  return readdirSync(join(configs, kind)).filter((name) => name.endsWith(".toml"));
}

/** A file of fixtures/configs, as if it lay in /etc. */
export function fixture(kind: "valid" | "broken", name: string): ConfigFile {
  return { path: join("/etc", name), text: readFixture(kind, name) };
}

/** A main file with what it includes. */
export function fixtureWithIncludes(kind: "valid" | "broken", name: string): ConfigFile[] {
  const main = fixture(kind, name);
  const folders = includesOf(main).map((pattern) => dirname(pattern));
  const included = folders.flatMap((folder) =>
    readdirSync(join(configs, kind, folder))
      .sort()
      .map((file) => fixture(kind, join(folder, file))),
  );
  return [main, ...included];
}

export function readFixture(kind: "valid" | "broken", name: string): string {
  return readFileSync(join(configs, kind, name), "utf8");
}

/** The complaints that fixtures/configs/broken expects of one of its files. */
export function expectedComplaints(name: string): string[] {
  return readFixture("broken", `${basename(name, ".toml")}.txt`)
    .trimEnd()
    .split("\n");
}

export function parseText(text: string): Promise<Config> {
  return parseConfig([{ path: "/etc/fcgi-pm.toml", text }], context);
}

/** What parsing throws; fails where it throws nothing, or anything that is no complaint. */
export async function complaintsOf(files: readonly ConfigFile[]): Promise<ConfigError> {
  const outcome = await parseConfig(files, context).catch((error: unknown) => error);
  if (outcome instanceof ConfigError) return outcome;
  throw new Error(`No complaint, but ${JSON.stringify(outcome)}`, { cause: outcome });
}
