/** The life of workers that are modules: started, replaced by new code, stopped, and why one dies. */
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { ask, runManager, runToEnd, startReady, usePlace } from "../helpers/manager.ts";
import { until } from "../helpers/wait.ts";
import { giveFrameworks, installCopy, startCopy, write } from "./site.ts";

jest.setTimeout(60_000);

const place = usePlace();

const add = (name: string, text: string, mode?: number) => write(place.directory, name, text, mode);
const bodyOf = async (path = place.path, uri = "/") => String((await ask(path, uri)).body);

test("two workers share the listener, each in the module's directory and with its words", async () => {
  const facts = "[process.pid, process.cwd(), process.argv.slice(1), process.env.FCGI_PM_WORKER]";
  const text = `export default (req, res) => void res.end(${facts}.join(" "));`;
  const file = add("site/app.mjs", text);
  const manager = await startReady(["site/app.mjs", "one", "two", "--processes", "2", "--socket", place.path], {
    cwd: place.directory,
  });
  const answers = new Map<string, string>();
  const askBoth = async () => {
    const words = (await Promise.all(Array.from({ length: 8 }, () => bodyOf()))).map((body) => body.split(" "));
    for (const [pid = "", ...rest] of words) answers.set(pid, rest.join(" "));
    return answers.size === 2;
  };
  await until(askBoth, { what: "answers of both" });
  expect([...answers.keys()].map(Number).toSorted()).toEqual(manager.workers().toSorted());
  const arguments_ = `${join(place.directory, "site")} ${file},one,two`;
  expect([...answers.values()].toSorted()).toEqual([`${arguments_} 1`, `${arguments_} 2`]);
  await manager.stop();
});

test("a reload rolls the app whose module has changed, and no other, and the code is new", async () => {
  const answer = (word: string) => `export default (req, res) => void res.end("${word}");`;
  const table = (name: string) => `[apps.${name}]\ncommand = "./${name}.mjs"\nsocket = "${name}.sock"\nprocesses = 2\n`;
  for (const name of ["one", "two"]) add(`${name}.mjs`, answer("old"));
  add("fcgi-pm.toml", table("one") + table("two"));
  // By its short name: read again by its whole one, it is the same config.
  const manager = await startReady(["--config", "fcgi-pm.toml"], { cwd: place.directory });
  add("one.mjs", answer("newer"));
  manager.signal("SIGHUP");
  expect(await manager.notice("roll.done")).toMatchObject({ app: "one" });
  expect(await bodyOf(join(place.directory, "one.sock"))).toBe("newer");
  await manager.see("the end of the reload", ({ notice }) => notice === "manager.reloaded");
  expect(manager.records.filter(({ notice }) => notice === "roll.began").map(({ app }) => app)).toEqual(["one"]);
  await manager.stop();
});

