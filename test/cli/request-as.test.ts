/** `request --as`: the parameters of an imitated web server are those that the real one sends. */
import { spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { Undo } from "../fastcgi/peers.ts";
import { scriptedApp } from "../fastcgi/scripted-app.ts";
import { until } from "../helpers/wait.ts";
import {
  freePort,
  get,
  publicDirectory,
  startApache,
  startLighttpd,
  startNginx,
  type WebServer,
} from "../helpers/webservers.ts";
import { useStage } from "./stage.ts";

jest.setTimeout(120_000);
const stage = useStage();
const undo = new Undo();
afterEach(() => undo.all());

type Params = Record<string, string>;

/** What cannot be the same: ports, the address of the machine, the version of the server. */
const changing = ["REMOTE_PORT", "SERVER_PORT"];

function comparable(text: string): Params {
  const pairs = text.split("\n").flatMap((line): [string, string][] => {
    const at = line.indexOf("=");
    return at === -1 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
  });
  const params = Object.fromEntries(pairs.filter(([name]) => !changing.includes(name)));
  return { ...params, SERVER_SOFTWARE: (params["SERVER_SOFTWARE"] ?? "").replace(/[/ ].*/, "") };
}

interface Query {
  readonly uri: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Node sends `Connection: close`; so do we. The host has no port, since Debian's nginx takes it off. */
const usual = { Host: "shop.example", "User-Agent": "test/1", Accept: "*/*", Connection: "close" };

async function throughServer(port: number, { uri, body, headers = {} }: Query): Promise<Params> {
  const all = { ...usual, ...headers };
  const answer = await get(`http://127.0.0.1:${port}${uri}`, { headers: all, ...(body === undefined ? {} : { body }) });
  expect(answer.status).toBe(200);
  return comparable(answer.text);
}

async function throughUs(path: string, { uri, body, headers = {} }: Query, ...args: string[]): Promise<Params> {
  const lines = Object.entries({ ...usual, ...headers }).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const data = body === undefined ? [] : ["--data-raw", body];
  const { code, stdout, stderr } = await stage.run("request", uri, "--socket", path, ...lines, ...data, ...args);
  expect([code, stderr]).toEqual([0, ""]);
  return comparable(stdout);
}

const queries: Query[] = [
  { uri: "/" },
  { uri: "/news%20x/y?a=1&b=%20", headers: { Cookie: "a=b", "X-Two-Words": "c" } },
  { uri: "/form", body: "a=1", headers: { "Content-Type": "application/x-www-form-urlencoded" } },
  { uri: "/secret", headers: { Authorization: "Basic abc", Proxy: "http://evil", X_Odd: "d" } },
];

/** Both get each query; httpoxy's header is left out by us, whoever is imitated. */
async function compare(server: WebServer, path: string, ...args: string[]): Promise<void> {
  undo.add(() => server.stop());
  for (const query of queries) {
    const { HTTP_PROXY: _left, ...theirs } = await throughServer(server.port, query);
    expect(
      await throughUs(path, query, "--param", `DOCUMENT_ROOT=${join(server.directory, "htdocs")}`, ...args),
    ).toEqual(theirs);
  }
}

describe("a program at the root of", () => {
  test("nginx gets the same as from --as nginx, which is the default", async () => {
    const { path } = await scriptedApp(undo);
    const server = await startNginx({ upstream: { unix: path }, mount: "/", extra: "server_name shop.example;" });
    await compare(server, path, "--param", "SERVER_NAME=shop.example");
  });

  test("Apache gets the same as from --as apache", async () => {
    const { path } = await scriptedApp(undo);
    const server = await startApache({ upstream: { unix: path }, mount: "/", pathInfo: true });
    const root = join(server.directory, "htdocs");
    await compare(server, path, "--as", "apache", "--param", `CONTEXT_DOCUMENT_ROOT=${root}`);
  });

  test("lighttpd gets the same as from --as lighttpd", async () => {
    const { path } = await scriptedApp(undo);
    const server = await startLighttpd({ upstream: { unix: path }, mount: "/" });
    undo.add(() => server.stop());
    for (const query of queries) {
      const { HTTP_PROXY: _left, ...theirs } = await throughServer(server.port, query);
      const ours = await throughUs(path, query, "--as", "lighttpd");
      const root = join(server.directory, "htdocs");
      const moved = Object.entries(ours).map(([name, value]) => [name, value.replace(/^\/var\/www\/html/, root)]);
      expect(Object.fromEntries(moved)).toEqual(theirs);
    }
  });
});

test("a program below /fcgi of nginx gets the same with --script-name", async () => {
  const { path } = await scriptedApp(undo);
  const server = await startNginx({ upstream: { unix: path }, mount: "/fcgi", extra: "server_name shop.example;" });
  undo.add(() => server.stop());
  const names = ["--script-name", "/fcgi", "--param", `DOCUMENT_ROOT=${join(server.directory, "htdocs")}`];
  for (const uri of ["/fcgi", "/fcgi/news?a"]) {
    const theirs = await throughServer(server.port, { uri });
    expect(await throughUs(path, { uri }, ...names, "--param", "SERVER_NAME=shop.example")).toEqual(theirs);
  }
});

describe("a PHP file behind", () => {
  const files = ["/a.php?x=1", "/a.php/info%20x?x=1", "/sub/"];

  /** A directory with those files, for a web server that runs as another user. */
  function website(): string {
    const directory = publicDirectory();
    undo.add(() => rmSync(directory, { recursive: true, force: true }));
    mkdirSync(join(directory, "htdocs", "sub"), { recursive: true });
    for (const file of ["a.php", "sub/index.php"]) writeFileSync(join(directory, "htdocs", file), "");
    return directory;
  }

  /** Starts a web server that stays in the foreground, and waits until it answers. */
  async function serve(command: string, args: readonly string[], port: number): Promise<void> {
    const env = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };
    const child = spawn(command, args, { stdio: "ignore", env });
    const ended = new Promise((resolve) => child.once("close", resolve));
    undo.add(() => {
      child.kill();
      return ended;
    });
    await until(() => get(`http://127.0.0.1:${port}/a.php`), { what: `${command} to answer`, timeoutMs: 20_000 });
  }

  const user = process.getuid?.() === 0 ? "www-data" : "";

  test("nginx gets the same as with --root", async () => {
    const { path } = await scriptedApp(undo);
    const php = `location ~ [^/]\\.php(/|$) { fastcgi_split_path_info ^(.+?\\.php)(/.*)$; fastcgi_param PATH_INFO $fastcgi_path_info; include /etc/nginx/fastcgi.conf; fastcgi_pass unix:${path}; }`;
    const server = await startNginx({
      upstream: { unix: path },
      mount: "/fcgi",
      extra: `server_name shop.example; ${php}`,
    });
    undo.add(() => server.stop());
    const root = join(server.directory, "htdocs");
    for (const uri of files.slice(0, 2)) {
      const theirs = await throughServer(server.port, { uri });
      expect(await throughUs(path, { uri }, "--root", root, "--param", "SERVER_NAME=shop.example")).toEqual(theirs);
    }
  });

  test("Apache gets the same as with --root --as apache", async () => {
    const { path } = await scriptedApp(undo);
    const [directory, port] = [website(), await freePort()];
    const modules = ["mpm_event", "authz_core", "dir", "proxy", "proxy_fcgi"];
    const lines = [
      `ServerRoot ${directory}`,
      "ServerName localhost",
      `DefaultRuntimeDir ${directory}`,
      `PidFile ${directory}/apache.pid`,
      `Mutex file:${directory} default`,
      `ErrorLog ${directory}/error.log`,
      ...modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
      ...(user === "" ? [] : [`User ${user}`, `Group ${user}`]),
      "StartServers 1",
      `Listen 127.0.0.1:${port}`,
      `DocumentRoot ${directory}/htdocs`,
      "DirectoryIndex index.php",
      `<Directory ${directory}>\n  Require all granted\n</Directory>`,
      `<FilesMatch "\\.php$">\n  SetHandler "proxy:unix:${path}|fcgi://localhost"\n</FilesMatch>`,
    ];
    writeFileSync(join(directory, "apache.conf"), `${lines.join("\n")}\n`);
    await serve("apache2", ["-DFOREGROUND", "-f", join(directory, "apache.conf")], port);
    for (const uri of files) {
      const theirs = await throughServer(port, { uri });
      expect(await throughUs(path, { uri }, "--root", join(directory, "htdocs"), "--as", "apache")).toEqual(theirs);
    }
  });

  test("lighttpd gets the same as with --root --as lighttpd", async () => {
    const { path } = await scriptedApp(undo);
    const [directory, port] = [website(), await freePort()];
    const lines = [
      'server.modules = ("mod_fastcgi")',
      'server.bind = "127.0.0.1"',
      `server.port = ${port}`,
      `server.document-root = "${directory}/htdocs"`,
      ...(user === "" ? [] : [`server.username = "${user}"`, `server.groupname = "${user}"`]),
      'index-file.names = ("index.php")',
      `fastcgi.server = (".php" => (("socket" => "${path}")))`,
    ];
    writeFileSync(join(directory, "lighttpd.conf"), `${lines.join("\n")}\n`);
    await serve("lighttpd", ["-D", "-f", join(directory, "lighttpd.conf")], port);
    for (const uri of files) {
      const theirs = await throughServer(port, { uri });
      expect(await throughUs(path, { uri }, "--root", join(directory, "htdocs"), "--as", "lighttpd")).toEqual(theirs);
    }
  });
});
