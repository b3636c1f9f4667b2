/** `fcgi-pm import`, as it is typed: where it reads from, where it writes to, and how it ends. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { bin, runToEnd, usePlace } from "../helpers/manager.ts";
import { appsOf, fixtures } from "../import/world.ts";

jest.setTimeout(60_000);
const place = usePlace();
const inPlace = (...words: string[]) => runToEnd(["import", ...words], { cwd: place.directory });

describe("where it reads from", () => {
  test("words behind -- are one command line, a second -- among them", async () => {
    const { code, stdout } = await inPlace(
      "--",
      "spawn-fcgi",
      "-s",
      "/run/q.sock",
      "-F",
      "4",
      "--",
      "/srv/a b/q.fcgi",
      "-x",
    );
    expect([code, appsOf(stdout)]).toEqual([
      0,
      { q: { command: ["/srv/a b/q.fcgi", "-x"], socket: "/run/q.sock", processes: 4 } },
    ]);
  });

  test("--command takes it in one word", async () => {
    const { code, stdout } = await inPlace("--command", "spawn-fcgi -p 9000 -a 127.0.0.1 -- '/srv/a b'");
    expect([code, Object.values(appsOf(stdout))]).toEqual([0, [{ command: ["/srv/a b"], port: "127.0.0.1:9000" }]]);
  });

  test("- is standard input", () => {
    const input = "FastCgiServer /srv/app.fcgi -processes 2\n";
    const { status, stdout } = spawnSync(process.execPath, [bin, "import", "-"], { input, encoding: "utf8" });
    expect(status).toBe(0);
    expect(stdout).toContain("# standard input:1: FastCgiServer /srv/app.fcgi -processes 2");
  });

  test("a directory that Apache includes stands for all files in it", async () => {
    const sites = join(place.directory, "sites");
    mkdirSync(sites);
    writeFileSync(join(sites, "a"), "FastCgiServer /srv/a.fcgi\n");
    const file = join(place.directory, "apache2.conf");
    writeFileSync(file, `ServerRoot ${place.directory}\nInclude sites/\nFastCgiServer /srv/b.fcgi\n`);
    const { code, stdout } = await inPlace(file);
    expect([code, Object.keys(appsOf(stdout))]).toEqual([0, ["a", "b"]]);
  });

  test("a file in Latin-1 is read, and it is said", async () => {
    const file = join(place.directory, "old.conf");
    writeFileSync(file, Buffer.from("# f\u00fcr alle\nFastCgiServer /srv/a.fcgi -initial-env A=\u00fc\n", "latin1"));
    const { code, stdout, stderr } = await inPlace(file);
    expect([code, appsOf(stdout)]).toMatchObject([0, { a: { env: { A: "\u00fc" } } }]);
    expect(stderr).toContain(`warning: ${file} is not UTF-8, and was read as Latin-1`);
  });

  test("several files become one config, in which names are different", async () => {
    const one = join(fixtures, "mapserver.command");
    const { code, stdout, stderr } = await inPlace(
      one,
      join(fixtures, "mapserver.supervisor.conf"),
      join(fixtures, "units/qgis.service"),
    );
    expect([code, Object.keys(appsOf(stdout))]).toEqual([0, ["mapserv", "mapserv-2", "qgis"]]);
    expect(stderr).toMatch(/^imported 3 apps; \d+ settings without a counterpart, each in a comment with its line$/);
  });

  test("--from says whose it is, where that cannot be told", async () => {
    writeFileSync(
      join(place.directory, "plain"),
      "Include nothing\nFastCgiServer /srv/app.fcgi\n".replace("FastCgi", "fastcgi"),
    );
    writeFileSync(join(place.directory, "odd"), "prefix = /x\n");
    expect((await inPlace("--from", "apache", "plain")).code).toBe(0);
    const unknown = await inPlace("odd");
    expect([unknown.code, unknown.stdout, unknown.stderr]).toEqual([
      2,
      "",
      expect.stringContaining("fcgi-pm import --from supervisord|apache|"),
    ]);
  });
});

describe("where it writes to", () => {
  const line = ["--command", "spawn-fcgi -s /s -- /srv/app"];

  test("--output is whole or not there: half of it is taken away again", () => {
    const path = join(place.directory, "fcgi-pm.toml");
    const lines = Array.from({ length: 50 }, (_, index) => `spawn-fcgi -s /run/${index} -- /srv/app\n`);
    // No file may be longer than one block, which no disk has to be full for.
    const words = ["-c", 'ulimit -f 1; exec "$@"', "sh", process.execPath, bin, "import", "-", "--from", "command"];
    const { status, stderr } = spawnSync("sh", [...words, "--output", path], {
      input: lines.join(""),
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([1, expect.stringContaining(`Cannot write "${path}": EFBIG`)]);
    expect(existsSync(path)).toBe(false);
  });

  test("--output - is standard output", async () => {
    expect((await inPlace(...line, "--output", "-")).stdout).toContain("[apps.app]");
    expect(existsSync(join(place.directory, "-"))).toBe(false);
  });

  test("--output is never written over a file that is there, but with --force", async () => {
    const path = join(place.directory, "fcgi-pm.toml");
    writeFileSync(path, "mine");
    const refused = await inPlace(...line, "--output", path);
    expect([refused.code, readFileSync(path, "utf8")]).toEqual([1, "mine"]);
    expect(refused.stderr).toBe(
      `error: Cannot write "${path}": it is there already\n  try: give another --output, or --force to replace it`,
    );
    const forced = await inPlace(...line, "--output", path, "--force");
    expect([forced.code, forced.stdout, Object.keys(appsOf(readFileSync(path, "utf8")))]).toEqual([0, "", ["app"]]);
    expect(forced.stderr).toBe(`imported 1 app; every setting has a counterpart\n  next: fcgi-pm check ${path}`);
  });

  test("a directory that is not there is said", async () => {
    const { code, stderr } = await inPlace(...line, "-o", "no/where.toml");
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('Cannot write "no/where.toml": its directory is not there'),
    ]);
  });
});

describe("how it ends", () => {
  test("with 1 where nothing starts a FastCGI program, with the reasons", async () => {
    const path = join(place.directory, "supervisord.conf");
    writeFileSync(path, "[supervisord]\nuser=root\n");
    const { code, stdout, stderr } = await inPlace(path, "--output", "out.toml");
    expect([code, stdout, existsSync(join(place.directory, "out.toml"))]).toEqual([1, "", false]);
    expect(stderr).toContain(
      `error: Cannot import ${path}: nothing in it starts a FastCGI program\n  ${path}:2: [supervisord] user=root: `,
    );
  });

  test.each([
    ["supervisord", "[supervisord]\nuser=root\n", "coming-from-supervisord"],
    ["apache", "FcgidIOTimeout 40\n", "coming-from-mod-fastcgi"],
    ["php-fpm", "[global]\npid=/p\n", "coming-from-php-fpm"],
    ["lighttpd", "server.port = 80\n", "coming-from-spawn-fcgi"],
  ])("with the page that is about %s", async (_kind, text, page) => {
    const path = join(place.directory, "some.conf");
    writeFileSync(path, text);
    const { code, stderr } = await inPlace(path);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`docs/${page}.md`)]);
  });

  test.each([
    ["nothing to read", []],
    ["a file and a command line", ["a.conf", "--command", "x"]],
    ["a file and words", ["a.conf", "--", "spawn-fcgi"]],
    ["a kind that is none", ["--from", "circus", "/etc/hostname"]],
    ["a file that is not there", ["/no/such.conf"]],
    ["a directory", ["/etc"]],
  ])("with 2 for %s", async (_what, words) => {
    const { code, stdout, stderr } = await inPlace(...words);
    expect([code, stdout, stderr]).toEqual([2, "", expect.stringMatching(/^error: Cannot (?:import|read)/)]);
  });
});
