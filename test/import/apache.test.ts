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

  test("-pass-header of what every web server passes says so", () => {
    expect(remarksOf(configOf(conf, "FastCgiServer /srv/a.fcgi -pass-header X-Key\n"))).toContainEqual(
      expect.stringContaining("-pass-header X-Key → web servers hand every header on"),
    );
  });

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

describe("virtual hosts", () => {
  const host = (port: number, name: string, lines: string) =>
    `<VirtualHost *:${port}>\nServerName ${name}\n${lines}\n</VirtualHost>\n`;
  const site = (number: number) =>
    `SuexecUserGroup web${number} client${number}\nFcgidInitialEnv PHPRC /etc/web${number}\nFcgidWrapper /usr/bin/php-cgi .php`;

  test("have programs of their own: with their user, their variables and their number", () => {
    const text = configOf(
      conf,
      `User www-data\nFcgidMaxProcessesPerClass 9\nFcgidInitialEnv A 1\n${host(80, "one.example", `${site(1)}\nFcgidMaxProcessesPerClass 2`)}${host(80, "two.example:80", site(2))}`,
    );
    const command = ["/usr/bin/php-cgi"];
    expect(appsOf(text)).toEqual({
      "php-cgi": { command, user: "web1", group: "client1", processes: 2, env: { A: "1", PHPRC: "/etc/web1" } },
      "php-cgi-two.example": {
        command,
        user: "web2",
        group: "client2",
        processes: 9,
        env: { A: "1", PHPRC: "/etc/web2" },
      },
    });
  });

  test("that start the same in the same way share an app, and the second one is named", () => {
    const text = configOf(conf, `${host(80, "one.example", site(1))}${host(443, "one.example", site(1))}`);
    expect(Object.keys(appsOf(text))).toEqual(["php-cgi"]);
    expect(remarksOf(text)).toContainEqual(
      `${conf}:11: FcgidWrapper /usr/bin/php-cgi .php → it starts the same program in the same way: one app is enough`,
    );
  });

  test("of the same words are different ones for FastCgiServer, too", () => {
    const server = (name: string) => `SuexecUserGroup ${name} ${name}\nFastCgiServer /srv/${name}.fcgi`;
    const text = configOf(conf, `FastCgiWrapper On\n${host(80, "a", server("a"))}${host(80, "b", server("b"))}`);
    expect(appsOf(text)).toMatchObject({ a: { user: "a" }, b: { user: "b" } });
  });

  test("with users of their own around a wrapper of the main server are told", () => {
    const text = configOf(conf, `FcgidWrapper /usr/bin/php-cgi .php\n${host(80, "a", "SuexecUserGroup a a")}`);
    expect(remarksOf(text)).toContainEqual(expect.stringContaining("copy the app for each of them"));
  });
});

test("programs are found behind patterns, and behind a location that is given to FastCGI whatever they are called", () => {
  const lines = [
    "ScriptAliasMatch ^/trac(.*)$ /usr/share/trac/trac.fcgi$1",
    'ScriptAliasMatch "^/git/(.*)" "/srv/git web.fcgi/$1"',
    "ScriptAlias /graph /usr/lib/munin/graph",
    "<Location /graph>",
    "SetHandler fcgid-script",
    "</Location>",
    "ScriptAlias /other /usr/lib/other",
    "ScriptAlias /maps /usr/lib/cgi-bin/mapserv",
    "<FilesMatch ^mapserv$>",
    "SetHandler fcgid-script",
    "</FilesMatch>",
  ];
  expect(Object.values(appsOf(configOf(conf, lines.join("\n")))).map((app) => app["command"])).toEqual([
    ["/usr/share/trac/trac.fcgi"],
    ["/srv/git web.fcgi"],
    ["/usr/lib/munin/graph"],
    ["/usr/lib/cgi-bin/mapserv"],
  ]);
});

test("FcgidCmdOptions are those of its own program, and a FastCgiServer without one is told", () => {
  const lines = [
    "FcgidInitialEnv A 1",
    "ScriptAlias /a /srv/a.fcgi",
    "ScriptAlias /b /srv/b.fcgi",
    "FcgidCmdOptions /srv/a.fcgi InitialEnv A=2 MaxProcesses 7 InitialEnv B IdleTimeout 60",
  ];
  const text = configOf(conf, lines.join("\n"));
  expect(appsOf(text)).toEqual({
    a: { command: ["/srv/a.fcgi"], processes: 7, env: { A: "2" }, "pass-env": ["B"] },
    b: { command: ["/srv/b.fcgi"], env: { A: "1" } },
  });
  expect(remarksOf(text)).toContainEqual(expect.stringMatching(/:4: FcgidCmdOptions .* → .*the times are/));
  expect(appsOf(configOf(conf, "FastCgiServer\nFastCgiServer /srv/c"))).toEqual({ c: { command: ["/srv/c"] } });
});

test("mod_fcgid's names before 2.3 are known, and a command's quotes are", () => {
  const text = configOf(
    conf,
    "FcgidWrapper \"/usr/bin/php-cgi -c '/etc/my php'\" .php\nDefaultInitEnv A b\nDefaultMaxClassProcessCount 4\nIPCCommTimeout 40\nSocketPath /run/x\n",
    worldOf(),
    "apache",
  );
  expect(appsOf(text)["php-cgi"]).toEqual({
    command: ["/usr/bin/php-cgi", "-c", "/etc/my php"],
    env: { A: "b" },
    processes: 4,
  });
  expect(remarksOf(text).map((one) => one.split(" → ")[0])).toEqual(
    expect.arrayContaining([`${conf}:4: IPCCommTimeout 40`, `${conf}:5: SocketPath /run/x`]),
  );
});

test("files that include each other are read once each, and macros are told", () => {
  const files = { [conf]: "Include b.conf\nFastCgiServer /srv/a", "/etc/apache2/b.conf": "Include apache2.conf" };
  const round = configOf(conf, files[conf] ?? "", worldOf(files));
  expect(Object.keys(appsOf(round))).toEqual(["a"]);
  expect(remarksOf(round)).toContain("/etc/apache2/b.conf:1: Include apache2.conf → files include each other");
  const macro = configOf(conf, "<Macro Site $name>\nFcgidWrapper /srv/$name/php .php\n</Macro>\nUse Site a\n");
  expect(remarksOf(macro)).toContainEqual(expect.stringMatching(/:2: FcgidWrapper .* → a macro is not filled in/));
});

test("a script before php-cgi that makes it fork is told", () => {
  const starter = "/var/www/php-fcgi-starter";
  const told = (script: string) =>
    remarksOf(configOf(conf, `FcgidWrapper ${starter} .php\n`, worldOf({ [starter]: script }))).filter((one) =>
      one.includes("PHP_FCGI_CHILDREN"),
    );
  expect(told("#!/bin/sh\nexport PHP_FCGI_CHILDREN=8\nexec php-cgi\n")).toEqual([
    expect.stringContaining("sets PHP_FCGI_CHILDREN=8"),
  ]);
  expect(told("#!/bin/sh\n# PHP_FCGI_CHILDREN=8\nPHP_FCGI_CHILDREN=0\nexec php-cgi\n")).toEqual([]);
});
