/** Command lines, scripts and units: every flag of spawn-fcgi and multiwatch, and whatever stands before them. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { importAll } from "../../src/import/importer.ts";
import { appsOf, configOf, remarksOf, worldOf } from "./world.ts";

const command = (line: string) => Object.values(appsOf(configOf("x", line, worldOf(), "command")))[0] ?? {};

describe("a command line", () => {
  test.each([
    ["spawn-fcgi -s /s -- /app a 'b c'", { command: ["/app", "a", "b c"], socket: "/s" }],
    ["spawn-fcgi -n -s/s -F4 -- /app", { command: ["/app"], socket: "/s", processes: 4 }],
    ["spawn-fcgi -f '/app -x' -p 9000", { command: ["/app", "-x"], port: "0.0.0.0:9000" }],
    ["spawn-fcgi -a ::1 -p 9000 /app", { command: ["/app"], port: "[::1]:9000" }],
    [
      "spawn-fcgi -s /s -M 0660 -U a -G b -u c -g d -- /app",
      { command: ["/app"], socket: "/s", "socket-mode": "0660", "socket-owner": "a:b", user: "c", group: "d" },
    ],
    ["spawn-fcgi -s /s -G b -- /app", { command: ["/app"], socket: "/s", "socket-owner": ":b" }],
    [
      "spawn-fcgi -s /s -d /srv -b 64 -- app",
      { command: ["app"], socket: "/s", cwd: "/srv", "listen-queue-depth": 64 },
    ],
    ["spawn-fcgi -s /s -C 3 -F 2 -- php-cgi", { command: ["php-cgi"], socket: "/s", processes: 6 }],
    [
      "PHP_FCGI_CHILDREN=5 A=1 spawn-fcgi -s /s -- php-cgi",
      { command: ["php-cgi"], socket: "/s", processes: 5, env: { A: "1" } },
    ],
    [
      "spawn-fcgi -s /s -n -- multiwatch -f 3 -t 2500 -s USR1 -- /app",
      { command: ["/app"], socket: "/s", processes: 3, "min-server-life": "2500ms", "stop-signal": "USR1" },
    ],
    [
      "spawn-fcgi -s /s -- /usr/bin/multiwatch --forks=3 --signal HUP /app -f 9",
      { command: ["/app", "-f", "9"], socket: "/s", processes: 3, "stop-signal": "HUP" },
    ],
    [
      "exec env -i A=b nice -n 5 spawn-fcgi -s /s -- /app",
      { command: ["/app"], socket: "/s", env: { A: "b" }, priority: 5 },
    ],
    ["sudo -u www -g web spawn-fcgi -s /s /app", { command: ["/app"], socket: "/s", user: "www", group: "web" }],
    ["su -s /bin/sh -c 'spawn-fcgi -s /s -- /app' www", { command: ["/app"], socket: "/s", user: "www" }],
    [
      "start-stop-daemon --start -c www:web --chdir /srv --pidfile /p --exec /usr/bin/spawn-fcgi -- -s /s -- /app",
      { command: ["/app"], socket: "/s", user: "www", group: "web", cwd: "/srv" },
    ],
    ["setuidgid www php-cgi -b /s -d a=b", { command: ["php-cgi", "-d", "a=b"], socket: "/s", user: "www" }],
    ["php-cgi8.2 -b :9000", { command: ["php-cgi8.2"], port: "0.0.0.0:9000" }],
    ["fcgiwrap -f -c 4 -s unix:/run/w.sock", { command: ["fcgiwrap", "-f"], socket: "/run/w.sock", processes: 4 }],
    ["fcgiwrap -s tcp:127.0.0.1:9001", { command: ["fcgiwrap"], port: "127.0.0.1:9001" }],
    ["cgi-fcgi -start -connect /s /app 4", { command: ["/app"], socket: "/s", processes: 4 }],
    ["cgi-fcgi -start -connect :9000 /app", { command: ["/app"], port: "0.0.0.0:9000" }],
  ])("%s", (line, app) => {
    expect(command(line)).toEqual(app);
  });

  test.each(["-P /run/p", "-c /jail", "-S", "-n"])("spawn-fcgi %s is told", (flag) => {
    expect(remarksOf(configOf("x", `spawn-fcgi ${flag} -s /s -- /app`, worldOf(), "command"))).toContainEqual(
      expect.stringContaining(`x:1: spawn-fcgi ${flag} → `),
    );
  });

  test.each(["", "-a ''"])("of spawn-fcgi %s without an address says that everybody may come in", (address) => {
    expect(remarksOf(configOf("x", `spawn-fcgi ${address} -p 9000 -- /app`))).toContainEqual(
      expect.stringContaining("every address of the machine"),
    );
  });
});

describe("a script", () => {
  test("is followed through variables, other files, functions and lines that go on", () => {
    const script = `#!/bin/sh
. /etc/default/app
NAME=app   # "a comment
SOCK="\${RUN:-/run}/$NAME.sock"
OPTS="-s $SOCK -F $N"
export APP_ENV=live
start() {
  if [ -x /usr/bin/spawn-fcgi ]; then
    spawn-fcgi $OPTS -u "\${OWNER}" -- \\
      /srv/$NAME/run.fcgi 'cost $5' "a $NAME"
  fi
}
stop() { kill \`cat /run/$NAME.pid\`; }
echo "spawn-fcgi -s /no -- /no"
`;
    const world = worldOf({ "/etc/default/app": "N=3\nOWNER='www'\n" });
    const app = {
      command: ["/srv/app/run.fcgi", "cost $5", "a app"],
      socket: "/run/app.sock",
      processes: 3,
      user: "www",
      env: { APP_ENV: "live" },
    };
    expect(Object.values(appsOf(configOf("/etc/init.d/app", script, world)))).toEqual([app]);
  });

  test("hands on where it stands, its umask and limits, and the rights that it gives to a socket", () => {
    const script =
      "cd /srv/app\numask 007\nulimit -n 4096\nulimit -s 100\nspawn-fcgi -s /run/a.sock -- ./app\nchmod 666 /run/a.sock\nchown www:web /run/a.sock\nmkdir -p /run/x # so\n";
    const text = configOf("/a.sh", script);
    expect(Object.values(appsOf(text))).toEqual([
      {
        command: ["/srv/app/app"],
        socket: "/run/a.sock",
        "socket-mode": "0666",
        "socket-owner": "www:web",
        cwd: "/srv/app",
        umask: "0007",
        rlimits: { nofile: 4096 },
      },
    ]);
    expect(remarksOf(text).map((one) => one.split(" → ")[0])).toEqual([
      "/a.sh:4: ulimit -s 100",
      "/a.sh:8: mkdir -p /run/x",
    ]);
  });

  test("has subshells, which change nothing behind them", () => {
    const script =
      "start() {\n(cd /srv/a; umask 002\nulimit -n 9; spawn-fcgi -s /a -- ./a)\ncase $1 in x) ;; esac\n}\ncd /srv\n( cd b && spawn-fcgi -s /b -- ./b )\nspawn-fcgi -s /c -- ./c\n";
    expect(Object.values(appsOf(configOf("/a.sh", script)))).toEqual([
      { command: ["/srv/a/a"], socket: "/a", cwd: "/srv/a", umask: "0002", rlimits: { nofile: 9 } },
      { command: ["/srv/b/b"], socket: "/b", cwd: "/srv/b" },
      { command: ["/srv/c"], socket: "/c", cwd: "/srv" },
    ]);
  });

  test("has no commands in its here-documents and comments, and quotes over several lines", () => {
    const script =
      "cat <<-'EOT' >&2\nUsage: spawn-fcgi -s /no -- /no\n\tEOT\n# it isn't\nspawn-fcgi -s /s -- /app 'a\nb' ; spawn-fcgi -s /t -- /other\n";
    expect(Object.values(appsOf(configOf("/a.sh", script)))).toEqual([
      { command: ["/app", "a\nb"], socket: "/s" },
      { command: ["/other"], socket: "/t" },
    ]);
  });

  test("has here-documents that become scripts: what they start is told", () => {
    const text = configOf(
      "/a.sh",
      "spawn-fcgi -s /s -- /app\ncat >/usr/bin/run <<END\n#!/bin/sh\nspawn-fcgi -s /t -- /other\nEND\n",
    );
    expect(Object.keys(appsOf(text))).toEqual(["app"]);
    expect(remarksOf(text)).toEqual([
      expect.stringMatching(/^\/a\.sh:4: spawn-fcgi -s \/t -- \/other → a here-document is not followed/),
    ]);
  });

  test("tells what nobody knows", () => {
    const text = configOf("/a.sh", "spawn-fcgi -s $WHERE/s -- /app $(nproc)\n");
    expect(remarksOf(text)).toEqual(
      expect.arrayContaining([expect.stringContaining("what $WHERE is"), expect.stringContaining("what $(nproc) is")]),
    );
  });
});

describe("where streams go", () => {
  const lines = (text: string) => {
    const config = configOf("/a.sh", text);
    return { apps: Object.values(appsOf(config)), remarks: remarksOf(config) };
  };

  test.each([
    "spawn-fcgi -s /s -- /app --x 1 2>&1 >/dev/null --y 2 </dev/null &",
    "spawn-fcgi -s /s -- /app --x 1 &>/dev/null --y 2 >&2",
    "spawn-fcgi -s /s 2>/dev/null -- /app --x 1 --y 2>&1 2",
  ])("is no argument: %s", (line) => {
    expect(lines(line)).toEqual({ apps: [{ command: ["/app", "--x", "1", "--y", "2"], socket: "/s" }], remarks: [] });
  });

  test("is told where it is a file", () => {
    const { apps, remarks } = lines("exec >>/var/log/all.log 2>&1\nspawn-fcgi -s /s -- /app 2>> /var/log/err.log\n");
    expect(apps).toEqual([{ command: ["/app"], socket: "/s" }]);
    expect(remarks.map((one) => one.split(" → ")[0])).toEqual([
      "/a.sh:1: >> /var/log/all.log",
      "/a.sh:2: 2>> /var/log/err.log",
    ]);
  });
});

describe("what stands before spawn-fcgi", () => {
  test.each([
    [
      "exec chpst -u www:web -C /srv -o 1024 -p 99 -n 5 spawn-fcgi -n -s /s -- /app",
      {
        command: ["/app"],
        socket: "/s",
        user: "www",
        group: "web",
        cwd: "/srv",
        priority: 5,
        rlimits: { nofile: 1024, nproc: 99 },
      },
    ],
    [
      "softlimit -a 250000000 -o 64 setuidgid www php-cgi -b /s",
      { command: ["php-cgi"], socket: "/s", user: "www", rlimits: { as: 250_000_000, nofile: 64 } },
    ],
    ["s6-setuidgid www:web spawn-fcgi -s /s -- /app", { command: ["/app"], socket: "/s", user: "www", group: "web" }],
    ["gosu 33:33 spawn-fcgi -s /s -- /app", { command: ["/app"], socket: "/s", user: "33", group: "33" }],
    ['eval "exec spawn-fcgi -s /s -- /app"', { command: ["/app"], socket: "/s" }],
    [
      "bash -lc 'cd /srv/app && exec spawn-fcgi -n -s /s -- ./app 2>&1'",
      { command: ["/srv/app/app"], socket: "/s", cwd: "/srv/app" },
    ],
  ])("%s", (line, app) => {
    expect(command(line)).toEqual(app);
  });

  test.each([
    [
      "xvfb-run -a --server-args='-screen 0' spawn-fcgi -s /s -- /app",
      "xvfb-run -a --server-args=-screen 0",
      "offscreen",
    ],
    ["timeout 60 php-cgi -b /s", "timeout 60", "left out"],
    ["envdir ./env spawn-fcgi -s /s -- /app", "envdir ./env", "env-file"],
    ["chpst -e ./env -d 5 spawn-fcgi -s /s -- /app", "chpst -d 5", "LimitDATA"],
  ])("%s is told, and does not stay in the command", (line, written, why) => {
    const text = configOf("x", line, worldOf(), "command");
    expect(Object.values(appsOf(text))[0]?.["socket"]).toBe("/s");
    expect(remarksOf(text)).toContainEqual(
      expect.stringMatching(new RegExp(`^x:1: ${written.replace(/[.*+?]/g, "\\$&")} → .*${why}`)),
    );
  });

  test("in a shell that cannot be taken apart is told", () => {
    const line = "sh -c 'for i in 1 2; do spawn-fcgi -s /s$i -- /app; done'";
    expect(remarksOf(configOf("x", line, worldOf(), "command"))).toContainEqual(
      expect.stringContaining("in a way that is not taken apart"),
    );
  });
});

describe("PHP_FCGI_CHILDREN", () => {
  test("of a script means nothing to programs that are no PHP, and -C outranks it", () => {
    const script =
      "export PHP_FCGI_CHILDREN=5\nspawn-fcgi -s /a -- /srv/a\nspawn-fcgi -s /b -- php-cgi\nspawn-fcgi -s /c -C 2 -- php-cgi\n";
    expect(Object.values(appsOf(configOf("/a.sh", script)))).toEqual([
      { command: ["/srv/a"], socket: "/a" },
      { command: ["php-cgi"], socket: "/b", processes: 5 },
      { command: ["php-cgi"], socket: "/c", processes: 2 },
    ]);
  });
});

describe("variables of a script", () => {
  test("are not split into words where they are assigned", () => {
    const script = 'A="-s /s -F 3"\nB=$A\nexport C=$B\nspawn-fcgi $C -- /app\n';
    expect(Object.values(appsOf(configOf("/a.sh", script)))).toEqual([
      { command: ["/app"], socket: "/s", processes: 3, env: { C: "-s /s -F 3" } },
    ]);
  });

  test("that hold what a command would print are told where they are used, but for echo", () => {
    const script = `DIR=$(dirname "$0")\nSOCK="\${DIR}/x.sock"\nARGS=$(echo -F 2)\nspawn-fcgi -s "$SOCK" $ARGS -- /app "\${DIR##*/}"\n`;
    const text = configOf("/a.sh", script);
    expect(Object.values(appsOf(text))).toEqual([{ command: ["/app", ""], socket: "/x.sock", processes: 2 }]);
    expect(remarksOf(text).map((one) => one.split(" → ")[1])).toEqual([
      expect.stringContaining("what $SOCK is"),
      expect.stringContaining(`what \${DIR##*/} is`),
    ]);
  });

  test.each([
    ["that are empty are no word", "A=\nspawn-fcgi $A -s /s $A -- /app $A x", { command: ["/app", "x"], socket: "/s" }],
    ["that are empty in quotes are one", 'A=\nspawn-fcgi -s /s -- /app "$A" x', { command: ["/app", "", "x"] }],
    ["that nobody knows are no last word", "spawn-fcgi -s /s -- /app x $A", { command: ["/app", "x"] }],
    ["that nobody knows may belong to an option", "spawn-fcgi -F $A -s /s -- /app x", { command: ["/app", "x"] }],
    ["that are the script's own words are none", 'exec spawn-fcgi -s /s -- /app "$@"', { command: ["/app"] }],
  ])("%s", (_, script, app) => {
    expect(Object.values(appsOf(configOf("/a.sh", script)))).toEqual([expect.objectContaining(app)]);
  });

  test("that are the script's own words are told", () => {
    expect(remarksOf(configOf("/a.sh", 'spawn-fcgi -s /s -- /app "$@"'))).toEqual([
      expect.stringContaining("nobody says what $@ is"),
    ]);
  });

  test("have values for the case that they are not set, which may name others", () => {
    const script = `D=/run\n: \${Y:=\${D}/y}\nspawn-fcgi -s \${S:-"$D/s"} -- /app $Y\n`;
    expect(Object.values(appsOf(configOf("/a.sh", script)))).toEqual([
      { command: ["/app", "/run/y"], socket: "/run/s" },
    ]);
  });
});

