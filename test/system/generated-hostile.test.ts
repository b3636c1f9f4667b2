/** What a stranger tries at each generated file, in the real server: files that are for nobody, names that are not his. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { complaintOf, startGenerated, type WebKind } from "../helpers/generated-servers.ts";
import { type GeneratedSite, makeSite } from "../helpers/generated-site.ts";
import { endAll } from "../helpers/manager.ts";
import { buildPrograms, echoes, readEcho } from "../helpers/programs.ts";
import { get, type WebServer } from "../helpers/webservers.ts";

jest.setTimeout(240_000);

const kinds: readonly WebKind[] = ["nginx", "apache", "lighttpd", "haproxy", "caddy"];
/** HAProxy gives out no files. */
const fileKinds = kinds.filter((kind) => kind !== "haproxy");
const places = fileKinds.flatMap((kind) => ["", "/app"].map((at) => ({ kind, at, mount: at || "/" })));

const dotted = [".env", ".git/config", "sub/.git/config", ".htaccess", ".well-known/.env"];
const sources = ["leak.php5", "LEAK.PHP", "leak.phtml", "leak.inc", "leak.php.bak", "leak.php~", "leak.py", "leak.pl"];

let site: GeneratedSite;
let files: string;
const servers: WebServer[] = [];

beforeAll(async () => {
  buildPrograms([echoes.c, echoes.perl, echoes.go, echoes.node, echoes.php]);
  site = await makeSite();
  files = join(site.directory, "public");
  for (const directory of [files, site.scripts]) fill(directory);
  // A CGI program's short way to say "redirect".
  const redirect = join(site.scripts, "redirect.sh");
  writeFileSync(redirect, "#!/bin/sh\nprintf 'Location: /elsewhere\\r\\n\\r\\n'\n");
  chmodSync(redirect, 0o755);
  await site.start();
});
const stopServers = () => Promise.all(servers.splice(0).map((server) => server.stop()));
afterAll(async () => {
  await stopServers();
  await endAll();
  site.discard();
});

function fill(directory: string): void {
  for (const part of ["sub/.git", ".git", ".well-known", "up", "index"])
    mkdirSync(join(directory, part), { recursive: true });
  for (const name of [...dotted, ...sources]) writeFileSync(join(directory, name), "<?php secret\n");
  writeFileSync(join(directory, ".well-known/token"), "a token\n");
  writeFileSync(join(directory, "page.txt"), "a page\n");
  writeFileSync(join(directory, "index/index.html"), "an index\n");
  writeFileSync(join(directory, "up/picture.jpg"), '<?php echo "ran as ", 40 + 2;');
}

async function bring(kind: WebKind, ...words: string[]): Promise<WebServer> {
  const server = await startGenerated(kind, site.generate(kind, ...words));
  servers.push(server);
  return server;
}

const flagsOf = (at: string): string[] => (at === "" ? [] : ["--at", at]);

/** The path as it is: `get` would take steps out of it. */
function getRaw(
  server: WebServer,
  path: string,
  { body, headers = {} }: { body?: readonly string[]; headers?: Record<string, string> } = {},
): Promise<{ status: number; headers: IncomingHttpHeaders; text: string }> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? "GET" : "POST";
    const options = { host: "127.0.0.1", port: server.port, path, method, headers, agent: false, timeout: 60_000 };
    const asked = request(options, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
    });
    asked.on("timeout", () => asked.destroy(new Error(`${server.name}: no answer for 60 s`))).on("error", reject);
    for (const part of body ?? []) asked.write(part);
    asked.end();
  });
}

describe.each(places)("$kind with --static at $mount", ({ kind, at }) => {
  let server: WebServer;
  beforeAll(async () => {
    server = await bring(kind, "tells-unix", "--static", files, ...flagsOf(at));
  });
  afterAll(stopServers);

  test("asks the app for names with a dot and for sources, however they are written", async () => {
    const odd = ["%2eenv", ".%67it/config", "sub/%2Egit/config", "leak%2Epy", "leak.p%79", "/.env"];
    for (const name of [...dotted, ...sources, ...odd]) {
      const { text } = await getRaw(server, `${at}/${name}?a=1`);
      expect([name, text]).not.toEqual([name, expect.stringContaining("secret")]);
    }
    expect(readEcho((await getRaw(server, `${at}/.env`)).text)).toMatchObject({ scriptName: at, pathInfo: "/.env" });
    expect(readEcho((await getRaw(server, `${at}/leak.py`)).text)).toMatchObject({ pathInfo: "/leak.py" });
  });

  test("serves .well-known, and takes a directory with an index for no file", async () => {
    expect(await get(`${server.url}${at}/.well-known/token`)).toMatchObject({ status: 200, text: "a token\n" });
    expect(await get(`${server.url}${at}/page.txt`)).toMatchObject({ status: 200, text: "a page\n" });
    expect(readEcho((await get(`${server.url}${at}/index/`)).text)).toMatchObject({
      scriptName: at,
      pathInfo: "/index/",
    });
  });

  test("does not tell caches that an answer depends on the length of the question", async () => {
    expect((await get(`${server.url}${at}/page.txt`)).headers.vary ?? "").not.toMatch(/content-length/i);
  });
});

