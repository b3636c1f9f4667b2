/** The same application twice: behind FastCGI, and as its makers meant it, which is the judge. */
import { execFileSync } from "node:child_process";
import { symlinkSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Address } from "../../../src/fastcgi/address.ts";
import { request, webServerParams } from "../../../src/index.ts";
import { until } from "../../helpers/wait.ts";
import { collect, makeDirectory, run, type Undo } from "../peers.ts";
import type { FrameworkName } from "./application.ts";
import { makeHono } from "./hono.ts";

/** What a browser asks. */
export interface Question {
  readonly uri: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** What the web server knows of the browser; the judge is not asked this. */
  readonly https?: boolean;
  readonly remoteAddress?: string;
}

/** An answer, without what the web server or the connection has to say. */
export interface Answered {
  readonly status: number;
  /** In order, with the case of their names. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** Who answers a question. */
export type Ask = (question: Question) => Promise<Answered>;

const ofTheConnection = new Set(["date", "connection", "keep-alive", "transfer-encoding"]);

function clean(status: number, headers: readonly (readonly [string, string])[], body: Buffer): Answered {
  return {
    status,
    headers: headers.filter(([name]) => !ofTheConnection.has(name.toLowerCase())),
    body: body.toString("latin1"),
  };
}

/** The parameters that nginx would send for a question, the application being mounted at the root. */
export function paramsOf({ uri, method, headers = {}, body, https = false, remoteAddress = "127.0.0.1" }: Question) {
  const given = Object.entries(headers);
  const contentType = given.find(([name]) => name.toLowerCase() === "content-type")?.[1];
  return webServerParams({
    uri,
    https,
    remoteAddress,
    ...(method === undefined ? {} : { method }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(body === undefined ? {} : { contentLength: Buffer.byteLength(body) }),
    headers: [["Host", "site.test:8080"], ...given],
  });
}

/** Asks a FastCGI server. */
export const askFastCgi =
  (listen: Address): Ask =>
  async (question) => {
    const stdin = question.body === undefined ? undefined : Buffer.from(question.body as string);
    const answer = await request({ listen, params: paramsOf(question), stdin, timeoutMs: 20_000 });
    if (answer.appStatus !== 0) throw new Error(`The answer ends with application status ${answer.appStatus}`);
    return clean(answer.status, answer.headers, answer.body);
  };

/** Asks an HTTP server of this machine. */
export const askHttp =
  (port: number): Ask =>
  ({ uri, method = "GET", headers, body }) =>
    new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
      const options = {
        port,
        host: "127.0.0.1",
        path: uri,
        method,
        agent: false,
        headers: { Host: "site.test:8080", ...headers, ...length },
      };
      httpRequest(options, (message) => void readHttp(message).then(resolve, reject))
        .on("error", reject)
        .end(body);
    });

async function readHttp(message: IncomingMessage): Promise<Answered> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  const { rawHeaders } = message;
  const headers = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [[name, rawHeaders[at + 1] ?? ""] as const] : []));
  return clean(message.statusCode ?? 0, headers, Buffer.concat(parts));
}

/** Asks a fetch-style application, with nothing between. */
const askFetch =
  (fetch: (request: Request) => Response | Promise<Response>): Ask =>
  async ({ uri, method = "GET", headers = {}, body }) => {
    const sent = body === undefined ? {} : { body: Buffer.from(body as string) };
    const response = await fetch(new Request(`http://site.test:8080${uri}`, { method, headers, ...sent }));
    const bytes = method === "HEAD" ? Buffer.alloc(0) : Buffer.from(await response.arrayBuffer());
    return clean(response.status, [...response.headers], bytes);
  };

/** An application behind FastCGI and beside it. */
export interface Both {
  readonly fastCgi: Ask;
  readonly judge: Ask;
  /** Where it listens for FastCGI. */
  readonly path: string;
  /** Where the judge listens for HTTP; 0 for Hono, which has none. */
  readonly port: number;
  readonly pid: number;
}

/**
 * Compiles main.ts for a Node of its own. Packages are not part of it: it finds them beside itself. (Jest could not load them all:
 * @fastify/static requires an ES module.)
 */
export function buildMain(undo: Undo): string {
  const directory = makeDirectory(undo);
  const local = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  symlinkSync(local("../../../node_modules"), join(directory, "node_modules"));
  const outfile = join(directory, "main.mjs");
  const options = [
    "--bundle",
    "--platform=node",
    "--format=esm",
    "--packages=external",
    `--outfile=${outfile}`,
    "--log-level=warning",
  ];
  execFileSync(createRequire(import.meta.url).resolve("esbuild/bin/esbuild"), [local("main.ts"), ...options]);
  return outfile;
}

/** Starts `main`, which `buildMain` made, with this application; it serves the files of the directory. */
export async function startBoth(main: string, name: FrameworkName, files: string, undo: Undo): Promise<Both> {
  const path = join(makeDirectory(undo), "app.sock");
  const child = run(undo, process.execPath, [main, name, files, path], { NODE_ENV: "production" });
  const [out, log] = [collect(child.stdout), collect(child.stderr)];
  await until(() => child.exitCode !== null || out.text.endsWith("\n"), {
    what: `${name} to listen`,
    timeoutMs: 30_000,
  });
  if (child.exitCode !== null) throw new Error(`Cannot start ${name}: ${log.text}`);
  const judge = name === "hono" ? await judgeHono(files) : askHttp(Number(out.text));
  return { fastCgi: askFastCgi({ kind: "unix", path }), judge, path, port: Number(out.text), pid: child.pid ?? 0 };
}

/** Hono has no HTTP server of its own. */
async function judgeHono(files: string): Promise<Ask> {
  const application = await makeHono(files);
  if (application.kind !== "fetch") throw new Error("Hono is a fetch-style application");
  return askFetch(application.fetch);
}
