/** The programs of responders/, each on a socket of its own, and one nginx before them. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pathOf } from "./installed.ts";
import { benchSources, freshSocket, scratch } from "./places.ts";

/** A program at work. */
export interface Site {
  readonly name: string;
  readonly socket: string;
  stop(): Promise<unknown>;
}

/** Starts a program of responders/ and waits until it listens. */
export async function startResponder(name: string): Promise<Site> {
  const socket = freshSocket();
  const library = name === "node-fastcgi" ? [createRequire(import.meta.url).resolve(name)] : [];
  return { name, socket, stop: await started(process.execPath, [bundle(fileOf(name)), socket, ...library], socket) };
}

/** One worker process before these sites. */
export async function startNginx(sites: readonly Site[]): Promise<Site> {
  const socket = freshSocket();
  writeFileSync(`${socket}.conf`, nginxConfig(socket, sites));
  const args = ["-p", scratch(), "-e", "stderr", "-c", `${socket}.conf`];
  return { name: "nginx", socket, stop: await started(pathOf("nginx") ?? "", args, socket) };
}

/** Under which path nginx shows a site; the rest is what the program sees. */
export function pathBehind(how: "new" | "kept", name: string, uri: string): string {
  return `/${how}/${fileOf(name)}${uri}`;
}

function fileOf(name: string): string {
  return name.replace(":", "-");
}

/** The programs are bundled, as the benchmark itself is. */
function bundle(name: string): string {
  const outfile = join(scratch(), `${name}.mjs`);
  const source = join(benchSources, "responders", `${name}.ts`);
  const esbuild = createRequire(import.meta.url).resolve("esbuild/bin/esbuild");
  const args = [source, "--bundle", "--platform=node", "--format=esm", `--outfile=${outfile}`, "--log-level=warning"];
  execFileSync(esbuild, args, { stdio: "inherit" });
  return outfile;
}

/** Starts a command and waits until its socket is there. Gives how to stop it. */
async function started(command: string, args: readonly string[], socket: string): Promise<() => Promise<unknown>> {
  const child: ChildProcess = spawn(command, args, { stdio: "inherit" });
  const ended = once(child, "close");
  while (!existsSync(socket)) {
    if (child.exitCode !== null) throw new Error(`Cannot start "${command}": it has ended`);
    await pause(10);
  }
  return () => {
    child.kill("SIGTERM");
    return ended;
  };
}

const params = [
  "QUERY_STRING $query_string",
  "REQUEST_METHOD $request_method",
  "CONTENT_TYPE $content_type",
  "CONTENT_LENGTH $content_length",
  "SCRIPT_NAME $fastcgi_script_name",
  "REQUEST_URI $rest",
  "SERVER_PROTOCOL $server_protocol",
  "GATEWAY_INTERFACE CGI/1.1",
  "REMOTE_ADDR $remote_addr",
  "SERVER_NAME $server_name",
].map((param) => `fastcgi_param ${param};`);

function nginxConfig(socket: string, sites: readonly Site[]): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const lines = [
    ...(process.getuid?.() === 0 ? ["user root;"] : []),
    "daemon off; master_process off;",
    `pid ${socket}.pid;`,
    "events { worker_connections 512; }",
    "http { access_log off; keepalive_requests 1000000; client_body_buffer_size 128k;",
    "proxy_buffers 8 32k; fastcgi_buffers 8 32k;",
    ...temporary.map((name) => `${name}_temp_path ${scratch()}/${name};`),
    ...sites.map(({ name, socket: site }) => `upstream ${fileOf(name)} { server unix:${site}; keepalive 32; }`),
    `server { listen unix:${socket};`,
    ...sites.flatMap((site) => (site.name === "node:http" ? httpLocations(site) : fastCgiLocations(site))),
    "} }",
  ];
  return `${lines.join("\n")}\n`;
}

function httpLocations({ name, socket }: Site): string[] {
  const kept = `proxy_pass http://${fileOf(name)}$rest; proxy_http_version 1.1; proxy_set_header Connection "";`;
  return [locationOf("kept", name, kept), locationOf("new", name, `proxy_pass http://unix:${socket}:$rest;`)];
}

function fastCgiLocations({ name, socket }: Site): string[] {
  const kept = `fastcgi_pass ${fileOf(name)}; fastcgi_keep_conn on; ${params.join(" ")}`;
  return [locationOf("kept", name, kept), locationOf("new", name, `fastcgi_pass unix:${socket}; ${params.join(" ")}`)];
}

function locationOf(how: "new" | "kept", name: string, body: string): string {
  return `location ~ ^${pathBehind(how, name, "")}(?<rest>/.*)$ { ${body} }`;
}
