#!/usr/bin/env node
// Starts the bundle, compiled ahead where that fits. Compiling it takes 25 ms, a third of the start; V8 takes over what the
// build has compiled (dist/fcgi-pm.cache) if Node's version and flags are the same, and compiles as usual if not.
"use strict";

// Debian 12's own Node is 18. What it lacks would show up in the middle of something, as a bug of ours.
if (Number(process.versions.node.split(".")[0]) < 20) {
  process.stderr.write(
    `error: Cannot run on Node ${process.versions.node} (${process.execPath}): fcgi-pm needs Node 20 or later\n` +
      "  try: install a newer Node, from nodejs.org or NodeSource, and put it before this one in PATH\n",
  );
  process.exit(1);
}

// The kernel gives PID 1 only signals that it handles. What comes while the program is loaded waits for manager/signals.ts.
if (process.pid === 1) {
  const early = [];
  globalThis[Symbol.for("fcgi-pm.early-signals")] = early;
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => early.push(signal));
}

const { readFileSync, writeFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { dirname, join } = require("node:path");
const { setFlagsFromString } = require("node:v8");
const { Script } = require("node:vm");

// The manager makes little garbage. With a young generation that stays as small as it starts, a worker costs the manager
// 80 kB of memory, otherwise 105 (measured from 4 to 100 workers).
setFlagsFromString("--semi-space-growth-factor=1");
// Nor does it compute much: what has run for only a while is not worth V8's optimizing compiler, which costs 4 MB after
// some questions to a manager. What is busy for long, such as the log of a worker that floods it, is optimized as ever.
// V8 complains of a flag that it does not know: those of Node 22 and 24 do not know this one.
if (process.versions.node.startsWith("20.")) setFlagsFromString("--interrupt-budget=2000000");

const bundle = join(__dirname, "../dist/fcgi-pm.cjs");
const cache = join(__dirname, "../dist/fcgi-pm.cache");

function readCache() {
  try {
    return readFileSync(cache);
  } catch {
    return undefined;
  }
}

function readBundle() {
  try {
    return readFileSync(bundle, "utf8");
  } catch (error) {
    const remedy = "in a checkout: npm install && npm run build; elsewhere: install fcgi-pm again";
    process.stderr.write(`error: Cannot read ${bundle}: ${error.code}\n  try: ${remedy}\n`);
    process.exit(1);
  }
}

const script = new Script(readBundle(), { filename: bundle, cachedData: readCache() });
// Set by the build only: what has been compiled during this run is what a start needs.
if (process.env.FCGI_PM_WRITE_CACHE === "1") process.on("exit", () => writeFileSync(cache, script.createCachedData()));
script.runInThisContext()(module.exports, createRequire(bundle), module, bundle, dirname(bundle));
