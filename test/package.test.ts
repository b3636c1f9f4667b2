/** The package as others get it: packed, installed elsewhere, run there. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { execa } from "execa";
import manifest from "../package.json" with { type: "json" };
import { ask, discard, root, scratch } from "./helpers/manager.ts";
import { until } from "./helpers/wait.ts";

jest.setTimeout(300_000);

let directory: string;

beforeEach(() => {
  directory = scratch();
});

afterEach(() => discard(directory));

test("every file that a script of package.json runs is there, and README's commands are scripts", () => {
  const { scripts } = manifest;
  const files = Object.values(scripts).flatMap((line) => [
    ...line.matchAll(/\b(?:node|bash) ((?:bin|test|fixtures)\/\S+)/g),
  ]);
  expect(files.length).toBeGreaterThanOrEqual(3);
  for (const [, file = ""] of files) expect([file, existsSync(join(root, file))]).toEqual([file, true]);
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const commands = [...readme.matchAll(/^npm run (\S+)$/gm)].map(([, name]) => name);
  expect(commands).toEqual(["demo", "everything"]);
  for (const name of commands) expect(Object.keys(scripts)).toContain(name);
});

test("npm pack gives a package that installs and runs elsewhere, for import and require", async () => {
  await execa("npm", ["pack", "--ignore-scripts", "--pack-destination", directory], { cwd: root });
  const [tarball = ""] = readdirSync(directory).filter((name) => name.endsWith(".tgz"));
  const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"];
  await execa("npm", ["install", "--prefix", directory, ...quiet, join(directory, tarball)], { cwd: directory });
  const installed = readdirSync(join(directory, "node_modules")).filter((name) => !name.startsWith("."));
  expect(installed.toSorted()).toEqual(["@koromix", "fcgi-pm", "koffi"]);

  const command = join(directory, "node_modules/.bin/fcgi-pm");
  expect((await execa(command, ["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+$/);
  const names = "console.log(typeof serve, typeof request)";
  const imported = await execa(
    "node",
    ["--input-type=module", "-e", `import { serve, request } from "fcgi-pm"; ${names}`],
    { cwd: directory },
  );
  const required = await execa("node", ["-e", `const { serve, request } = require("fcgi-pm"); ${names}`], {
    cwd: directory,
  });
  expect([imported.stdout, required.stdout]).toEqual(["function function", "function function"]);

  const demo = execa(command, ["demo"], { env: { TMPDIR: directory }, reject: false });
  demo.stdout.on("data", (chunk: Buffer) => {
    if (chunk.includes("Ctrl-C ends it")) demo.kill("SIGINT");
  });
  const { stdout, exitCode } = await demo;
  expect(stdout).toContain("4 of 4 workers ready");
  expect(exitCode).toBe(0);

  // Both runners are in the package, and each serves what is no program by itself.
  writeFileSync(join(directory, "shop.mjs"), 'export default (req, res) => void res.end("from Node");\n');
  const answer = 'start_response("200 OK", [("Content-Type", "text/plain")]) and None or [b"from Python"]';
  writeFileSync(join(directory, "blog.py"), `def app(environ, start_response):\n    return ${answer}\n`);
  const tables = ['shop]\ncommand = "./shop.mjs"', 'blog]\nwsgi = "blog:app"\npython = "/usr/bin/python3"'];
  const config = tables.map((table, index) => `[apps.${table}\nsocket = "${index}.sock"\n`).join("");
  writeFileSync(join(directory, "fcgi-pm.toml"), config);
  const env = { RUNTIME_DIRECTORY: directory };
  const manager = execa(command, ["start"], { cwd: directory, env, reject: false });
  const bodies = async () => {
    const answers = await Promise.all(tables.map((_, index) => ask(join(directory, `${index}.sock`))));
    return answers.map(({ body }) => String(body));
  };
  try {
    expect(await until(bodies, { what: "both answers", timeoutMs: 30_000 })).toEqual(["from Node", "from Python"]);
  } finally {
    manager.kill("SIGTERM");
    await manager;
  }
});
