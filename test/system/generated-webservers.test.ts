/** Each file that fcgi-pm generates for a web server, in the real server, in front of real programs. */
import { mkdirSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { shaOf } from "../helpers/ask.ts";
import { startGenerated, type WebKind } from "../helpers/generated-servers.ts";
import { type GeneratedSite, type Language, languages, makeSite, type Transport } from "../helpers/generated-site.ts";
import { endAll, type RunningManager } from "../helpers/manager.ts";
import { buildPrograms, type Echo, echoes, readEcho } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { get, type WebServer } from "../helpers/webservers.ts";

jest.setTimeout(240_000);

const kinds: readonly WebKind[] = ["nginx", "apache", "lighttpd", "haproxy", "caddy"];

/** Each server has both transports, both mounts, and every language. */
const places: readonly (readonly [Exclude<Language, "php" | "fcgiwrap">, Transport, string])[] = [
  ["c", "unix", ""],
  ["perl", "tcp", "/app"],
  ["go", "unix", "/app"],
  ["node", "tcp", ""],
  ["tells", "unix", "/app"],
  ["tells", "tcp", ""],
];
const rows = kinds.flatMap((kind) => places.map(([language, transport, at]) => ({ kind, language, transport, at })));
const mounts = kinds.flatMap((kind) => ["", "/app"].map((at) => ({ kind, at, mount: at || "/" })));

let site: GeneratedSite;
let manager: RunningManager;
const servers: WebServer[] = [];

beforeAll(async () => {
  buildPrograms([echoes.c, echoes.perl, echoes.go, echoes.node, echoes.php]);
  site = await makeSite();
  manager = await site.start();
});
const stopServers = () => Promise.all(servers.splice(0).map((server) => server.stop()));
afterAll(async () => {
  await stopServers();
  await endAll();
  site.discard();
});

async function bring(kind: WebKind, ...words: string[]): Promise<WebServer> {
  const server = await startGenerated(kind, site.generate(kind, ...words));
  servers.push(server);
  return server;
}

const headers = { "Content-Type": "application/octet-stream" };

/** An answer of the app; throws with the server's log when it is none. */
async function ask(server: WebServer, uri: string, body?: Buffer): Promise<Echo> {
  const answer = await get(server.url + uri, { ...(body && { body, headers }), timeoutMs: 60_000 });
  if (answer.status !== 200) throw new Error(`${server.name} answered ${answer.status}\n${server.log()}`);
  return readEcho(answer.text);
}

const flagsOf = (at: string): string[] => (at === "" ? [] : ["--at", at]);

describe.each(rows)("$kind before $language over $transport at '$at'", ({ kind, language, transport, at }) => {
  const app = `${language}-${transport}`;
  const hidesPaths = language === "go";
  let server: WebServer;
  beforeAll(async () => {
    server = await bring(kind, app, ...flagsOf(at));
  });
  afterAll(stopServers);

  test("a GET comes with its query, SCRIPT_NAME and PATH_INFO", async () => {
    const echo = await ask(server, `${at}/some%20path/x.html?a=1&b=%20two`);
    expect(echo).toMatchObject({ method: "GET", query: "a=1&b=%20two", body: 0 });
    const paths = { scriptName: at, pathInfo: "/some path/x.html" };
    if (!hidesPaths) expect(echo).toMatchObject(paths);
    expect(manager.workers()).toContain(echo.pid);
    if (!hidesPaths) expect(await ask(server, `${at}/`)).toMatchObject({ scriptName: at, pathInfo: "/" });
  });

  if (at !== "") {
    test("the mount itself has an empty PATH_INFO (HAProxy: a slash), and a neighbour of a longer name is not the app's", async () => {
      const rest = kind === "haproxy" ? "/" : "";
      if (!hidesPaths)
        expect(await ask(server, `${at}?a=1`)).toMatchObject({ scriptName: at, pathInfo: rest, query: "a=1" });
      const { status, text } = await get(`${server.url}${at}le`);
      expect([status, text]).not.toEqual([200, expect.stringContaining("pid=")]);
    });
  }

  test("a POST of 1 MiB arrives whole", async () => {
    const body = Buffer.alloc(2 ** 20, "bytes \xff\x00\r\n", "latin1");
    const echo = await ask(server, `${at}/post`, body);
    expect(echo).toMatchObject({ method: "POST", body: body.length });
    if (language !== "c") expect(echo.sha).toBe(shaOf(body));
  });

  test("an answer of 5 MB arrives whole", async () => {
    expect((await ask(server, `${at}/large?size=5000000`)).extra).toBe(5_000_000);
  });

  if (language === "tells") {
    test("status, headers, Authorization and the original URI pass; Proxy and HTTPS are not there", async () => {
      const sent = { Authorization: "Basic eDp5", Proxy: "http://evil.example/" };
      const answer = await get(`${server.url}${at}/a%20b?status=418`, { headers: sent });
      expect(answer).toMatchObject({ status: 418, headers: { "x-told": "yes", "set-cookie": ["one=1", "two=2"] } });
      for (const line of ["authorization=Basic eDp5", "https=", "proxy=", "remote_addr=127.0.0.1"])
        expect(answer.text.split("\n")).toContain(line);
      expect(answer.text).toContain(`request_uri=${at}/a%20b?status=418\n`);
    });

    test("a body that is larger than the limit is refused with 413", async () => {
      // Caddy reads as much as it takes before it says so; the others go by the length.
      const sent = kind === "caddy" ? Buffer.alloc(33 * 2 ** 20) : Buffer.alloc(0);
      await expect(statusOf(`${server.url}${at}/post`, 33 * 2 ** 20, sent)).resolves.toBe(413);
    });
  }
});

/** Of a POST that says how long its body is, and sends no more of it than this. */
function statusOf(url: string, length: number, sent: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { method: "POST", headers: { "Content-Length": length }, agent: false, timeout: 60_000 };
    const asked = httpRequest(url, options, (answer) => {
      resolve(answer.statusCode ?? 0);
      asked.destroy();
    });
    asked.on("timeout", () => asked.destroy(new Error("No answer for 60 s"))).on("error", reject);
    asked.flushHeaders();
    asked.write(sent);
  });
}

