/** docs/recipes.md: each table is one that fcgi-pm takes, each command one that it understands. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { parse } from "smol-toml";
import { jsonSchema } from "../src/config/docs.ts";
import { parseText } from "./config/context.ts";
import { isValid } from "./config/json-schema.ts";
import { readRecipes } from "./helpers/recipes.ts";
import { useSite } from "./helpers/site.ts";

jest.setTimeout(120_000);

const site = useSite();
const recipes = readRecipes();

/** What may be missing on a machine that has none of these programs. */
const missing = /^There is no (?:user|group) "|: there is no \/|": it is no directory$|: ENOENT$|^[\w-]+: ok, /;

test("there is one for each program that people run this way", () => {
  expect(recipes.map(({ name }) => name)).toEqual([
    "QGIS Server",
    "MapServer",
    "iipsrv",
    "Sympa",
    "RT",
    "cgit",
    "Other CGI programs",
    "Shibboleth",
    "Ruby",
    "Perl: Dancer",
    "Perl: Mojolicious",
    "PHP without FPM",
    "Flask",
    "Django",
  ]);
});

test("all of them fit into one config: no two have one name or one listener", async () => {
  const { apps } = await parseText(recipes.map(({ toml }) => toml).join("\n"));
  expect(apps.length).toBeGreaterThan(recipes.length);
});

describe.each(recipes)("$name", ({ toml, generate }) => {
  test("its table passes the schema and the parser", async () => {
    expect(isValid(jsonSchema(), parse(toml))).toBe(true);
    expect((await parseText(toml)).apps.length).toBeGreaterThan(0);
  });

  test("check complains of nothing but programs, users and directories that this machine does not have", async () => {
    writeFileSync(join(site.directory, "fcgi-pm.toml"), toml);
    const { stdout } = await site.run("check");
    const lines = stdout.split("\n").filter((line) => line !== "" && !line.startsWith("  "));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toMatch(missing);
  });

  test("its command prints the web server's part", async () => {
    writeFileSync(join(site.directory, "fcgi-pm.toml"), toml);
    const { code, stdout } = await site.run(...generate);
    expect([generate[0], code]).toEqual(["generate", 0]);
    expect(stdout).toContain("fastcgi_pass ");
  });
});
