/** Modules under a manager: whatever they export, the Node runner serves it. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { ask, discard, endAll, type RunningManager, root, runManager, scratch } from "../helpers/manager.ts";

jest.setTimeout(120_000);

/** A module that answers "KIND METHOD /path?query", whatever it is written with. */
interface Kind {
  readonly file: string;
  readonly text: string;
  /** Files beside it. */
  readonly beside?: Readonly<Record<string, string>>;
}

/** The library as users import it: another copy than the runner's own. */
const library = pathToFileURL(join(root, "dist/index.js")).href;

const nodeAnswer = (kind: string) => `res.end(\`${kind} \${req.method} \${req.url}\`)`;
const fetchAnswer = (kind: string) =>
  `{ const { pathname, search } = new URL(request.url); return new Response(\`${kind} \${request.method} \${pathname}\${search}\`); }`;

const kinds: Readonly<Record<string, Kind>> = {
  handler: { file: "app.mjs", text: `export default (req, res) => void ${nodeAnswer("handler")};` },
  commonjs: { file: "app.cjs", text: `module.exports = (req, res) => void ${nodeAnswer("commonjs")};` },
  "commonjs-app": {
    file: "app.js",
    text: `const app = (req, res) => void ${nodeAnswer("commonjs-app")};\nmodule.exports = Object.assign(Object.create(null), { version: 1, app });`,
  },
  compiled: {
    file: "app.cjs",
    text: `Object.defineProperty(exports, "__esModule", { value: true });\nexports.default = (req, res) => void ${nodeAnswer("compiled")};`,
  },
  "package-type": {
    file: "app.js",
    text: `export const version = 1;\nexport const handler = (req, res) => void ${nodeAnswer("package-type")};`,
    beside: { "package.json": '{ "type": "module" }' },
  },
  "own-import": {
    file: "app.mjs",
    text: `import { name } from "./name.mjs";\nimport parts from "parts";\nexport default (req, res) => void res.end(\`\${name}\${parts} \${req.method} \${req.url}\`);`,
    beside: {
      "name.mjs": 'export const name = await Promise.resolve("own");',
      "node_modules/parts/package.json": '{ "main": "./index.js" }',
      "node_modules/parts/index.js": 'module.exports = "-import";',
    },
  },
  "top-level-await": {
    file: "app.mjs",
    text: `const kind = await new Promise((done) => setTimeout(done, 20, "top-level-await"));\nexport const app = (req, res) => void res.end(\`\${kind} \${req.method} \${req.url}\`);`,
  },
  express: {
    file: "app.mjs",
    text: `import express from "express";\nconst app = express();\napp.use((req, res) => void res.send(\`express \${req.method} \${req.originalUrl}\`));\nexport default app;`,
  },
  fastify: {
    file: "app.mjs",
    text: `import Fastify from "fastify";\nexport const app = Fastify();\napp.register(async (part) => void part.get("/*", async (req) => \`fastify \${req.method} \${req.url}\`));`,
  },
  "fastify-factory": {
    file: "app.cjs",
    text: `const Fastify = require("fastify");\nmodule.exports = async () => {\n  const app = Fastify();\n  app.get("/*", async (req) => \`fastify-factory \${req.method} \${req.url}\`);\n  return app;\n};`,
  },
  koa: {
    file: "app.mjs",
    text: `import Koa from "koa";\nconst app = new Koa();\napp.use((context) => void (context.body = \`koa \${context.method} \${context.url}\`));\nexport default app;`,
  },
  hono: {
    file: "app.mjs",
    text: `import { Hono } from "hono";\nconst app = new Hono();\napp.get("/*", (c) => c.text(\`hono \${c.req.method} \${new URL(c.req.url).pathname}\${new URL(c.req.url).search}\`));\nexport default app;`,
  },
  cloudflare: {
    file: "app.mjs",
    text: `export default { async fetch(request, env, context) { context.waitUntil(Promise.resolve()); if (env.KIND !== "cloudflare" || env.fcgi.params.get("REQUEST_METHOD") !== "GET") throw env; ${fetchAnswer("cloudflare")} } };`,
  },
  "fetch-function": { file: "app.mjs", text: `export default async (request) => ${fetchAnswer("fetch-function")};` },
  "named-fetch": {
    file: "app.mjs",
    text: `export async function fetch(request, env, context) ${fetchAnswer("named-fetch")}`,
  },
  "http-server": {
    file: "app.mjs",
    text: `import { createServer } from "node:http";\nexport const server = createServer((req, res) => void ${nodeAnswer("http-server")});`,
  },
  promise: {
    file: "app.mjs",
    text: `export default Promise.resolve((req, res) => void ${nodeAnswer("promise")});`,
  },
  "marked-node": {
    file: "app.mjs",
    text: `export const kind = "node";\nexport default (...[req, res]) => void ${nodeAnswer("marked-node")};`,
  },
  "marked-fetch": {
    file: "app.mjs",
    text: `export const kind = "fetch";\nexport default (request, env) => ${fetchAnswer("marked-fetch")};`,
  },
  "by-itself": {
    file: "app.mjs",
    text: `import { serve } from ${JSON.stringify(library)};\nserve((req, res) => void ${nodeAnswer("by-itself")});\nexport const app = () => {};`,
  },
  "by-another-library": {
    file: "app.js",
    text: `require("node-fastcgi").createServer((req, res) => void ${nodeAnswer("by-another-library")}).listen();`,
  },
  arguments: {
    file: "app.mjs",
    text: `const kind = process.argv.slice(2).join("-");\nexport default (req, res) => void res.end(\`\${kind} \${req.method} \${req.url}\`);`,
  },
};