describe.each(mounts)("$kind before php-cgi at $mount", ({ kind, at }) => {
  let server: WebServer;
  beforeAll(async () => {
    const transport = at === "" ? "unix" : "tcp";
    server = await bring(kind, `php-${transport}`, "--root", site.scripts, ...flagsOf(at));
  });
  afterAll(stopServers);
  const told = async (uri: string, body?: Buffer) => {
    const answer = await get(server.url + at + uri, { ...(body && { body, headers }) });
    if (answer.status !== 200) throw new Error(`${server.name} answered ${answer.status}\n${server.log()}`);
    return { ...readEcho(answer.text), script: /^script=(.*)$/m.exec(answer.text)?.[1] };
  };

  test("a script has its SCRIPT_NAME, its file, and what follows as PATH_INFO", async () => {
    const top = { scriptName: `${at}/index.php`, script: join(site.scripts, "index.php") };
    expect(await told("/index.php?a=1")).toMatchObject({ ...top, pathInfo: "", query: "a=1" });
    expect(await told("/index.php/some/path?a=1")).toMatchObject({ ...top, pathInfo: "/some/path", query: "a=1" });
    // HAProxy runs no script below a directory: it cannot see whether one is there.
    const below = { scriptName: `${at}/sub/index.php`, script: join(site.scripts, "sub/index.php") };
    expect(await told("/sub/index.php")).toMatchObject(kind === "haproxy" ? top : below);
  });

  test("a directory is answered by its index, and what is no file by the one at the top", async () => {
    const top = { scriptName: `${at}/index.php`, pathInfo: "" };
    expect(await told("/?a=1")).toMatchObject({ ...top, query: "a=1" });
    expect(await told("/2026/11/title?a=1")).toMatchObject({ ...top, query: "a=1" });
    if (kind !== "haproxy") expect(await told("/sub/?a=1")).toMatchObject({ scriptName: `${at}/sub/index.php` });
  });

  test("a POST of 1 MiB arrives whole, and 5 MB come back", async () => {
    const body = Buffer.alloc(2 ** 20, "bytes \xff\x00\r\n", "latin1");
    expect(await told("/index.php", body)).toMatchObject({ method: "POST", body: body.length, sha: shaOf(body) });
    const { text } = await get(`${server.url}${at}/index.php?size=5000000`);
    expect(/x+/.exec(text.slice(text.indexOf("sha=")))?.[0].length).toBe(5_000_000);
  });

  if (kind !== "haproxy") {
    test("a page is served from disk, and a hidden file to nobody", async () => {
      expect(await get(`${server.url}${at}/page.html`)).toMatchObject({ status: 200, text: "a page\n" });
      expect(await get(`${server.url}${at}/sub/page.html`)).toMatchObject({ status: 200, text: "a page below\n" });
      const { status, text } = await get(`${server.url}${at}/.hidden`);
      expect(text).not.toContain("secret");
      expect([403, 404]).toContain(status);
    });
  }
});

describe.each(mounts.filter(({ kind }) => kind !== "haproxy"))("$kind with --static at $mount", ({ kind, at }) => {
  afterEach(stopServers);

  test("serves files of the directory, and asks the app for everything else", async () => {
    const directory = join(site.directory, 'files of "all"');
    mkdirSync(join(directory, "css"), { recursive: true });
    writeFileSync(join(directory, "css", "a b.css"), "body {}\n");
    const server = await bring(kind, "tells-unix", "--static", directory, ...flagsOf(at));
    expect(await get(`${server.url}${at}/css/a%20b.css?v=1`)).toMatchObject({ status: 200, text: "body {}\n" });
    for (const path of ["/", "/css/", "/css", "/css/none.css", "/some path"]) {
      const uri = `${at}${encodeURI(path)}?a=1&b=%20`;
      const answer = await get(server.url + uri);
      expect([path, readEcho(answer.text)]).toMatchObject([
        path,
        { scriptName: at, pathInfo: path, query: "a=1&b=%20" },
      ]);
      expect(answer.text).toContain(`request_uri=${uri}\n`);
    }
    const body = Buffer.alloc(100_000, "body");
    expect(await ask(server, `${at}/post`, body)).toMatchObject({
      method: "POST",
      sha: shaOf(body),
      pathInfo: "/post",
    });
    if (at !== "") expect(await ask(server, at)).toMatchObject({ scriptName: at, pathInfo: "" });
  });
});

