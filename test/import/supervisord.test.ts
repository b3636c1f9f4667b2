/** supervisord.conf: every option of its documentation, and the traps between them. */
import { describe, expect, test } from "@jest/globals";
import { appsOf, configOf, remarksOf, worldOf } from "./world.ts";

const conf = "/etc/supervisord.conf";
const program = (lines: string, world = worldOf()) =>
  configOf(conf, `[supervisord]\n[fcgi-program:web]\ncommand=/srv/web\nsocket=unix:///run/web.sock\n${lines}\n`, world);
const web = (lines: string, world = worldOf()) => appsOf(program(lines, world))["web"] ?? {};

describe("a FastCGI program", () => {
  test("has the socket's mode that supervisord would give it", () => {
    expect(web("")).toEqual({ command: ["/srv/web"], socket: "/run/web.sock", "socket-mode": "0700" });
    expect(web("socket_mode=0666")["socket-mode"]).toBe("0666");
  });

  test("on TCP has neither mode nor owner, and a name becomes an address", () => {
    const text = configOf(conf, "[supervisord]\n[fcgi-program:web]\ncommand=a\nsocket=tcp://web01.example.com:9000\n");
    expect(appsOf(text)["web"]).toEqual({ command: ["a"], port: "127.0.0.1:9000" });
    expect(remarksOf(text)).toContainEqual(expect.stringContaining('127.0.0.1 stands for "web01.example.com"'));
  });

  test.each([
    ["stopsignal=QUIT", { "stop-signal": "QUIT" }],
    ["stopsignal=SIGUSR2", { "stop-signal": "USR2" }],
    ["stopsignal=10", { "stop-signal": "USR1" }],
    ["stopsignal=KILL", { "stop-timeout": "0" }],
    ["stopwaitsecs=90", { "stop-timeout": "90s" }],
    ["stopwaitsecs=0", { "stop-timeout": "0" }],
    ["startsecs=5", { "start-grace": "5s" }],
    ["umask=027", { umask: "0027" }],
    ["user=1000", { user: "1000" }],
    ["directory=/srv", { cwd: "/srv" }],
    ["numprocs=3\nprocess_name=%(program_name)s-%(process_num)d", { processes: 3 }],
    ["socket_owner=web:www-data", { "socket-owner": "web:www-data" }],
    ["socket_backlog=1024", { "listen-queue-depth": 1024 }],
    [
      "stdout_logfile=/var/log/a.log\nstdout_logfile_maxbytes=1GB",
      { "output-file": "/var/log/a.log", "output-max-size": "1G" },
    ],
    ["stderr_logfile=/var/log/e.log\nstderr_logfile_backups=3", { "output-file": "/var/log/e.log", "output-keep": 3 }],
    ["environment=A=\"x, y\",B='it;s',C=1", { env: { A: "x, y", B: "it;s", C: "1" } }],
    ['environment=TOKEN="%(ENV_TOKEN)s",N="%(process_num)s"', { env: { N: "0" }, "pass-env": ["TOKEN"] }],
    ['environment=TOKEN="%(ENV_TOKEN)s",N="x%(ENV_TOKEN)s"', { env: { N: "x%(ENV_TOKEN)s" }, "pass-env": ["TOKEN"] }],
  ])("%s", (lines, keys) => {
    expect(web(lines)).toMatchObject(keys);
  });

  test.each([
    ["startretries=4", "never gives up"],
    ["exitcodes=0,2", "exit status"],
    ["autorestart=unexpected", "exit status"],
    ["priority=1", "nice value"],
    ["killasgroup=false", "process group"],
    ["stopasgroup=true", "process group"],
    ["serverurl=http://x", "supervisorctl"],
    ["stdout_capture_maxbytes=1MB", "event listeners"],
    ["stderr_events_enabled=true", "event listeners"],
    ["stdout_syslog=true", "journal"],
    ["stdout_logfile=NONE", "never thrown away"],
    ["stdout_logfile=/var/log/a\nstdout_logfile_maxbytes=0", "always rotated"],
    ["umask=9", "umask takes three octal digits"],
    ["stopwaitsecs=99999999", "24 days"],
    ["socket_backlog=0", "from 1 to 65535"],
    ["environment=A=1,B", "KEY=value"],
    ["colour=red", "does not know this option either"],
  ])("%s has a comment with its line", (lines, why) => {
    const [last = ""] = lines.split("\n").slice(-1);
    const line = 4 + lines.split("\n").length;
    expect(remarksOf(program(lines))).toContainEqual(
      expect.stringMatching(new RegExp(`^${conf}:${line}: ${last.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")} → .*${why}`)),
    );
  });
});

