/** The recipes whose programs are small, run as docs/recipes.md writes them, behind nginx as its commands configure it. */
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { startGenerated } from "../helpers/generated-servers.ts";
import { bin, discard, endAll, type RunningManager, root, startReady } from "../helpers/manager.ts";
import { type Recipe, readRecipes } from "../helpers/recipes.ts";
import { get, isRoot, publicDirectory, type WebServer } from "../helpers/webservers.ts";
import { tiledTiff } from "./recipes-tiff.ts";

jest.setTimeout(240_000);

const directory = publicDirectory("fpm-");
const config = join(directory, "fcgi-pm.toml");
const env = { ...process.env, RUNTIME_DIRECTORY: join(directory, "run") };
const recipes = new Map(readRecipes().map((recipe) => [recipe.name, recipe]));
let manager: RunningManager;

/** What a recipe's application answers, through the web server. */
interface Row {
  readonly name: string;
  readonly asked: readonly (readonly [uri: string, answer: RegExp | string, body?: string])[];
}

const rows: readonly Row[] = [
  {
    name: "iipsrv",
    asked: [["/fcgi-bin/iipsrv.fcgi?IIIF=picture.tif/info.json", /"width"\s*:\s*256/]],
  },
  {
    name: "cgit",
    asked: [
      ["/git/", /<a title='An example' href='\/git\/hello\/'>hello<\/a>|href='\/git\/hello\/'/],
      ["/git/hello/refs/", /An example/],
    ],
  },
  { name: "Other CGI programs", asked: [["/hello.cgi?you", "hello you\n"]] },
  {
    name: "Ruby",
    asked: [
      ["/a/b?c", "hello /a/b, 0 bytes, production"],
      ["/a/b", `hello /a/b, 100000 bytes, production`, "x".repeat(100_000)],
    ],
  },
  {
    name: "Perl: Dancer",
    asked: [
      ["/hello/you", "hello you at "],
      ["/count", "100000", "x".repeat(100_000)],
      ["/style.css", "body {\n  color: black;\n}\n"],
    ],
  },
  {
    name: "Perl: Mojolicious",
    asked: [
      ["/hello/you", "hello you in production"],
      ["/count", "100000", "x".repeat(100_000)],
      ["/style.css", "body {\n  color: black;\n}\n"],
    ],
  },
  {
    name: "PHP without FPM",
    asked: [
      ["/?name=you", "hello you at /index.php, 1000\n"],
      ["/index.php", "hello nobody at /index.php, 1000\n"],
    ],
  },
  { name: "Flask", asked: [["/yourapplication/hello/you", "hello you at /yourapplication/hello/you"]] },
  {
    name: "Django",
    asked: [
      ["/hello/you", "hello you at /hello/you"],
      ["/static/style.css", "body {\n  color: black;\n}\n"],
    ],
  },
];

/** The paths of the page are those of a machine that is not ours; fewer workers show as much. */
function atHome(text: string): string {
  return text
    .replaceAll("/srv/images/", `${directory}/images/`)
    .replaceAll("/srv/", `${directory}/`)
    .replaceAll("/var/log/iipsrv/", `${directory}/images/`)
    .replaceAll("/etc/cgitrc", `${directory}/cgitrc`)
    .replaceAll("/var/www/html", `${directory}/php`)
    .replaceAll("/usr/lib/cgi-bin", `${directory}/cgi-bin`)
    .replace(/^processes = .*$/gm, "processes = 2")
    .replace(/^python = .*$/gm, 'python = "/usr/bin/python3"')
    .replace(/^user = .*$/gm, isRoot ? "$&" : "");
}

function recipeOf(name: string): Recipe {
  const found = recipes.get(name);
  if (found === undefined) throw new Error(`docs/recipes.md has no recipe "${name}"`);
  return found;
}

/** What the recipes are about: applications, an image, a repository. */
function furnish(): void {
  cpSync(join(root, "fixtures/recipes"), directory, { recursive: true });
  const page = readFileSync(join(root, "docs/recipes.md"), "utf8");
  const [, rack = ""] = /^```ruby\n(.*?)^```$/ms.exec(page) ?? [];
  writeFileSync(join(directory, "rack/app.fcgi"), atHome(rack), { mode: 0o755 });
  mkdirSync(join(directory, "images"));
  chmodSync(join(directory, "images"), 0o777);
  writeFileSync(join(directory, "images/picture.tif"), tiledTiff());
  execFileSync("git", ["init", "--quiet", "--bare", join(directory, "hello.git")]);
  const repository = `repo.url=hello\nrepo.path=${directory}/hello.git\nrepo.desc=An example\n`;
  writeFileSync(join(directory, "cgitrc"), `virtual-root=/git/\n${repository}`);
  writeFileSync(config, rows.map(({ name }) => atHome(recipeOf(name).toml)).join("\n"));
  mkdirSync(env.RUNTIME_DIRECTORY);
}

beforeAll(async () => {
  furnish();
  manager = await startReady(["--config", config], { env });
}, 180_000);

afterAll(async () => {
  await endAll();
  discard(directory);
});

describe.each(rows)("$name", ({ name, asked }) => {
  test("is served by what its command prints", async () => {
    const words = recipeOf(name).generate.map(atHome);
    const server: WebServer = await startGenerated("nginx", (listen) =>
      execFileSync(process.execPath, [bin, ...words, "--config", config, "--listen", listen], {
        encoding: "utf8",
        env,
      }),
    );
    try {
      for (const [uri, answer, body] of asked) {
        const got = await get(server.url + uri, body === undefined ? {} : { body });
        expect([uri, got.status, got.body.toString()]).toEqual([
          uri,
          200,
          typeof answer === "string" ? answer : expect.stringMatching(answer),
        ]);
      }
    } finally {
      await server.stop();
    }
  });
});

test("no worker has died by then, and none stands between the manager and the programs", () => {
  expect(manager.records.filter(({ notice }) => notice === "worker.died")).toEqual([]);
  const ready = manager.records.filter(({ notice }) => notice === "worker.ready").map(({ pid }) => pid);
  expect(manager.workers().toSorted()).toEqual([...new Set(ready)].toSorted());
});
