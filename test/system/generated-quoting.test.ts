/** Names with every sign that has a meaning somewhere arrive at the app, through the real servers, as they are; or are refused. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { FcgiPmError } from "../../src/errors.ts";
import { generateWebServer } from "../../src/generate/web.ts";
import type { Mounted, WebKind, WebSite } from "../../src/generate/web-site.ts";
import fc from "../helpers/chance.ts";
import { startGenerated } from "../helpers/generated-servers.ts";
import { discard, endAll, root, startReady } from "../helpers/manager.ts";
import { readEcho } from "../helpers/programs.ts";
import { get, publicDirectory } from "../helpers/webservers.ts";

jest.setTimeout(240_000);

const signs = [..." '\"\\$;{}#%&()[]*?|<>!^~=+,@:`-.aé日"];
const random = fc.string({ unit: fc.constantFrom(...signs), minLength: 1, maxLength: 8 });
/** What went wrong, or nearly, in one language or another; the rest is new each time. */
const known = [
  "a b",
  "a:b",
  "it's",
  '"',
  "\\",
  '\\"',
  "a\\",
  "$x",
  `$${"{x}"}`,
  "{x}",
  "%d",
  "%{x}",
  "a;b",
  "#",
  "*",
  "[x]",
  "|",
  "?",
  "`",
];
const names = [...new Set([...known, ...fc.sample(random, 40)])];
const kinds: readonly WebKind[] = ["nginx", "apache", "lighttpd", "haproxy", "caddy"];

let directory: string;
beforeAll(async () => {
  directory = publicDirectory("fpm-");
  for (const part of ["s", "d"]) mkdirSync(join(directory, part));
  const socket = join(directory, "app.sock");
  for (const [index, name] of names.entries()) {
    symlinkSync(socket, join(directory, "s", `${name}_${index}`));
    mkdirSync(join(directory, "d", `${name}_${index}`));
    writeFileSync(join(directory, "d", `${name}_${index}`, "file.txt"), `file ${index}\n`);
  }
  const wsgi = ["--wsgi", "tells:app", "--python", "/usr/bin/python3", "--env", "PYTHONDONTWRITEBYTECODE=1"];
  const where = ["--socket", socket, "--socket-mode", "0666", "--cwd", join(root, "fixtures/generated")];
  await startReady([...wsgi, "--processes", "2", ...where]);
});
afterAll(async () => {
  await endAll();
  discard(directory);
});

/** lighttpd and HAProxy have --static for one app at most. */
function mounted(kind: WebKind, name: string, index: number): Mounted {
  const file = `${name}_${index}`;
  const isStatic = kind !== "lighttpd" && kind !== "haproxy";
  return {
    at: `/${index}`,
    static: isStatic ? join(directory, "d", file) : undefined,
    app: {
      name: `app${index}`,
      listen: { kind: "unix", path: join(directory, "s", file) },
      program: { kind: "application", script: `/scripts/${file}` },
      connections: 2,
      keepsConnections: true,
      patienceSeconds: 60,
      rights: undefined,
    },
  };
}

function siteOf(apps: readonly Mounted[], port: number): WebSite {
  const [first, ...others] = apps;
  if (first === undefined) throw new Error("No name can be said");
  return { apps: [first, ...others], serverName: undefined, listen: { host: "127.0.0.1", port }, processors: 2 };
}

function isRefused(kind: WebKind, one: Mounted): boolean {
  try {
    generateWebServer(kind, siteOf([one], 80));
    return false;
  } catch (error) {
    if (error instanceof FcgiPmError && error.code === "FCGI_PM_VALUE_INEXPRESSIBLE") return true;
    throw error;
  }
}

describe.each(kinds)("%s", (kind) => {
  test("connects to sockets, serves directories and names scripts, whatever they are called", async () => {
    const all = names.map((name, index) => ({ name, index, one: mounted(kind, name, index) }));
    const said = all.filter(({ one }) => !isRefused(kind, one));
    expect(said.map(({ name }) => name)).toEqual(expect.arrayContaining(["a b", "it's", '"', "a;b"]));
    const generate = (listen: string) =>
      generateWebServer(
        kind,
        siteOf(
          said.map(({ one }) => one),
          Number(listen.split(":")[1]),
        ),
      );
    const server = await startGenerated(kind, generate);
    try {
      for (const { name, index, one } of said) {
        const { status, text } = await get(`${server.url}/${index}/x?a=1`);
        if (status !== 200) throw new Error(`${status} for ${JSON.stringify(name)}\n${server.log()}`);
        expect([name, readEcho(text)]).toMatchObject([name, { scriptName: `/${index}`, pathInfo: "/x" }]);
        expect(text.split("\n")).toContain(`script_filename=/scripts/${name}_${index}`);
        if (one.static !== undefined)
          expect([name, (await get(`${server.url}/${index}/file.txt`)).text]).toEqual([name, `file ${index}\n`]);
      }
    } finally {
      await server.stop();
    }
  });
});