describe("names in percent signs", () => {
  test("are expanded everywhere, from the environment, from [supervisord] and from the file's place", () => {
    const text = `[supervisord]
environment=ROOT="/srv/%(ENV_SITE)s"
[group:shop]
programs=web
[fcgi-program:web]
command=%(ENV_ROOT)s/bin/%(program_name)s --group %(group_name)s --here %(here)s --host %(host_node_name)s --all %(numprocs)d 100%%
socket=unix://%(ENV_ROOT)s/%(program_name)s.sock
`;
    const app = appsOf(configOf(conf, text, worldOf({}, { SITE: "main" })))["web"];
    const words = ["/srv/main/bin/web", "--group", "shop", "--here", "/etc", "--host", "box", "--all", "1", "100%"];
    expect([app?.["command"], app?.["socket"], app?.["env"]]).toEqual([
      words,
      "/srv/main/web.sock",
      { ROOT: "/srv/main" },
    ]);
  });

  test("that nobody knows leave the option as it is, and are told", () => {
    const text = program("directory=%(ENV_NOWHERE)s/x");
    expect(appsOf(text)["web"]?.["cwd"]).toBe("%(ENV_NOWHERE)s/x");
    expect(remarksOf(text)).toContainEqual(expect.stringContaining("nobody says what %(ENV_NOWHERE)s is"));
  });

  test("of a worker's number: alike for FastCGI, an app for each plain process", () => {
    const own = "numprocs=2\nnumprocs_start=5\nprocess_name=%(program_name)s_%(process_num)02d";
    const alike = configOf(
      conf,
      `[supervisord]\n[fcgi-program:web]\ncommand=a %(process_num)d\nsocket=unix:///s\n${own}\n`,
    );
    expect(appsOf(alike)["web"]).toMatchObject({ command: ["a", "5"], processes: 2 });
    expect(remarksOf(alike)).toContainEqual(expect.stringContaining("all workers of an app are alike"));
    const apart = configOf(conf, `[supervisord]\n[program:job]\ncommand=a %(process_num)d\n${own}\n`);
    expect(appsOf(apart)).toMatchObject({
      job_05: { command: ["a", "5"], listen: false },
      job_06: { command: ["a", "6"] },
    });
  });
});