describe("a module that cannot be loaded", () => {
  const deathOf = async (file: string, ...args: readonly string[]) => {
    const manager = runManager(["start", file, "--socket", place.path, "--log-format", "json", ...args]);
    const { lastLines = [] } = await manager.notice("worker.died");
    return { manager, words: lastLines.join("\n") };
  };

  test("is tried again later and later, and its words say what was thrown, where, and as whom it ran", async () => {
    const { manager, words } = await deathOf(add("app.mjs", 'import "not-there";'));
    expect(words).toContain(
      `fcgi-pm: ${place.directory}/app.mjs cannot be loaded as root in ${place.directory}, by Node 2`,
    );
    expect(words).toContain("Cannot find package 'not-there'");
    await manager.notice("pool.crash-loop");
    const status = await runToEnd(["status"], { env: { RUNTIME_DIRECTORY: manager.runtime } });
    expect(status.stdout).toContain("exit code 1");
    await manager.stop();
  });

  test.each([
    ["a slip", "app.mjs", "export default 1;\nconst x = ;", /app\.mjs:2[\s\S]*SyntaxError: Unexpected token/],
    ["a throw", "app.cjs", 'throw new Error("no database");', /no database[\s\S]*app\.cjs:1/],
    ["a factory that throws", "app.mjs", 'export default async () => { throw new Error("no schema"); };', /no schema/],
    [
      "a plugin that throws",
      "app.mjs",
      'import Fastify from "fastify";\nexport const app = Fastify();\napp.register(async () => { throw new Error("no plugin"); });',
      /no plugin/,
    ],
    [
      "nothing to serve",
      "app.mjs",
      "export const config = { a: 1 };\nexport class Shop {}",
      /nothing that can be served, but "Shop" \(a class\), "config" \(an object\)[\s\S]*try: export default app/,
    ],
    ["an end of its own", "app.mjs", "process.exit(0);", /ended before it could be served/],
    ["a promise that nothing settles", "app.mjs", "await new Promise(() => {});", /ended before it could be served/],
    ["nothing at all", "app.mjs", "", /app\.mjs exports nothing\n/],
    ["nothing at all in CommonJS", "app.cjs", "", /app\.cjs exports nothing\n/],
    [
      "an app under another name",
      "app.mjs",
      "export const listener = (req, res) => void res.end();\nexport const options = {};",
      /"listener" \(a function of 2 parameters\)[\s\S]*try: .*export default listener$/,
    ],
    [
      "the example of a framework, which listens and exports nothing",
      "app.cjs",
      'const express = require("express");\nconst app = express();\napp.listen(0);',
      /exports nothing, and listens on port 0 itself\n[\s\S]*module\.exports = app, in the place of app\.listen\(\)$/,
    ],
    [
      "an app that listens itself",
      "app.mjs",
      'import express from "express";\nconst app = express();\napp.listen(0);\nexport default app;',
      /listens on port 0 itself[\s\S]*FCGI_PM_APP/,
    ],
    [
      "a Fastify app that listens",
      "app.mjs",
      'import Fastify from "fastify";\nexport const app = Fastify();\nawait app.listen({ port: 0 });',
      /listens on port 0 itself/,
    ],
  ])("for %s", async (_, name, text, words) => {
    giveFrameworks(place.directory);
    const death = await deathOf(add(name, text));
    expect(death.words).toMatch(words);
    await death.manager.stop();
  });
});

describe("on its stop signal", () => {
  test("a worker finishes the request in flight, then closes what the module wants closed, and exits 0", async () => {
    const text = [
      'import { once, EventEmitter } from "node:events";',
      "const gate = new EventEmitter();",
      'process.on("SIGUSR2", () => gate.emit("open"));',
      'export default async (req, res) => { console.log("asked"); await once(gate, "open"); res.end("late"); };',
      'export const close = async () => { await null; console.log("closed"); };',
    ].join("\n");
    const manager = await startReady([add("app.mjs", text), "--socket", place.path]);
    const answer = bodyOf();
    await manager.see("the request", ({ msg }) => msg === "asked");
    const [pid = 0] = manager.workers();
    process.kill(pid, "SIGTERM");
    process.kill(pid, "SIGUSR2");
    expect(await answer).toBe("late");
    await manager.see("its last word", ({ msg }) => msg === "closed");
    await manager.see("its end", ({ notice, msg }) => notice === "worker.recycled" || msg.includes("ended by itself"));
    await manager.stop();
  });

  test("a Fastify app runs its onClose hooks, an http.Server closes, and a fetch function has what it waits for", async () => {
    giveFrameworks(place.directory);
    const say = (word: string) => `console.log("${word}")`;
    const texts = {
      fastify: `import Fastify from "fastify";\nexport const app = Fastify();\napp.addHook("onClose", async () => ${say("hook")});`,
      server: `import { createServer } from "node:http";\nexport const server = createServer().on("close", () => ${say("close")});`,
      fetch: `export default (request, env, context) => { throw 1; };\nexport const fetch = default_;\nfunction default_(request, env, context) { context.waitUntil(new Promise((done) => setTimeout(done, 200)).then(() => ${say("waited")})); return new Response("ok"); }\nexport const kind = "fetch";`,
    };
    texts.fetch = texts.fetch.replace(/^export default.*\n/, "");
    const tables = Object.entries(texts).map(
      ([name, text]) => `[apps.${name}]\ncommand = "${add(`${name}.mjs`, text)}"\nsocket = "${name}.sock"\n`,
    );
    const manager = await startReady(["--config", add("fcgi-pm.toml", tables.join(""))]);
    expect(await bodyOf(join(place.directory, "fetch.sock"))).toBe("ok");
    expect(await manager.stop()).toMatchObject({ code: 0 });
    const words = manager.records.filter(({ stream }) => stream === "stdout").map(({ app, msg }) => `${app} ${msg}`);
    expect(words.toSorted()).toEqual(["fastify hook", "fetch waited", "server close"]);
  });
});

