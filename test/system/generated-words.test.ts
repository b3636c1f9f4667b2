/** `fcgi-pm generate nginx` and its like, as they are typed: which apps, from where, and what is refused. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type Ended, runToEnd, startReady, usePlace } from "../helpers/manager.ts";
import { buildPrograms, echoes } from "../helpers/programs.ts";

jest.setTimeout(240_000);

const place = usePlace();
const config = `
[apps.blog]
command = ["/usr/bin/true"]
socket = "/run/fcgi-pm/blog.sock"
processes = 32
user = "www-data"

[apps.shop]
command = "php-cgi"
port = "*:9000"
processes = 32

[apps.news]
wsgi = "news:app"
port = "[::]:9001"
script-name = "/news"
drain-timeout = "5m"

[apps.maps]
command = ["/usr/bin/true"]
drain = "signal"
stop-timeout = "2m"

[apps.mailer]
command = ["/usr/bin/true"]
listen = false
`;

function generate(...words: string[]): Promise<Ended> {
  writeFileSync(join(place.directory, "fcgi-pm.toml"), config);
  return runToEnd(["generate", ...words], { cwd: place.directory });
}

async function textOf(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await generate(...words);
  expect([code, stderr.replace(/^warning: .* is not there yet$/, "")]).toEqual([0, ""]);
  return stdout;
}

describe("fcgi-pm generate, for web servers", () => {
  test("names the listener of the config, the user who may connect, and the name of the host", async () => {
    const text = await textOf("nginx", "blog", "--server-name", "Blog.Example");
    expect(text).toContain('server "unix:/run/fcgi-pm/blog.sock";');
    expect(text).toContain("server_name blog.example;");
    expect(text).toContain("may connect as www-data");
    expect(await textOf("caddy", "blog")).toContain("Caddy has to run as www-data or be in the group");
  });

  test("an app that listens everywhere is reached on the machine's own address", async () => {
    expect(await textOf("nginx", "shop", "--root", "/srv/shop")).toContain("server 127.0.0.1:9000;");
    expect(await textOf("haproxy", "news")).toContain("server news [::1]:9001");
  });

  test("a WSGI application has its script-name for a mount, and its drain-timeout for patience", async () => {
    const text = await textOf("nginx", "news");
    expect(text).toContain("fastcgi_split_path_info ^(/news)(.*)$;");
    expect(text).toContain("fastcgi_read_timeout 300s;");
    expect(await textOf("nginx", "news", "--at", "/")).not.toContain("fastcgi_split_path_info");
  });

  test("a program that finishes on the stop signal has its stop-timeout for patience", async () => {
    expect(await textOf("nginx", "maps")).toContain("fastcgi_read_timeout 120s;");
  });

  test("connections are kept for PHP with many workers, and not for a program that nobody knows", async () => {
    expect(await textOf("haproxy", "shop", "--root", "/srv/shop")).toMatch(/^ {4}option keep-conn$/m);
    expect(await textOf("haproxy", "blog")).toMatch(/^ {4}no option keep-conn$/m);
    expect(await textOf("nginx", "blog")).not.toContain("fastcgi_keep_conn on");
  });

  test("of several apps one with a script-name is there, and not at its name", async () => {
    const apps = (paper: string) => `[apps.blog]
command = ["/usr/bin/true"]

[apps.journal]
wsgi = "journal:app"
script-name = "${paper}"
`;
    writeFileSync(join(place.directory, "several.toml"), apps("/paper/daily"));
    const text = await textOf("caddy", "--config", "several.toml");
    expect(text).toContain("path /paper/daily /paper/daily/*");
    expect(text).toContain("path /blog /blog/*");
    writeFileSync(join(place.directory, "several.toml"), apps("/a b; return 200"));
    for (const words of [["journal"], []])
      expect((await generate("nginx", ...words, "--config", "several.toml")).stderr).toContain(
        "Cannot write the script-name of journal",
      );
    writeFileSync(join(place.directory, "several.toml"), apps("/blog/paper"));
    const refused = await generate("nginx", "--config", "several.toml");
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("blog at /blog and journal at /blog/paper in one file");
  });

  test("PHP without --root is refused with what is missing", async () => {
    const { code, stderr } = await generate("nginx", "shop");
    expect(code).toBe(2);
    expect(stderr).toContain("Cannot tell the web server which scripts shop runs");
    expect(stderr).toContain("--root /var/www/html");
  });

  test("a page for an index is no script, and answers for nothing but its directory", async () => {
    const text = await textOf("nginx", "shop", "--root", "/srv/shop", "--index", "index.html");
    expect(text).toContain("(?<fcgi_pm_script>/.+?\\.php)");
    expect(text).toContain("try_files $uri $uri/ =404;");
    const both = await textOf("nginx", "shop", "--root", "/srv/shop", "--index", "index.html", "--index", "app.php");
    expect(both).toContain('index "index.html" "app.php";');
    expect(both).toContain('rewrite ^ "/app.php" last;');
  });

  test("an app without a listener, and one that is not there, are refused", async () => {
    expect(await generate("nginx", "mailer")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no listener"),
    });
    const unknown = await generate("nginx", "blgo");
    expect(unknown).toMatchObject({ code: 3, stderr: expect.stringContaining("only blog, shop, news, maps, mailer") });
  });

  const wrong: readonly (readonly [string, readonly string[], string])[] = [
    ["a mount that is no path", ["--at", "app"], "--at takes a path"],
    ["a mount that leaves itself", ["--at", "/a/../b"], "--at takes a path"],
    ["a mount with a quote", ["--at", '/a"b'], "--at takes a path"],
    ["a name with a space", ["--server-name", "a b"], "--server-name takes the name of one host"],
    ["a port that is none", ["--listen", "http"], "--listen takes a port"],
    ["a file as a directory", ["--static", "fcgi-pm.toml"], "--static takes a directory"],
    ["an index of pages alone", ["--root", "/srv", "--index", "index.html"], "which files are scripts"],
    ["an index without scripts", ["--index", "index.php"], "--index is for scripts on disk"],
  ];
  test.each(wrong)("%s is refused", async (_what, words, why) => {
    const { code, stdout, stderr } = await generate("nginx", "blog", ...words);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(why);
  });

  test("--static is refused for several apps, for scripts, and by HAProxy", async () => {
    mkdirSync(join(place.directory, "files"));
    const files = ["--static", "files"];
    expect((await generate("nginx", ...files)).stderr).toContain("Several apps are there");
    expect((await generate("nginx", "shop", "--root", "/srv", ...files)).stderr).toContain(
      "--static is for an application",
    );
    expect((await generate("haproxy", "blog", ...files)).stderr).toContain("it serves no files");
  });

  test("a directory with the config, an env-file, a log or the program in it is not made public", async () => {
    const secrets = `[apps.blog]
command = ["./blog/program"]
env-file = ["blog/secrets"]
output-file = "logs/blog.log"
socket = "blog.sock"
`;
    for (const part of ["blog", "logs", "public"]) mkdirSync(join(place.directory, part), { recursive: true });
    const wanted = (kind: string, directory: string, flag = "--static", ...more: string[]) => {
      writeFileSync(join(place.directory, "secret.toml"), secrets);
      const words = ["generate", kind, "blog", "--config", "secret.toml", flag, directory, ...more];
      return runToEnd(words, { cwd: place.directory });
    };
    for (const [directory, file] of [
      [".", "secret.toml"],
      ["blog", "blog/program"],
      ["logs", "logs/blog.log"],
    ] as const) {
      const { code, stdout, stderr } = await wanted("nginx", directory);
      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toContain(`${join(place.directory, file)} lies there, and everybody could read it`);
    }
    expect((await wanted("caddy", ".", "--root")).stderr).toContain("(--root)");
    expect(await wanted("nginx", "public")).toMatchObject({ code: 0, stderr: "" });
    // It runs scripts, and gives out no file.
    expect(await wanted("haproxy", ".", "--root", "--index", "index.php")).toMatchObject({ code: 0, stderr: "" });
  });

  test("a directory that is not there is taken, with a warning", async () => {
    const { code, stdout, stderr } = await generate("nginx", "blog", "--static", "/srv/nowhere");
    expect([code, stderr]).toEqual([0, "warning: /srv/nowhere (--static) is not there yet"]);
    expect(stdout).toContain('root "/srv/nowhere";');
    mkdirSync(join(place.directory, "there"), { recursive: true });
    expect((await generate("nginx", "blog", "--static", "there")).stderr).toBe("");
  });

  test("a directory that a server cannot name is refused, and by another one taken", async () => {
    expect((await generate("nginx", "blog", "--static", "/srv/$x")).stderr).toContain('no way to say "$"');
    expect(await textOf("apache", "blog", "--static", "/srv/$x")).toContain('DocumentRoot "/srv/$x"');
  });

  test("an app that somebody else starts is served, too", async () => {
    writeFileSync(join(place.directory, "other.toml"), '[apps.far]\nexternal = true\nport = "app.example:9000"\n');
    const text = await textOf("nginx", "far", "--config", "other.toml");
    expect(text).toContain("server app.example:9000;");
    expect(text).not.toContain("keepalive");
  });
});

describe("Without a config", () => {
  beforeAll(() => buildPrograms([echoes.c]));

  test("the app of a running manager is served", async () => {
    const [program = ""] = echoes.c.command;
    const { runtime } = await startReady([program, "--name", "echo", "--socket", place.path]);
    const options = { cwd: place.directory, env: { RUNTIME_DIRECTORY: runtime } };
    const { code, stdout } = await runToEnd(["generate", "nginx"], options);
    expect(code).toBe(0);
    expect(stdout).toContain(`server "unix:${place.path}";`);
    expect((await runToEnd(["generate", "nginx", "ehco"], options)).stderr).toContain("only echo");
  });

  test("and without a manager there is nothing to serve", async () => {
    const { code, stderr } = await runToEnd(["generate", "nginx"], { cwd: place.directory });
    expect(code).toBe(5);
    expect(stderr).toContain("no manager is running");
  });
});