describe("plain programs", () => {
  test("have no listener, unless spawn-fcgi or php-cgi -b makes one in them", () => {
    const text = configOf(
      conf,
      "[supervisord]\n[program:job]\ncommand=/srv/job\n[program:qgis]\ncommand=spawn-fcgi -n -s /run/q.sock -- /bin/qgis\n[program:php]\ncommand=php-cgi -b 127.0.0.1:9000 -d x=1\n",
    );
    expect(appsOf(text)).toEqual({
      job: { command: ["/srv/job"], listen: false },
      qgis: { command: ["/bin/qgis"], socket: "/run/q.sock" },
      php: { command: ["php-cgi", "-d", "x=1"], port: "127.0.0.1:9000" },
    });
  });

  test("that do not start by themselves, or run once, stand as comments that can be taken in", () => {
    const text = configOf(
      conf,
      "[supervisord]\n[program:a]\ncommand=/a\nautostart=false\n[program:b]\ncommand=/b\nautorestart=false\n[program:c]\ncommand=/c\n",
    );
    expect(Object.keys(appsOf(text))).toEqual(["c"]);
    expect(Object.keys(appsOf(text.replace(/^# (?=\[apps|command|listen)/gm, "")))).toEqual(["a", "b", "c"]);
  });

  test("write to files of their own, even where supervisord let them share one", () => {
    const text = configOf(
      conf,
      "[supervisord]\n[program:a]\ncommand=/a\nstdout_logfile=/var/log/x.log\n[program:b]\ncommand=/b\nstdout_logfile=/var/log/x.log\n",
    );
    expect([appsOf(text)["a"]?.["output-file"], appsOf(text)["b"]?.["output-file"]]).toEqual([
      "/var/log/x.log",
      "/var/log/x-b.log",
    ]);
  });
});

describe("several files", () => {
  const files = {
    "/etc/conf.d/b.conf": "[fcgi-program:b]\ncommand=%(here)s/b\nsocket=unix:///b\n",
    "/etc/conf.d/a.conf": "[fcgi-program:a]\ncommand=a\nsocket=unix:///a\numask=22 ; so\nbroken line\n",
  };

  test("are read in alphabetical order, and each remark names its own", () => {
    const text = configOf(conf, "[supervisord]\n[include]\nfiles = conf.d/*.conf none/*.conf\n", worldOf(files));
    expect(Object.keys(appsOf(text))).toEqual(["a", "b"]);
    expect(appsOf(text)["b"]?.["command"]).toEqual(["/etc/conf.d/b"]);
    expect(remarksOf(text)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^\/etc\/supervisord\.conf:3: files=none\/\*\.conf → no file fits/),
        expect.stringMatching(/^\/etc\/conf\.d\/a\.conf:5: broken line → /),
      ]),
    );
  });
});

test("what supervisord becomes, its programs are, unless they say otherwise", () => {
  const text = configOf(
    conf,
    "[supervisord]\nuser=site\numask=007\ndirectory=/srv\n[program:a]\ncommand=/a\n[program:b]\ncommand=/b\nuser=b\numask=022\ndirectory=/b\n",
  );
  expect(appsOf(text)).toMatchObject({
    a: { user: "site", umask: "0007", cwd: "/srv" },
    b: { user: "b", umask: "0022", cwd: "/b" },
  });
});

test("sections of supervisord itself are told, option by option", () => {
  const text = configOf(
    conf,
    "[unix_http_server]\nfile=/s\n[inet_http_server]\nport=9001\n[supervisord]\nlogfile=/l\nminfds=9\n[supervisorctl]\nprompt=x\n[rpcinterface:supervisor]\na=b\n[eventlistener:e]\ncommand=x\nevents=TICK_5\n[strange]\na=b\n[program:a]\ncommand=/a\n",
  );
  const lines = remarksOf(text).map((remark) => Number(/:(\d+): /.exec(remark)?.[1]));
  expect(lines).toEqual([2, 4, 6, 7, 9, 11, 13, 14, 16]);
});

test("a variable of [supervisord] that no shell can carry is told, and no app has it", () => {
  const text = configOf(conf, '[supervisord]\nenvironment=A="1",LC-ALL="C"\n[program:a]\ncommand=/a\n');
  expect(appsOf(text)["a"]?.["env"]).toEqual({ A: "1" });
  expect(remarksOf(text)).toContainEqual(expect.stringMatching(/:2: .* → no name that a shell can carry: "LC-ALL"/));
});

test("a variable that a config refuses is lost, and told", () => {
  const text = configOf("/a.conf", "[program:a]\ncommand=/app\nenvironment=__proto__=1,B=2\n");
  expect(appsOf(text)["a"]).toMatchObject({ env: { B: "2" } });
  expect(remarksOf(text)).toContainEqual(expect.stringContaining('"__proto__"'));
});

test("a log of each process becomes one, which is told of plain programs, too", () => {
  const text = configOf(
    conf,
    "[supervisord]\n[program:job]\ncommand=/job\nnumprocs=3\nprocess_name=%(process_num)d\nstdout_logfile=/var/log/job-%(process_num)d.log\n",
  );
  expect(appsOf(text)["job"]).toMatchObject({ processes: 3, "output-file": "/var/log/job-0.log" });
  expect(remarksOf(text)).toContainEqual(
    expect.stringMatching(/:6: stdout_logfile=.* → all workers of an app are alike/),
  );
});

test("what a TCP socket cannot have is told at its own line, and a relative path for what it is", () => {
  const text = configOf(
    conf,
    "[supervisord]\n[fcgi-program:a]\ncommand=/a\nsocket=tcp://localhost:9000\nsocket_mode=0660\nsocket_owner=www\n[fcgi-program:b]\ncommand=/b\nsocket=unix://run/b.sock\n",
  );
  expect(appsOf(text)["a"]).toEqual({ command: ["/a"], port: "127.0.0.1:9000" });
  expect(remarksOf(text)).toEqual([
    `${conf}:5: socket_mode=0660 → socket-mode has no meaning with port: only a Unix socket has a mode and an owner`,
    `${conf}:6: socket_owner=www → socket-owner has no meaning with port: only a Unix socket has a mode and an owner`,
    `${conf}:7: [fcgi-program:b] → socket: a relative path starts at the config here, write the whole one`,
  ]);
});