test.each([
  ["two parameters", "async (request, env) => new Response()", 'export const kind = "fetch"'],
  ["one parameter", "(req) => void req.socket", 'export const kind = "node"'],
])(
  "a function of %s that was taken for what it is not says so in the web server's log, and in ours",
  async (_, text, hint) => {
    const manager = await startReady([add("app.mjs", `export default ${text};`), "--socket", place.path]);
    const { status, stderr } = await ask(place.path);
    expect([status, String(stderr)]).toEqual([500, expect.stringContaining(hint)]);
    await manager.see("its words", ({ stream, msg }) => stream === "stderr" && msg.includes(hint));
    await manager.stop();
  },
);

describe("which files are modules", () => {
  const hello = 'module.exports = (req, res) => void res.end("served");\n';

  test("one with #! that may be executed runs as it is, one without the right does not", async () => {
    const program = add("program.js", `#!/bin/sh\necho "run as it is"\nexec sleep 60\n`, 0o755);
    const manager = runManager(["start", program, "--socket", place.path]);
    await manager.see("its words", ({ msg }) => msg === "run as it is");
    await manager.stop();
    const module = await startReady([add("module.js", `#!/usr/bin/env node\n${hello}`), "--socket", place.path]);
    expect(await bodyOf()).toBe("served");
    await module.stop();
  });

  test("one that may be executed and has no #! is served", async () => {
    const manager = await startReady([add("app.cjs", hello, 0o755), "--socket", place.path]);
    expect(await bodyOf()).toBe("served");
    await manager.stop();
  });
});

describe("is refused before anything starts:", () => {
  const refusal = async (...args: string[]) => {
    const { code, stderr } = await runToEnd(["start", ...args, "--socket", place.path]);
    expect(code).toBe(1);
    return stderr;
  };

  test("a file that is missing, or a directory", async () => {
    expect(await refusal(`${place.directory}/none.mjs`)).toContain(`there is no ${place.directory}/none.mjs`);
    mkdirSync(join(place.directory, "app.mjs"));
    expect(await refusal(`${place.directory}/app.mjs`)).toContain("it is a directory");
  });

  test("TypeScript, where this Node does not run it", async () => {
    const stripsTypes = Boolean((process.features as { typescript?: unknown }).typescript);
    const file = add("app.ts", 'export default (req: unknown, res: { end(text: string): void }) => res.end("typed");');
    if (stripsTypes) {
      const manager = await startReady([file, "--socket", place.path]);
      expect(await bodyOf()).toBe("typed");
      await manager.stop();
    } else expect(await refusal(file)).toMatch(/does not run TypeScript\n.*compile it.*22\.18/);
  });
});

describe("as another user", () => {
  const www = ["--user", "www-data", "--socket"];

  test("a module runs where fcgi-pm and the module may be read by all", async () => {
    chmodSync(place.directory, 0o755);
    const file = add("app.mjs", "export default (req, res) => void res.end(String(process.getuid()));");
    const stop = startCopy(installCopy(place.directory, 0o755), [file, ...www, place.path], place.directory);
    const uid = await until(() => bodyOf(), { what: "its answer", timeoutMs: 20_000 });
    expect(Number(uid)).toBeGreaterThan(0);
    await stop();
  });

  test.each([
    ["the module is closed to it", 0o755, 0o600, /user "www-data" may not read it\n.*namei -l/],
    ["fcgi-pm itself is", 0o700, 0o644, /may not read .*node-runner\.cjs, the part of fcgi-pm.*\n.*npm install/],
  ])("none starts where %s", async (_, copyMode, moduleMode, words) => {
    chmodSync(place.directory, 0o755);
    const file = add("app.mjs", "export default (req, res) => void res.end();", moduleMode);
    const program = installCopy(place.directory, copyMode);
    const { execa } = await import("execa");
    const { exitCode, stderr } = await execa("node", [program, "start", file, ...www, place.path], { reject: false });
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(words)]);
  });
});

test("check shows what would run, and what could not", async () => {
  const good = add("good.mjs", "export default (req, res) => void res.end();");
  add(
    "fcgi-pm.toml",
    `[apps.good]\ncommand = ["good.mjs", "-v"]\nsocket = "good.sock"\n[apps.bad]\ncommand = "./bad.mjs"\n`,
  );
  const { code, stdout } = await runToEnd(["check"], { cwd: place.directory });
  expect(code).toBe(5);
  expect(stdout).toMatch(new RegExp(`^good: ok, 1 × ${process.execPath} .*/dist/node-runner.cjs ${good} -v as `, "m"));
  expect(stdout).toContain("there is no");
});
