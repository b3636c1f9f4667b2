/** Apache: every directive and option of mod_fastcgi, mod_fcgid's, and Apache's own syntax around them. */
import { describe, expect, test } from "@jest/globals";
import { apacheWords } from "../../src/import/apache-reader.ts";
import { appsOf, configOf, remarksOf, worldOf } from "./world.ts";

const conf = "/etc/apache2/apache2.conf";
const server = (options: string) => appsOf(configOf(conf, `FastCgiServer /srv/a.fcgi ${options}\n`))["a"] ?? {};

describe("FastCgiServer", () => {
  test.each([
    ["-processes 4", { processes: 4 }],
    ["-PROCESSES 4", { processes: 4 }],
    ["-socket /run/a.sock", { socket: "/run/a.sock" }],
    ["-port 9000", { port: "127.0.0.1:9000" }],
    ["-listen-queue-depth 30", { "listen-queue-depth": 30 }],
    ["-restart-delay 7", { "restart-delay": "7s" }],
    ["-restart-delay 120", { "restart-delay": "2m", "max-restart-delay": "2m" }],
    ["-restart-delay 0", { "restart-delay": "1ms" }],
    ["-init-start-delay 3", { "init-start-delay": "3s" }],
    ["-min-server-life 45", { "min-server-life": "45s" }],
    ["-priority 5", { priority: 5 }],
    ["-user web -group #33", { user: "web", group: "33" }],
    ['-initial-env "A=b c" -initial-env B= -initial-env LANG', { env: { A: "b c", B: "" }, "pass-env": ["LANG"] }],
    ["-initial-env PHP_FCGI_CHILDREN=3 -processes 2", { processes: 6 }],
  ])("%s", (options, keys) => {
    expect(server(options)).toMatchObject(keys);
  });

  test.each(["-appConnTimeout 5", "-idle-timeout 60", "-flush", "-nph", "-pass-header Authorization"])(
    "%s is the web server's",
    (option) => {
      const text = configOf(conf, `FastCgiServer /srv/a.fcgi ${option} -processes 2\n`);
      expect(text).toContain("# Of the web server or the service, not of the app:");
      expect(remarksOf(text)).toContainEqual(expect.stringContaining(`${conf}:1: ${option} → `));
      expect(appsOf(text)["a"]?.["processes"]).toBe(2);
    },
  );

  test("takes what it does not know with its value, and goes on", () => {
    const text = configOf(conf, "FastCgiServer /srv/a.fcgi -colour red -processes 3\n");
    expect(remarksOf(text)).toContainEqual(`${conf}:1: -colour red → this directive has no such option`);
    expect(appsOf(text)["a"]?.["processes"]).toBe(3);
  });

  test("with a relative socket lies in FastCgiIpcDir, a relative program in ServerRoot", () => {
    const text = configOf(conf, "ServerRoot /opt/httpd\nFastCgiIpcDir run/fcgi\nFastCgiServer bin/a.fcgi -socket a\n");
    expect(appsOf(text)["a"]).toMatchObject({ command: ["/opt/httpd/bin/a.fcgi"], socket: "/opt/httpd/run/fcgi/a" });
  });

  test("runs as Apache's user, or that of the virtual host where suexec does it", () => {
    const lines =
      "FastCgiServer /srv/a.fcgi\n<VirtualHost *:80>\nSuexecUserGroup site sites\nFastCgiServer /srv/b.fcgi\n</VirtualHost>\n";
    const plain = appsOf(configOf(conf, `User \${APACHE_RUN_USER}\nGroup www\n${lines}`));
    expect([plain["a"], plain["b"]]).toMatchObject([{ user: "www-data", group: "www" }, { user: "www-data" }]);
    const wrapped = appsOf(configOf(conf, `User httpd\nFastCgiWrapper On\n${lines}`));
    expect([wrapped["a"]?.["user"], wrapped["b"]?.["user"], wrapped["b"]?.["group"]]).toEqual([
      "httpd",
      "site",
      "sites",
    ]);
  });
});

test("FastCgiExternalServer becomes an external app with its address, by socket, by name or by number", () => {
  const text = configOf(
    conf,
    "FastCgiExternalServer /x/a -host app.example.com:9000 -user web\nFastCgiExternalServer /x/b -socket /run/b -flush\nExternalAppClass /x/c -host 10.0.0.9:1\n",
  );
  expect(appsOf(text)).toEqual({
    a: { external: true, port: "app.example.com:9000" },
    b: { external: true, socket: "/run/b" },
    c: { external: true, port: "10.0.0.9:1" },
  });
});

