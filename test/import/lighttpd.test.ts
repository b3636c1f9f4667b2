/** lighttpd: its language, and every option of fastcgi.server. */
import { describe, expect, test } from "@jest/globals";
import { appsOf, configOf, remarksOf, worldOf } from "./world.ts";

const conf = "/etc/lighttpd/lighttpd.conf";
const server = (options: string, more = "") =>
  configOf(conf, `${more}\nfastcgi.server = ( "/app" => ((\n"bin-path" => "/srv/app.fcgi",\n${options} )) )\n`);
const app = (options: string, more = "") => Object.values(appsOf(server(options, more)))[0] ?? {};

describe("an option of fastcgi.server", () => {
  test.each([
    ['"max-procs" => 3', { processes: 3 }],
    ['"max-procs" => "3"', { processes: 3 }],
    ["", { processes: 4 }],
    ['"socket" => "/run/a"', { socket: "/run/a" }],
    ['"port" => 9000', { port: "127.0.0.1:9000" }],
    ['"host" => "0.0.0.0", "port" => 9000', { port: "0.0.0.0:9000" }],
    ['"listen-backlog" => 64', { "listen-queue-depth": 64 }],
    ['"kill-signal" => 2', { "stop-signal": "INT" }],
    [
      '"bin-environment" => ( "A" => "1", "PHP_FCGI_CHILDREN" => "3" ), "max-procs" => 2',
      { env: { A: "1" }, processes: 6 },
    ],
    ['"bin-copy-environment" => ( "PATH", "SHELL" )', { "pass-env": ["SHELL"] }],
  ])("%s", (options, keys) => {
    expect(app(options)).toMatchObject(keys);
  });

  test.each([
    "check-local",
    "mode",
    "docroot",
    "broken-scriptfilename",
    "fix-root-scriptname",
    "strip-request-uri",
    "allow-x-send-file",
    "x-sendfile",
    "x-sendfile-docroot",
    "tcp-fin-propagate",
    "upgrade",
    "connect-timeout",
    "write-timeout",
    "read-timeout",
    "disable-time",
    "min-procs",
    "max-load-per-proc",
    "idle-timeout",
  ])("%s is known, and told with its line", (name) => {
    const own = remarksOf(server(`"${name}" => "1"`)).filter((remark) =>
      remark.startsWith(`${conf}:4: "${name}" => "1" → `),
    );
    expect([own.length, own[0]?.includes("does not know")]).toEqual([1, false]);
  });

  test("that lighttpd does not know is told too", () => {
    expect(remarksOf(server('"colour" => "red"'))).toContainEqual(
      `${conf}:4: "colour" => "red" → lighttpd does not know this option either`,
    );
  });
});

test("without bin-path an app is external, and has nothing of what would be started", () => {
  const text = configOf(
    conf,
    'fastcgi.server = ( "/a" => ( "one" => ( "host" => "app.example.com", "port" => 9000, "max-procs" => 4, "listen-backlog" => 3 ) ) )\n',
  );
  expect(appsOf(text)).toEqual({ one: { external: true, port: "app.example.com:9000" } });
});

describe("the language", () => {
  test("has variables, joined texts, lists, conditions and comments", () => {
    const text = `
var.base = "/srv" # a comment, with "quotes"
var.opts = ( "A" => base + "/a" )
server.username = "www" + env.SUFFIX
$HTTP["host"] =~ "(^|\\.)example\\.com$" {
  $SERVER["socket"] == ":443" {
    fastcgi.server += ( "/x" => ( "x" => ( "bin-path" => var.base + "/x.fcgi", "max-procs" => 1 + 1, "bin-environment" => var.opts + ( "B" => "2" ), ), ), )
  }
} else {
  fastcgi.server = ( ".php" => ( "host" => "10.0.0.1", "port" => 9000 ) )
}
`;
    const config = configOf(conf, text, worldOf({}, { SUFFIX: "-data" }));
    expect(appsOf(config)).toEqual({
      x: { command: ["/srv/x.fcgi"], processes: 2, user: "www-data", env: { A: "/srv/a", B: "2" } },
      php: { external: true, port: "10.0.0.1:9000" },
    });
    expect(config).toContain(
      'the web server has it at /x, within $HTTP["host"] =~ "(^|\\.)example\\.com$" and $SERVER["socket"] == ":443"',
    );
  });

  test("includes files by patterns, and runs no command", () => {
    const files = {
      "/etc/lighttpd/conf/a.conf": 'fastcgi.server = ( "/a" => (( "bin-path" => "/a", "max-procs" => 1 )) )',
    };
    const text = configOf(
      conf,
      'include "conf/*.conf"\ninclude_shell "cat secrets"\ninclude "gone.conf"\nserver.modules = ()\n',
      worldOf(files),
    );
    expect(appsOf(text)).toEqual({ a: { command: ["/a"], processes: 1 } });
    expect(remarksOf(text)).toEqual([
      `${conf}:2: include_shell "cat secrets" → no command is run by an import: give it the file that this prints`,
      `${conf}:3: include "gone.conf" → no file fits`,
      expect.stringContaining("/etc/lighttpd/conf/a.conf:1: "),
    ]);
  });

  test("has global blocks, files that include each other, and names that nobody explains", () => {
    const main = 'global {\n  server.username = "www"\n}\ninclude "a.conf"\n';
    const files = {
      [conf]: main,
      "/etc/lighttpd/a.conf":
        'include "lighttpd.conf"\nfastcgi.server = ( "/a" => (( "bin-path" => "/a", "socket" => "/run/a-" + var.PID, "max-procs" => 1 )) )',
    };
    const text = configOf(conf, main, worldOf(files));
    expect(appsOf(text)).toEqual({ a: { command: ["/a"], socket: "/run/a-", processes: 1, user: "www" } });
    expect(remarksOf(text)).toEqual(
      expect.arrayContaining([
        '/etc/lighttpd/a.conf:1: include "lighttpd.conf" → files include each other',
        "/etc/lighttpd/a.conf:2: var.PID → nobody says what this variable is: it counts as empty",
      ]),
    );
  });

  test("that is broken is told with its line, and what stood before it is kept", () => {
    const text = configOf(conf, 'fastcgi.server = ( "/a" => (( "bin-path" => "/a" )) )\nserver.port = = 3\n');
    expect(Object.keys(appsOf(text))).toEqual(["a"]);
    expect(remarksOf(text)).toContainEqual(expect.stringContaining(`${conf}:2: server.port = = 3 → not understood`));
  });
});
