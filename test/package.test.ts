/** The package as others get it: packed, installed elsewhere, run there. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { execa } from "execa";
import manifest from "../package.json" with { type: "json" };
import { ask, discard, root, scratch } from "./helpers/manager.ts";
import { pack } from "./helpers/package.ts";
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
    ...line.matchAll(/\b(?:node|bash) ((?:bin|src|test|fixtures)\/\S+)/g),
  ]);
  expect(files.length).toBeGreaterThanOrEqual(3);
  for (const [, file = ""] of files) expect([file, existsSync(join(root, file))]).toEqual([file, true]);
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const commands = [...readme.matchAll(/^npm run (\S+)$/gm)].map(([, name]) => name);
  expect(commands).toEqual(["demo", "everything"]);
  for (const name of commands) expect(Object.keys(scripts)).toContain(name);
});

/** What is in the package beside the types. */
const packed = [
  ...["CHANGELOG.md", "LICENSE", "README.md", "bin/fcgi-pm.js", "bin/package.json"],
  ...["dist/completions/_fcgi-pm", "dist/completions/fcgi-pm.bash", "dist/completions/fcgi-pm.fish"],
  ...["dist/fcgi-pm.cache", "dist/fcgi-pm.cjs", "dist/fcgi-pm.cjs.map", "dist/index.cjs", "dist/index.cjs.map"],
  ...[
    "dist/index.js",
    "dist/index.js.map",
    "dist/node-runner.cjs",
    "dist/rest.cjs",
    "dist/rest.cjs.map",
    "dist/wsgi.py",
  ],
  ...["docs/fcgi-pm.schema.json", "docs/man/fcgi-pm.1", "fixtures/apps/hello.fcgi", "fixtures/apps/package.json"],
  "package.json",
];

test("the package holds the program, its library, its texts for shells, man, editors and systemd, and nothing else", async () => {
  const { stdout } = await execa("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: root });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const paths = files.map(({ path }) => path);
  const units = filesBelow("docs/deploy/systemd");
  expect(units.map((path) => basename(path))).toContain("fcgi-pm@.service");
  const types = paths.filter((path) => path.startsWith("dist/types/"));
  expect(types).toContain("dist/types/index.d.ts");
  for (const path of types) expect(path).toMatch(/\.d\.ts$/);
  expect(paths.filter((path) => !types.includes(path)).toSorted()).toEqual([...packed, ...units].toSorted());
});

function filesBelow(directory: string): string[] {
  const entries = readdirSync(join(root, directory), { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return paths.map((path) => path.slice(root.length + 1));
}

/** A directory with these programs, and so without a compiler. */
function pathOf(programs: readonly string[]): string {
  const path = join(directory, "path");
  mkdirSync(path);
  for (const program of programs) {
    const places = ["/usr/local/bin", "/usr/bin", "/bin"].map((place) => join(place, program));
    symlinkSync(places.find((place) => existsSync(place)) ?? program, join(path, program));
  }
  symlinkSync(process.execPath, join(path, "node"));
  return path;
}

/** Presses Ctrl-C when the demo says that this ends it. */
function endWhenServed(demo: { readonly stdout: NodeJS.ReadableStream; kill(signal: "SIGINT"): unknown }): void {
  let shown = "";
  demo.stdout.on("data", (chunk: Buffer) => {
    const before = shown;
    shown += chunk.toString();
    if (shown.includes("Ctrl-C ends it") && !before.includes("Ctrl-C ends it")) demo.kill("SIGINT");
  });
}

test("npm install -g works without a compiler, and gives any user the command and its manual page", async () => {
  const tarball = await pack(directory);
  chmodSync(directory, 0o777);
  const prefix = join(directory, "prefix");
  const path = pathOf(["npm", "sh", "env", "setpriv"]);
  const plain = { cwd: directory, env: { PATH: path, HOME: process.env["HOME"] ?? "/root" }, extendEnv: false };
  const quiet = ["--no-audit", "--no-fund", "--prefer-offline"];
  await execa("npm", ["install", "-g", "--prefix", prefix, ...quiet, tarball], plain);

  const asNobody = process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : ["env"];
  const env = { ...plain.env, PATH: `${prefix}/bin:${path}`, TMPDIR: directory };
  const run = (...words: string[]) => {
    const [command = "", ...args] = [...asNobody, "fcgi-pm", ...words];
    return execa(command, args, { ...plain, env, reject: false });
  };
  for (const [shell, file] of [
    ["bash", "fcgi-pm.bash"],
    ["zsh", "_fcgi-pm"],
    ["fish", "fcgi-pm.fish"],
  ] as const) {
    const script = join(prefix, "lib/node_modules/fcgi-pm/dist/completions", file);
    expect((await run("completion", shell)).stdout).toBe(readFileSync(script, "utf8").trimEnd());
  }
  const manual = await execa("mandoc", ["-T", "ascii", join(prefix, "share/man/man1/fcgi-pm.1")]);
  expect(manual.stdout).toContain("FastCGI process manager");

  const demo = run("demo");
  endWhenServed(demo);
  const { stdout, exitCode } = await demo;
  expect(stdout).toContain("4 of 4 workers ready");
  expect(exitCode).toBe(0);
});

test("npm pack gives a package that installs and runs elsewhere, for import and require", async () => {
  const tarball = await pack(directory);
  const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"];
  await execa("npm", ["install", "--prefix", directory, ...quiet, tarball], { cwd: directory });
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
  endWhenServed(demo);
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