describe("FastCgiConfig", () => {
  const options = [
    "-autoUpdate",
    "-restart",
    ...[
      "-gainValue",
      "-killInterval",
      "-maxProcesses",
      "-minProcesses",
      "-multiThreshold",
      "-processSlack",
      "-singleThreshold",
      "-startDelay",
      "-updateInterval",
    ].map((name) => `${name} 1`),
  ];

  test.each(options)("%s is known, and told", (option) => {
    const text = configOf(conf, `FastCgiServer /a\nFastCgiConfig ${option} -flush\n`);
    const own = remarksOf(text).filter((remark) => remark.startsWith(`${conf}:2: ${option} → `));
    expect([own.length, own[0]?.includes("no such option")]).toEqual([1, false]);
  });

  test("is for dynamic apps, which script aliases name", () => {
    const text = configOf(
      conf,
      "FastCgiConfig -maxClassProcesses 6 -initial-env A=1\nScriptAlias /app /srv/app.fcgi/\nAddHandler fastcgi-script .fcgi\nScriptAlias /cgi-bin/ /usr/lib/cgi-bin/\n",
    );
    expect(appsOf(text)).toEqual({ srv: { command: ["/srv/app.fcgi"], processes: 6, env: { A: "1" } } });
  });
});

test("every other directive of mod_fastcgi is named", () => {
  const names = [
    "FastCgiAccessChecker",
    "FastCgiAccessCheckerAuthoritative",
    "FastCgiAuthenticator",
    "FastCgiAuthenticatorAuthoritative",
    "FastCgiAuthorizer",
    "FastCgiAuthorizerAuthoritative",
    "FastCgiIpcDir",
    "FastCgiWrapper",
    "FastCgiSuexec",
  ];
  const text = configOf(conf, ["FastCgiServer /a", ...names.map((name) => `${name} x`)].join("\n"));
  for (const [index, name] of names.entries())
    expect(remarksOf(text)).toContainEqual(expect.stringContaining(`${conf}:${index + 2}: ${name} x → `));
});

test("mod_fcgid: wrappers become apps, every other directive says what to do", () => {
  const text = configOf(
    conf,
    'FcgidWrapper "/usr/bin/php-cgi -c /etc/x" .php\nFcgidInitialEnv A b\nFcgidMaxProcessesPerClass 7\nFcgidIOTimeout 40\nFcgidMaxRequestLen 1\nFcgidSpawnScore 1\n',
  );
  expect(appsOf(text)["php-cgi"]).toEqual({
    command: ["/usr/bin/php-cgi", "-c", "/etc/x"],
    env: { A: "b" },
    processes: 7,
  });
  for (const line of [4, 5, 6])
    expect(remarksOf(text)).toContainEqual(
      expect.stringMatching(new RegExp(`^${conf}:${line}: Fcgid\\w+ \\d+ → (?!.*does not know)`)),
    );
});

describe("Apache's own syntax", () => {
  test("includes files, directories and patterns, and tells what is missing", () => {
    const files = {
      "/etc/apache2/sites/b.conf": "FastCgiServer /srv/b",
      "/etc/apache2/sites/a.conf": "FastCgiServer /srv/a",
      "/etc/apache2/one.conf": "FastCgiServer /srv/one",
    };
    const text = configOf(
      conf,
      "Include one.conf\nInclude sites\nIncludeOptional no/*.conf\nInclude gone.conf\n",
      worldOf(files),
      "apache",
    );
    expect(Object.keys(appsOf(text))).toEqual(["one", "a", "b"]);
    expect(remarksOf(text)).toContainEqual(`${conf}:4: Include gone.conf → no file fits`);
  });

  test("joins lines, follows Define and the environment, and skips comments", () => {
    const text = configOf(
      conf,
      `Define ROOT /srv\n# FastCgiServer /no\nfastcgiserver \${ROOT}/a.fcgi \\\n  -processes \\\n  \${N}\n`,
      worldOf({}, { N: "3" }),
    );
    expect(appsOf(text)).toEqual({ a: { command: ["/srv/a.fcgi"], processes: 3 } });
    expect(text).toContain(`# ${conf}:3: fastcgiserver`);
  });

  test("quotes a word as ap_getword_conf reads it", () => {
    expect(apacheWords(`a "b c" 'd "e"' "f \\"g\\"" h"i`)).toEqual(["a", "b c", 'd "e"', 'f "g"', 'h"i']);
  });
});

test("a directory of scripts has an app for each FastCGI program in it", () => {
  const files = { "/usr/lib/cgi-bin/qgis_mapserv.fcgi": "", "/usr/lib/cgi-bin/old.cgi": "" };
  const lines = [
    "ScriptAlias /cgi-bin/ /usr/lib/cgi-bin/",
    "AddHandler fcgid-script .fcgi",
    "FcgidInitialEnv QGIS_DEBUG 1",
  ];
  const text = configOf(conf, lines.join("\n"), worldOf(files));
  expect(appsOf(text)).toEqual({
    qgis_mapserv: { command: ["/usr/lib/cgi-bin/qgis_mapserv.fcgi"], env: { QGIS_DEBUG: "1" } },
  });
});