describe("init scripts that only say what is to be started", () => {
  test.each([
    [
      "OpenRC's",
      '#!/sbin/openrc-run\ncommand="/usr/bin/spawn-fcgi"\ncommand_args="-n -s /s -- /app"\ncommand_user="www:web"\ndirectory="/srv"\n',
    ],
    [
      "rc.subr's",
      `#!/bin/sh\n. /etc/rc.subr\nname="app"\n: \${app_socket:="/s"}\n: \${app_user:="www:web"}\napp_chdir=/srv\ncommand="/usr/local/bin/spawn-fcgi"\ncommand_args="-s \${app_socket} -- /app"\nrun_rc_command "$1"\n`,
    ],
  ])("%s", (_, script) => {
    const text = configOf("/etc/init.d/app", script, worldOf({ "/etc/rc.subr": "" }));
    expect(Object.values(appsOf(text))).toEqual([
      { command: ["/app"], socket: "/s", user: "www", group: "web", cwd: "/srv" },
    ]);
  });

  test("with nothing in some of them", () => {
    const script =
      '#!/sbin/openrc-run\ncommand="/usr/bin/spawn-fcgi"\ncommand_args="-s /s -- /app"\ncommand_user=""\ndirectory=""\n';
    expect(Object.values(appsOf(configOf("/etc/init.d/app", script)))).toEqual([{ command: ["/app"], socket: "/s" }]);
  });

  test("Debian's own for fcgiwrap, which evaluates what it has put together", () => {
    const script = readFileSync("/etc/init.d/fcgiwrap", "utf8");
    const text = configOf("/etc/init.d/fcgiwrap", script);
    expect(Object.values(appsOf(text))).toEqual([
      {
        command: ["/usr/sbin/fcgiwrap", "-f"],
        socket: "/run/fcgiwrap.socket",
        "socket-owner": "www-data:www-data",
        user: "www-data",
        group: "www-data",
        env: { PATH: "/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin" },
      },
    ]);
  });
});