let directory: string;
let manager: RunningManager;

const socketOf = (kind: string) => join(directory, `${kind}.sock`);

/** One manager for all, each in a directory of its own that has our frameworks. */
beforeAll(async () => {
  directory = scratch();
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
  const tables = Object.entries(kinds).map(([kind, { file, text, beside = {} }]) => {
    for (const [name, content] of Object.entries({ [file]: text, ...beside })) write(join(kind, name), content);
    const words = [join(kind, file), ...(kind === "arguments" ? ["arguments"] : [])];
    return `[apps.${kind}]\ncommand = ${JSON.stringify(words)}\nsocket = "${kind}.sock"\nenv = { KIND = "${kind}" }\n`;
  });
  const config = write("fcgi-pm.toml", tables.join("\n"));
  manager = runManager(["start", "--config", config]);
  // So many frameworks at once take their time on a busy machine.
  await manager.notice("manager.ready", 100_000);
});

afterAll(async () => {
  await endAll();
  discard(directory);
});

function write(name: string, text: string): string {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

describe("A module is served that exports", () => {
  test.each(Object.keys(kinds))("%s", async (kind) => {
    const answer = await ask(socketOf(kind), "/news/today?page=2");
    expect([answer.status, String(answer.body)]).toEqual([200, `${kind} GET /news/today?page=2`]);
  });
});

test("its workers are run by the manager's Node, with the module and its words as arguments", () => {
  const lines = manager.workers().map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1));
  expect(lines).toHaveLength(Object.keys(kinds).length);
  const runner = join(root, "dist/node-runner.cjs");
  expect(lines).toContainEqual([process.execPath, runner, join(directory, "arguments/app.mjs"), "arguments"]);
});

test("all of them end with status 0 when they are asked to, but where another library ends them", async () => {
  expect(await manager.stop()).toMatchObject({ code: 0 });
  const ends = manager.records.filter(({ notice }) => notice === "worker.stopped");
  expect(new Map(ends.map(({ app, msg }) => [app, msg]))).toEqual(
    new Map(
      Object.keys(kinds).map((kind) => [
        kind,
        `worker 1 stopped: ${kind === "by-another-library" ? "signal SIGTERM" : "exit code 0"}`,
      ]),
    ),
  );
});
