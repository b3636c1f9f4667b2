/**
 * The worker for modules of Node that are no programs by themselves: imports one and serves what it exports. The manager starts
 * it with the listener on fd 0 (os/node-module.ts): `node node-runner.cjs MODULE [ARG…]`.
 */
import { extname } from "node:path";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { listenerFd } from "../fastcgi/inherited-listener.ts";
import type { Application } from "./application.ts";
import { describeExports, findApplication, nameElsewhere, names } from "./exports.ts";
import { anyListener, isServing, ownListener, watchListens } from "./listens.ts";
import { serveApplication } from "./serving.ts";
import { circumstances, tell } from "./words.ts";

type Exports = Readonly<Record<string, unknown>>;

async function run(file: string): Promise<void> {
  watchListens();
  const explainEnd = () => explainEarlyEnd(file);
  process.on("exit", explainEnd);
  const exports = await load(file, () => import(pathToFileURL(file).href));
  if (isServing(listenerFd)) return void process.off("exit", explainEnd);
  const application = await load(file, () => findApplication(exports));
  if (application === undefined) return refuse(explainNothing(file, exports));
  await load(file, async () => (application.style === "node" ? application.open?.() : undefined));
  refuseOwnListener(file, application);
  await serveApplication(application, closeOf(exports));
  process.off("exit", explainEnd);
}

/** Node ends without a word, and with 0, when nothing is left to wait for. */
function explainEarlyEnd(file: string): void {
  if (process.exitCode !== undefined && process.exitCode !== 0) return;
  process.exitCode = 1;
  tell(`fcgi-pm: ${file} ended before it could be served, ${circumstances()}`);
  tell("  it has called process.exit(), or waits for a promise that nothing can settle any more");
}

/** What the module throws is thrown on, so that Node shows where, and whoever listens for it gets it. Then it is over. */
async function load<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    tell(`fcgi-pm: ${file} cannot be loaded ${circumstances()}:${adviceOn(error, file)}`);
    process.nextTick(() => {
      throw error;
    });
    setImmediate(() => process.exit(1));
    return new Promise(() => {});
  }
}

/** Node's own words do not say what to do about TypeScript. */
function adviceOn(error: unknown, file: string): string {
  const { code } = (error ?? {}) as { code?: unknown };
  if (code !== "ERR_UNKNOWN_FILE_EXTENSION" || !extname(file).includes("ts")) return "";
  return " Node runs TypeScript from 22.18 on; compile it, or run fcgi-pm with a newer Node";
}

function explainNothing(file: string, exports: Exports): string {
  const place = anyListener();
  return [
    `fcgi-pm: ${file} exports ${describeExports(exports)}${place === undefined ? "" : `, and listens on ${place} itself`}`,
    `  looked for: the default export or module.exports, then ${names.join(", ")}: a function (req, res), a function`,
    "  (request) that returns a Response, an object with fetch, an app of Fastify, Express, Koa or Hono, an http.Server",
    `  try: ${adviceFor(nameElsewhere(exports), place)}`,
  ].join("\n");
}

/** The examples of most frameworks export nothing and end with `listen()`. */
function adviceFor(elsewhere: string | undefined, place: string | undefined): string {
  if (elsewhere !== undefined) return `export it under one of these names: export default ${elsewhere}`;
  if (place !== undefined) return "export default app, or module.exports = app, in the place of app.listen()";
  return `export default app; a program that serves by itself needs "#!/usr/bin/env node" in its first line and chmod +x`;
}

/** Whoever comes to that address would come past the web server, and of several workers only one can have it. */
function refuseOwnListener(file: string, application: Application): void {
  const place = application.style === "node" ? ownListener(application) : undefined;
  if (place === undefined) return;
  refuse(
    `fcgi-pm: the app that ${file} exports listens on ${place} itself, but its requests come from fcgi-pm\n` +
      "  try: leave listen() out, or call it only where process.env.FCGI_PM_APP is undefined",
  );
}

/** `export function close()` is called after the last answer. */
function closeOf({ close }: Exports): () => unknown {
  return typeof close === "function" ? () => close() : () => undefined;
}

function refuse(words: string): void {
  tell(words);
  process.exit(1);
}

const [node = "", runner = "", file, ...words] = process.argv;
if (file === undefined) refuse(`fcgi-pm: ${runner} is started by fcgi-pm start app.mjs`);
else {
  process.argv = [node, file, ...words];
  run(file).catch((error: unknown) => refuse(`fcgi-pm: ${error instanceof Error ? error.message : inspect(error)}`));
}