describe("a unit of systemd", () => {
  const unit = (service: string, files: Readonly<Record<string, string>> = {}) =>
    configOf("/etc/systemd/system/app.service", `[Service]\n${service}\n`, worldOf(files));
  const app = (service: string, files = {}) => appsOf(unit(service, files))["app"] ?? {};

  test.each([
    [
      'ExecStart=-spawn-fcgi -s %t/%p.sock -- /app "a b" c\\x20d',
      { command: ["/app", "a b", "c d"], socket: "/run/app.sock" },
    ],
    [
      `Environment=A=1 "B=x y"\nEnvironment=C=\${A}\nExecStart=spawn-fcgi -s /s -- /app $B \${B}`,
      { env: { A: "1", B: "x y", C: `\${A}` }, command: ["/app", "x", "y", "x y"] },
    ],
    ["Environment=A=1\nEnvironment=\nExecStart=spawn-fcgi -s /s -- /app", { command: ["/app"], socket: "/s" }],
    [
      "TimeoutSec=1min 5s\nRestartSec=2min\nExecStart=spawn-fcgi -s /s -- /app",
      { "stop-timeout": "65s", "start-timeout": "65s", "restart-delay": "2m", "max-restart-delay": "2m" },
    ],
    [
      "LimitAS=2G\nLimitNPROC=infinity\nNice=3\nUMask=0077\nKillSignal=SIGINT\nExecStart=spawn-fcgi -s /s -- /app",
      { rlimits: { as: "2G", nproc: "unlimited" }, priority: 3, umask: "0077", "stop-signal": "INT" },
    ],
    [
      "WorkingDirectory=-/srv\nPassEnvironment=A B\nUser=u\nExecStart=/bin/sh -c 'spawn-fcgi -n -s /s -- /app'",
      { cwd: "/srv", "pass-env": ["A", "B"], user: "u", command: ["/app"] },
    ],
    ["ExecStart=spawn-fcgi -s /s -- /app ; /other", { command: ["/app"], socket: "/s" }],
    ["ExecStart=/old\nExecStart=\nExecStart=spawn-fcgi -s /s -- /new", { command: ["/new"] }],
  ])("%s", (service, keys) => {
    expect(app(service)).toMatchObject(keys);
  });

  test("has its socket beside it, drop-ins, and the variables of its files", () => {
    const files = {
      "/etc/systemd/system/app.socket": "[Socket]\nListenStream=127.0.0.1:9000\nBacklog=9\nFreeBind=true\n",
      "/etc/systemd/system/app.service.d/10.conf":
        "[Service]\nUser=other\nEnvironmentFile=/etc/app.env\nEnvironmentFile=-/gone\n",
      "/etc/app.env": "PROGRAM=/srv/app\nA='2'\n",
    };
    const text = unit(`User=u\nEnvironment=A=1 B=1\nExecStart=\${PROGRAM} \${A}`, files);
    expect(appsOf(text)["app"]).toEqual({
      command: ["/srv/app", "2"],
      port: "127.0.0.1:9000",
      "listen-queue-depth": 9,
      user: "other",
      env: { B: "1" },
      "env-file": ["/etc/app.env"],
    });
    expect(remarksOf(text)).toEqual(
      expect.arrayContaining([
        expect.stringContaining("app.socket:4: FreeBind=true → "),
        expect.stringContaining("EnvironmentFile=-/gone → there is no such file"),
      ]),
    );
  });

  test("is taken back by a drop-in, its start and its listener, too", () => {
    const files = {
      "/etc/systemd/system/app.service.d/a.conf": "[Service]\nUser=\nEnvironmentFile=\nExecStart=\nExecStart=/new\n",
      "/etc/systemd/system/app.socket": "[Socket]\nListenStream=9000\n",
      "/etc/systemd/system/app.socket.d/a.conf": "[Socket]\nListenStream=\nListenStream=/run/new.sock\n",
    };
    const text = unit("User=u\nEnvironmentFile=/gone\nExecStart=/old", files);
    expect(appsOf(text)["app"]).toEqual({ command: ["/new"], socket: "/run/new.sock", "socket-mode": "0666" });
    expect(remarksOf(text)).toEqual([]);
  });

  test("of a package has the administrator's drop-ins and socket", () => {
    const files = {
      "/etc/systemd/system/app.service.d/b.conf": "[Service]\nUser=admin\n",
      "/lib/systemd/system/app.service.d/b.conf": "[Service]\nNice=9\n",
      "/lib/systemd/system/app.service.d/a.conf": "[Service]\nUser=other\nUMask=0077\n",
      "/lib/systemd/system/app.socket": "[Socket]\nListenStream=9000\n",
      "/etc/systemd/system/app.socket": "[Socket]\nListenStream=127.0.0.1:9001\n",
    };
    const text = configOf("/lib/systemd/system/app.service", "[Service]\nExecStart=/app\n", worldOf(files));
    expect(appsOf(text)["app"]).toEqual({ command: ["/app"], port: "127.0.0.1:9001", user: "admin", umask: "0077" });
  });

  test("and a socket of another name find each other", () => {
    const files = {
      "/u/web.service": "[Service]\nExecStart=/web\nSockets=front.socket\n",
      "/u/front.socket": "[Socket]\nListenStream=/run/front.sock\nService=web.service\n",
    };
    const app = { web: { command: ["/web"], socket: "/run/front.sock", "socket-mode": "0666" } };
    for (const [file, text] of Object.entries(files)) expect(appsOf(configOf(file, text, worldOf(files)))).toEqual(app);
    const sources = Object.entries(files).map(([file, text]) => ({ file, text }));
    expect(importAll(sources, worldOf(files)).apps.map(({ name }) => name)).toEqual(["web"]);
  });

  test("of a template is one instance", () => {
    const text = configOf("/u/q@.service", "[Service]\nExecStart=spawn-fcgi -s /run/q-%i.sock -- /q\n");
    expect(appsOf(text)).toEqual({ q: { command: ["/q"], socket: "/run/q-1.sock" } });
    expect(
      appsOf(configOf("/u/q@7.service", "[Service]\nExecStart=spawn-fcgi -s /run/q-%i.sock -- /q\n"))["q-7"]?.[
        "socket"
      ],
    ).toBe("/run/q-7.sock");
  });

  test("forgets its directory where that is empty", () => {
    expect(app("WorkingDirectory=/a\nWorkingDirectory=\nExecStart=spawn-fcgi -s /s -- /app")).toEqual({
      command: ["/app"],
      socket: "/s",
    });
  });

  test("that nobody makes a listener for is a plain program", () => {
    const text = unit("ExecStart=/srv/bin/gunicorn app:app");
    expect(appsOf(text)["app"]).toEqual({ command: ["/srv/bin/gunicorn", "app:app"], listen: false });
    expect(remarksOf(text)).toContainEqual(expect.stringContaining("take listen = false away"));
  });

  test("with what only systemd knows, or does, is told", () => {
    const text = unit("DynamicUser=yes\nWorkingDirectory=%h/%p\nExecStart=spawn-fcgi -s /s -- /app %u 100%%");
    expect(appsOf(text)["app"]).toMatchObject({ command: ["/app", "%u", "100%"], cwd: "%h/app" });
    const why = remarksOf(text).map((one) => one.replace(/^[^:]*:/, ""));
    expect(why).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^2: DynamicUser=yes → fcgi-pm makes up no users/),
        expect.stringMatching(/^3: .* → %h is left as it is/),
        expect.stringMatching(/^4: .* → %u is left as it is/),
      ]),
    );
  });

  test("with a socket that has no path gets none by that name", () => {
    const files = { "/etc/systemd/system/app.socket": "[Socket]\nListenStream=@app\n" };
    const text = unit("ExecStart=/app", files);
    expect(appsOf(text)["app"]).toEqual({ command: ["/app"] });
    expect(remarksOf(text)).toContainEqual(expect.stringContaining("ListenStream=@app → a socket has a path here"));
  });

  test("of a template takes no user from the name of an instance", () => {
    const text = configOf("/u/q@.service", "[Service]\nUser=%i\nExecStart=spawn-fcgi -s /s -- /q\n");
    expect(appsOf(text)).toEqual({ q: { command: ["/q"], socket: "/s" } });
    expect(remarksOf(text)).toEqual([
      expect.stringContaining("2: User=%i → it is the name of an instance"),
      expect.stringContaining("one instance is made, called 1"),
    ]);
  });

  test("is imported once with its socket, when both are named", () => {
    const files = { "/u/a.service": "[Service]\nExecStart=/a\n", "/u/a.socket": "[Socket]\nListenStream=/s\n" };
    const sources = Object.entries(files).map(([file, text]) => ({ file, text }));
    expect(importAll(sources, worldOf(files)).apps.map(({ name }) => name)).toEqual(["a"]);
  });
});