describe.each(kinds)("%s before fcgiwrap", (kind) => {
  afterEach(stopServers);

  test("runs the one program that --index names, with all that follows the mount as PATH_INFO", async () => {
    const server = await bring(kind, "fcgiwrap-unix", "--index", "echo.sh", "--at", "/cgit");
    const echo = await ask(server, "/cgit/some/path?a=1");
    expect(echo).toMatchObject({ scriptName: "/cgit", pathInfo: "/some/path", query: "a=1" });
  });

  test("runs the program that the path names", async () => {
    const server = await bring(kind, "fcgiwrap-tcp", "--at", "/cgi-bin");
    const echo = await ask(server, "/cgi-bin/echo.sh/some/path?a=1");
    expect(echo).toMatchObject({ scriptName: "/cgi-bin/echo.sh", pathInfo: "/some/path", query: "a=1" });
  });
});

describe.each(kinds)("%s with --server-name", (kind) => {
  afterEach(stopServers);

  test("serves the app for this host", async () => {
    const server = await bring(kind, "tells-unix", "--server-name", "blog.example");
    const hosted = (host: string) => get(`${server.url}/x`, { headers: { Host: host } });
    for (const host of ["blog.example", `blog.example:${server.port}`])
      expect((await hosted(host)).text).toContain("\nserver_name=blog.example\n");
    // Where nobody has a name, nginx and Apache take the first server that they have.
    const isDefault = kind === "nginx" || kind === "apache";
    if (!isDefault) expect((await hosted("other.example")).text).not.toContain("pid=");
  });
});

describe.each(kinds)("%s before 32 threads", (kind) => {
  afterEach(stopServers);

  test("answers 100 requests at once, again and again, whatever connections it keeps", async () => {
    if (kind === "haproxy") expect(site.generate(kind, "many")("127.0.0.1:1")).toMatch(/^ {4}option keep-conn$/m);
    const server = await bring(kind, "many");
    for (let round = 0; round < 3; round += 1) {
      const uris = Array.from({ length: 100 }, (_, n) => `/many?n=${round * 100 + n}`);
      const answers = await Promise.all(uris.map((uri) => ask(server, uri)));
      expect(answers.map(({ query }) => `/many?${query}`)).toEqual(uris);
    }
  });
});

describe.each(kinds)("%s with HTTPS", (kind) => {
  afterEach(stopServers);

  test("tells the app so", async () => {
    const server = await startGenerated(kind, site.generate(kind, "tells-unix"), site.certificate());
    servers.push(server);
    const text = await securely(server.port, "/x");
    expect(text.split("\n")).toContain("https=on");
    expect(text.split("\n")).toContain("server_name=localhost");
  });
});

function securely(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", servername: "localhost", port, path, headers: { Host: "localhost" } };
    const asked = httpsRequest({ ...options, rejectUnauthorized: false, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      answer.on("end", () => resolve(text));
    });
    asked.on("error", reject).end();
  });
}

describe("All apps in one file", () => {
  const apps = languages
    .filter((language) => language !== "fcgiwrap")
    .flatMap((language) => [`${language}-unix`, `${language}-tcp`]);
  beforeAll(async () => {
    for (const kind of kinds) await bring(kind);
  });
  afterAll(stopServers);

  test.each(kinds)("%s serves each below its name", async (kind) => {
    const server = servers[kinds.indexOf(kind)] as WebServer;
    for (const app of apps) expect((await ask(server, `/${app}/index.php?a=1`)).query).toBe("a=1");
  });

  test("are 502 or 503 while the manager is gone, and are served again after", async () => {
    const asked = servers.flatMap((server) => ["perl-unix", "perl-tcp"].map((app) => ({ server, app })));
    await manager.stop();
    const answers = await Promise.all(asked.map(({ server, app }) => get(`${server.url}/${app}/x`)));
    const statuses = { nginx: 502, caddy: 502, apache: 503, lighttpd: 503, haproxy: 503 } as Record<string, number>;
    expect(answers.map(({ status }) => status)).toEqual(asked.map(({ server }) => statuses[server.name]));
    manager = await site.start();
    for (const { server, app } of asked) {
      const patience = { what: `${app} behind ${server.name}`, timeoutMs: 90_000 };
      expect(manager.workers()).toContain((await until(() => ask(server, `/${app}/x`), patience)).pid);
    }
  });
});
