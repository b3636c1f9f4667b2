/**
 * The pages of the deployment guides, without flup: Flask and Django from Debian's packages under `--wsgi`, behind nginx with
 * exactly the two configurations of Flask's guide, lighttpd with the guide's, and Apache.
 */
import { createHash } from "node:crypto";
import { chmodSync, cpSync, writeFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { discard, endAll, type RunningManager, root, startReady } from "../helpers/manager.ts";
import {
  get,
  publicDirectory,
  startApache,
  startLighttpd,
  startNginx,
  type Upstream,
  type WebServer,
} from "../helpers/webservers.ts";

jest.setTimeout(240_000);
const directory = publicDirectory("fpm-");
const socketOf = (app: string): Upstream => ({ unix: join(directory, `${app}.sock`) });
let manager: RunningManager;

/** Both applications, and Flask's once more with the guide's ScriptNameStripper as an option. */
const apps = {
  flask: 'wsgi = "yourapplication:app"',
  stripped: 'wsgi = "yourapplication:app"\nscript-name = ""',
  django: 'wsgi = "djangosite"\nthreads = 2',
};

beforeAll(async () => {
  cpSync(join(root, "test/runners/apps"), directory, { recursive: true });
  const tables = Object.entries(apps).map(([name, lines]) => `[apps.${name}]\nsocket = "${name}.sock"\n${lines}\n`);
  const shared = '[defaults]\npython = "/usr/bin/python3"\nprocesses = 2\nsocket-mode = "0666"\n';
  const file = join(directory, "fcgi-pm.toml");
  writeFileSync(file, `${shared}env = { PYTHONDONTWRITEBYTECODE = "1" }\n${tables.join("\n")}`);
  chmodSync(file, 0o644);
  manager = await startReady(["--config", file]);
});
afterAll(async () => {
  await endAll();
  discard(directory);
});

interface Row {
  readonly what: string;
  readonly app: keyof typeof apps;
  start(upstream: Upstream): Promise<WebServer>;
  /** What url_for and reverse put in front of a path. */
  readonly prefix: string;
}

const rows: readonly Row[] = [
  {
    what: "Flask behind nginx at /yourapplication",
    app: "flask",
    start: (upstream) => startNginx({ upstream, mount: "/yourapplication" }),
    prefix: "/yourapplication",
  },
  {
    what: "Flask behind nginx at /",
    app: "flask",
    start: (upstream) => startNginx({ upstream, mount: "/" }),
    prefix: "",
  },
  {
    what: "Flask behind lighttpd, which rewrites every URL, with the script's name taken off",
    app: "stripped",
    start: (upstream) => startLighttpd({ upstream, mount: "/yourapplication.fcgi" }),
    prefix: "",
  },
  {
    what: "Flask behind lighttpd at /",
    app: "flask",
    start: (upstream) => startLighttpd({ upstream, mount: "/" }),
    prefix: "",
  },
  {
    what: "Flask behind Apache at /",
    app: "flask",
    start: (upstream) => startApache({ upstream, mount: "/" }),
    prefix: "",
  },
  {
    what: "Flask behind Apache at /fcgi",
    app: "flask",
    start: (upstream) => startApache({ upstream, mount: "/fcgi" }),
    prefix: "/fcgi",
  },
];

const djangoRows: readonly Row[] = [
  {
    what: "Django behind nginx at /yourapplication",
    app: "django",
    start: (upstream) => startNginx({ upstream, mount: "/yourapplication" }),
    prefix: "/yourapplication",
  },
  {
    what: "Django behind nginx at /, kept",
    app: "django",
    start: (upstream) => startNginx({ upstream, mount: "/", keepConn: 1 }),
    prefix: "",
  },
  {
    what: "Django behind lighttpd at /",
    app: "django",
    start: (upstream) => startLighttpd({ upstream, mount: "/" }),
    prefix: "",
  },
  {
    what: "Django behind Apache at /fcgi",
    app: "django",
    start: (upstream) => startApache({ upstream, mount: "/fcgi" }),
    prefix: "/fcgi",
  },
];

const lines = Array.from({ length: 1000 }, (_, n) => `line ${n}\n`).join("");
const form = { "Content-Type": "application/x-www-form-urlencoded" };
const cookieOf = (headers: IncomingHttpHeaders) => headers["set-cookie"]?.[0]?.split(";")[0] ?? "";

function multipart(file: Buffer) {
  const part = (name: string, more = "") => `--bound\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n`;
  const body = Buffer.concat([
    Buffer.from(`${part("note")}a note\r\n${part("file", '; filename="f.bin"')}`),
    file,
    Buffer.from("\r\n--bound--\r\n"),
  ]);
  return { body, headers: { "Content-Type": "multipart/form-data; boundary=bound" } };
}

function behind(row: Row): { readonly server: WebServer; url(path: string): string } {
  let server: WebServer;
  beforeAll(async () => {
    server = await row.start(socketOf(row.app));
  });
  afterAll(() => server?.stop());
  return {
    get server() {
      return server;
    },
    url: (path) => server.url + path,
  };
}

describe.each(rows)("$what", (row) => {
  const { prefix } = row;
  const web = behind(row);

  test("the page of the guide is there, and its links lead back to the application", async () => {
    const page = await get(web.url("/"));
    expect([page.status, page.text]).toEqual([200, expect.stringContaining("<title>Hello World!</title>")]);
    expect(page.text).toContain(`href='${prefix}/news/'`);
    const news = await get(web.url("/news/?page=2"));
    expect(news.text).toMatch(new RegExp(`^News, page 2, at http://[^/]+${prefix}/news/$`));
    expect((await get(web.url("/news"))).headers.location).toMatch(new RegExp(`${prefix}/news/$`));
  });

  test("a path is decoded once, and an unknown one is Flask's own 404", async () => {
    expect((await get(web.url("/people/J%C3%BCrgen%20%25"))).text).toBe("Hello, J\u00fcrgen %!");
    const { status, text } = await get(web.url("/nowhere"));
    expect([status, text]).toEqual([404, expect.stringContaining("The requested URL was not found on the server")]);
  });

  test("a form, a redirect and a session in a cookie", async () => {
    const sent = await get(web.url("/form"), { body: "name=Ada", headers: form });
    expect([sent.status, sent.headers.location]).toEqual([302, expect.stringMatching(new RegExp(`${prefix}/whoami$`))]);
    const headers = { Cookie: cookieOf(sent.headers) };
    expect((await get(web.url("/whoami"), { headers })).text).toBe("You are Ada");
    expect((await get(web.url("/whoami"))).text).toBe("You are nobody");
  });

  test("an upload of 3 MB, a stream, a static file and a download", async () => {
    const file = Buffer.alloc(3_000_000, "upload \xff\r\n", "latin1");
    const sha = createHash("sha1").update(file).digest("hex");
    const { text } = await get(web.url("/upload"), { ...multipart(file), method: "POST" });
    expect(JSON.parse(text)).toEqual({ name: "f.bin", size: file.length, sha, note: "a note" });
    expect((await get(web.url("/stream"))).text).toBe(lines);
    const download = await get(web.url("/download"));
    expect([download.text, download.headers["content-disposition"]]).toEqual([
      "a logo, as text\n",
      "attachment; filename=logo.txt",
    ]);
    // What the guides' servers do not keep for themselves is served by Flask.
    if (prefix === "/yourapplication") expect((await get(web.url("/static/logo.txt"))).text).toBe("a logo, as text\n");
    const again = { headers: { "If-None-Match": download.headers.etag } };
    expect((await get(web.url("/download"), again)).status).toBe(304);
  });

  test("an error is a 500 here, and its traceback stands in fcgi-pm's log", async () => {
    const { status, text } = await get(web.url("/boom"));
    expect([status, text]).toEqual([500, expect.stringContaining("Internal Server Error")]);
    await manager.see("the traceback", ({ app, msg }) => app === row.app && msg === "LookupError: no such thing");
    expect((await get(web.url("/teapot"))).status).toBe(418);
    const head = await get(web.url("/"), { method: "HEAD" });
    expect([head.status, head.text]).toEqual([200, ""]);
    // Apache leaves out the length of what has no body.
    if (web.server.name !== "apache") expect(Number(head.headers["content-length"])).toBeGreaterThan(0);
  });
});

describe.each(djangoRows)("$what", (row) => {
  const { prefix } = row;
  const web = behind(row);

  test("views, forms, uploads, streams and files", async () => {
    expect((await get(web.url("/"))).text).toBe(`Hello from Django, news are at ${prefix}/news/`);
    expect((await get(web.url("/news/?page=2"))).text).toBe("News, page 2");
    expect((await get(web.url("/news"))).headers.location).toBe(`${prefix}/news/`);
    const sent = await get(web.url("/form"), { body: "name=Ada", headers: form });
    expect((await get(web.url("/form"), { headers: { Cookie: cookieOf(sent.headers) } })).text).toBe("You are Ada");
    const upload = await get(web.url("/upload"), { ...multipart(Buffer.alloc(3_000_000)), method: "POST" });
    expect(upload.text).toBe("f.bin 3000000");
    expect((await get(web.url("/stream"))).text).toBe(lines);
    expect((await get(web.url("/source"))).text).toContain("A Django project in one file");
    expect((await get(web.url("/boom"))).status).toBe(500);
  });

  test("the admin's login page, with its stylesheet", async () => {
    const first = await get(web.url("/admin/"));
    expect([first.status, first.headers.location]).toEqual([302, `${prefix}/admin/login/?next=${prefix}/admin/`]);
    const login = await get(web.url("/admin/login/"));
    expect([login.status, login.text]).toEqual([200, expect.stringContaining("Django administration")]);
    expect(login.text).toContain("/static/admin/css/base.css");
    // The guides' lighttpd and Apache keep /static/ for themselves; Django's handler for static files knows no prefix.
    if (prefix !== "" || web.server.name !== "nginx") return;
    const css = await get(web.url("/static/admin/css/base.css"));
    expect([css.status, css.headers["content-type"]]).toEqual([200, "text/css"]);
  });
});