describe.each(places)("$kind before php-cgi at $mount", ({ kind, at }) => {
  afterAll(stopServers);

  test("gives out no names with a dot and no sources, and runs the scripts all the same", async () => {
    const server = await bring(kind, "php-unix", "--root", site.scripts, ...flagsOf(at));
    for (const name of [...dotted, ...sources, "%2eenv", "leak.php%7E"])
      expect([name, (await getRaw(server, `${at}/${name}`)).text]).not.toEqual([
        name,
        expect.stringContaining("secret"),
      ]);
    expect(await get(`${server.url}${at}/.well-known/token`)).toMatchObject({ status: 200, text: "a token\n" });
    const { text } = await get(`${server.url}${at}/index.php/leak.py`);
    expect(readEcho(text)).toMatchObject({ scriptName: `${at}/index.php`, pathInfo: "/leak.py" });
  });
});

describe.each(kinds)("%s before php-cgi", (kind) => {
  afterAll(stopServers);

  test("does not run a picture that somebody has sent, whatever stands behind its name", async () => {
    const server = await bring(kind, "php-unix", "--root", site.scripts);
    for (const end of ["/x.php", "/.php", "%2fx.php", "/index.php/x.php", "/..%2findex.php"])
      expect([end, (await getRaw(server, `/up/picture.jpg${end}`)).text]).not.toEqual([
        end,
        expect.stringContaining("ran as 42"),
      ]);
    expect(readEcho((await get(`${server.url}/index.php`)).text)).toMatchObject({ scriptName: "/index.php" });
  });
});

describe.each(kinds)("%s before an application", (kind) => {
  let server: WebServer;
  beforeAll(async () => {
    server = await bring(kind, "tells-unix", "--at", "/app");
  });
  afterAll(stopServers);

  test("names nobody as the user whose password nobody has looked at", async () => {
    const { text } = await getRaw(server, "/app/x", { headers: { Authorization: "Basic cm9vdDpndWVzcw==" } });
    expect(text.split("\n")).toEqual(expect.arrayContaining(["authorization=Basic cm9vdDpndWVzcw==", "remote_user="]));
  });

  if (kind !== "lighttpd")
    test("does not take X_Who for X-Who", async () => {
      const { text } = await getRaw(server, "/app/x", { headers: { "X-Who": "proxy", X_Who: "stranger" } });
      expect(text.split("\n")).toContain("who=proxy");
    });

  test("a %2F is a slash", async () => {
    expect(readEcho((await getRaw(server, "/app/a%2Fb")).text)).toMatchObject({ scriptName: "/app", pathInfo: "/a/b" });
  });

  test("a step upwards does not leave the mount", async () => {
    for (const path of ["/app/../etc", "/app/%2e%2e/etc", "/app/..%2fetc"])
      expect([400, 403, 404]).toContain((await getRaw(server, path)).status);
    expect((await getRaw(server, "/other")).status).toBe(kind === "apache" ? 403 : 404);
  });
});

describe.each(kinds)("%s before Perl", (kind) => {
  afterAll(stopServers);

  test("an empty body without a length holds no worker", async () => {
    const server = await bring(kind, "perl-unix");
    const headers = { "Transfer-Encoding": "chunked" };
    for (let round = 0; round < 3; round += 1)
      expect([200, 400]).toContain((await getRaw(server, "/x", { body: [], headers })).status);
    const { status, text } = await getRaw(server, "/x", { body: ["a few ", "words"], headers });
    expect([status, readEcho(text).body]).toEqual([200, 11]);
  });
});

// Apache answers 200, as mod_proxy_fcgi does.
describe.each(kinds.filter((kind) => kind !== "apache"))("%s before fcgiwrap", (kind) => {
  afterAll(stopServers);

  test("makes a redirect of a Location without a Status, which goes no further", async () => {
    const server = await bring(kind, "fcgiwrap-unix", "--at", "/cgi-bin");
    const { status, headers } = await getRaw(server, "/cgi-bin/redirect.sh");
    expect({ status, location: headers.location, told: headers.status }).toEqual({
      status: 302,
      location: "/elsewhere",
      told: undefined,
    });
  });
});

test("Caddy sends a directory with an index to its slash", async () => {
  const server = await bring("caddy", "php-unix", "--root", site.scripts, "--at", "/app");
  expect(await getRaw(server, "/app/sub?a=1")).toMatchObject({ status: 308, headers: { location: "/app/sub/?a=1" } });
  expect(readEcho((await getRaw(server, "/app/sub/?a=1")).text).scriptName).toBe("/app/sub/index.php");
});

test("Files of two apps stand one after the other in one haproxy.cfg", () => {
  const text = (app: string, listen: string) => site.generate("haproxy", app)(listen);
  const both = text("tells-unix", "127.0.0.1:20001") + text("node-tcp", "127.0.0.1:20002");
  expect(complaintOf("haproxy", both, site.directory)).toBeUndefined();
});
