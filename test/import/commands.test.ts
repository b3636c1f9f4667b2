/** Command lines, scripts and units: every flag of spawn-fcgi and multiwatch, and whatever stands before them. */
import { describe, expect, test } from "@jest/globals";
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

  test("of spawn-fcgi without an address says that everybody may come in", () => {
    expect(remarksOf(configOf("x", "spawn-fcgi -p 9000 -- /app"))).toContainEqual(
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

  test("has no commands in its here-documents and comments, and quotes over several lines", () => {
    const script =
      "cat <<-'EOT' >&2\nUsage: spawn-fcgi -s /no -- /no\n\tEOT\n# it isn't\nspawn-fcgi -s /s -- /app 'a\nb' ; spawn-fcgi -s /t -- /other\n";
    expect(Object.values(appsOf(configOf("/a.sh", script)))).toEqual([
      { command: ["/app", "a\nb"], socket: "/s" },
      { command: ["/other"], socket: "/t" },
    ]);
  });

  test("tells what nobody knows", () => {
    const text = configOf("/a.sh", "spawn-fcgi -s $WHERE/s -- /app $(nproc)\n");
    expect(remarksOf(text)).toEqual(
      expect.arrayContaining([expect.stringContaining("what $WHERE is"), expect.stringContaining("what $(nproc) is")]),
    );
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

  test("of a template is one instance", () => {
    const text = configOf("/u/q@.service", "[Service]\nExecStart=spawn-fcgi -s /run/q-%i.sock -- /q\n");
    expect(appsOf(text)).toEqual({ q: { command: ["/q"], socket: "/run/q-1.sock" } });
    expect(
      appsOf(configOf("/u/q@7.service", "[Service]\nExecStart=spawn-fcgi -s /run/q-%i.sock -- /q\n"))["q-7"]?.[
        "socket"
      ],
    ).toBe("/run/q-7.sock");
  });
});
