/** A config that has changed, and a unit that has not: nothing is lost, and whoever looks is told what mends it. */
import { existsSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { request } from "../../src/fastcgi/client.ts";
import { webServerParams } from "../../src/fastcgi/web-server-params.ts";
import { buildPrograms, echoes } from "../helpers/programs.ts";
import { inside, useSystemd } from "../helpers/systemd.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(180_000);

const system = useSystemd();
const usual = "/etc/fcgi-pm/fcgi-pm.toml";
const remedy = `fcgi-pm install --now --config ${usual}`;
const c = inside(echoes.c.command[0] ?? "");

beforeAll(async () => {
  buildPrograms([echoes.c]);
  await system.succeed(`mkdir -p /data /home/deploy /opt/app && chown www-data /data /opt/app
    for place in /home/deploy /opt/app /tmp; do cp ${c} $place/echo; done
    printf '#!/bin/sh\\ntouch /opt/app/written\\nexec /opt/app/echo\\n' > /opt/app/run
    sed 's/written/& || exit 1/' /opt/app/run > /opt/app/run-or-die && chmod +x /opt/app/run*
    echo SECRET=1 > /home/deploy/env && /usr/bin/python3 -m venv --without-pip /home/deploy/venv`);
  system.write("/srv/site/wsgi.py", "def app(environ, start):\n    start('200 OK', [])\n    return [b'wsgi here']\n");
});

async function installed(): Promise<void> {
  writeConfig({});
  await system.succeed("fcgi-pm install --now --yes");
  await forget();
}

async function takeBack(): Promise<void> {
  await system.run("systemctl stop 'fcgi-pm*.service' 'fcgi-pm*.socket'; rm -rf /etc/systemd/system/fcgi-pm*");
  await system.run("rm -rf /etc/systemd/system/*.wants/fcgi-pm* /run/fcgi-pm* /var/log/blog; systemctl daemon-reload");
  await system.run("systemctl reset-failed");
}

interface Change {
  readonly manager?: string;
  /** Lines of blog, in place of its command. */
  readonly blog?: string;
  readonly more?: string;
}

/** Two apps of one user, so that the manager is that user, too. */
function writeConfig({ manager = "", blog = "", more = "" }: Change): void {
  const command = /^(command|wsgi)/m.test(blog) ? "" : `command = "${c}"\n`;
  const user = /^user/m.test(blog) ? "" : 'user = "www-data"\n';
  const shop = `[apps.shop]\nuser = "www-data"\ncommand = "${c}"\n`;
  system.write(usual, `[manager]\n${manager}\n[apps.blog]\n${command}${user}${blog}\n${shop}${more}`);
}

const forget = () => system.succeed("journalctl --sync; journalctl --cursor-file=/tmp/cursor -o cat > /dev/null");
/** What the service has said since then. */
const journal = () =>
  system.succeed('journalctl --sync; journalctl --after-cursor="$(cat /tmp/cursor)" -u fcgi-pm -o cat --no-pager');
const property = async (name: string) =>
  (await system.succeed(`systemctl show --property ${name} --value fcgi-pm`)).trim();

async function answerOf(app: string): Promise<string> {
  const listen = { kind: "unix", path: system.outside(`/run/fcgi-pm/${app}.sock`) } as const;
  return (await request({ listen, params: webServerParams({ uri: "/" }), timeoutMs: 60_000 })).body.toString();
}

const workers = () => system.succeed(`pgrep -f '^${c}' | sort`);

/** Each with the settings that are named as the cause. */
const refused: Readonly<Record<string, readonly [change: Change, settings: string]>> = {
  "another user": [{ blog: 'user = "games"' }, "User=, CapabilityBoundingSet="],
  "a new app of another user": [
    { more: `[apps.wiki]\nuser = "games"\ncommand = "${c}"\n` },
    "User=, CapabilityBoundingSet=",
  ],
  "a port below 1024": [{ blog: "port = 81" }, "User=, CapabilityBoundingSet="],
  "a socket that is given to somebody else": [{ blog: 'socket-owner = "games"' }, "User=, CapabilityBoundingSet="],
  "a socket in another directory": [{ blog: 'socket = "/data/blog.sock"' }, "ReadWritePaths="],
  "an output file in another directory": [{ blog: 'output-file = "/data/blog.log"' }, "ReadWritePaths="],
  "an output file in a directory that systemd would make": [
    { blog: 'output-file = "/var/log/blog/blog.log"' },
    "LogsDirectory=",
  ],
  "an app in a home directory": [{ blog: 'command = "/home/deploy/echo"' }, "ReadWritePaths=, ProtectHome="],
  "a virtualenv in a home directory": [
    { blog: 'wsgi = "/srv/site/wsgi.py:app"\npython = "/home/deploy/venv"' },
    "ProtectHome=",
  ],
  "an env-file in a home directory": [{ blog: 'env-file = "/home/deploy/env"' }, "ProtectHome="],
  "an app in /tmp": [{ blog: 'command = "/tmp/echo"' }, "ReadWritePaths=, PrivateTmp="],
};

/** What goes through, and works only half: with what the unit lacks. */
const halfDone: Readonly<Record<string, readonly [change: Change, settings: string]>> = {
  "a longer drain-timeout": [{ blog: 'drain-timeout = "10m"' }, "TimeoutStopSec="],
  "a priority": [{ blog: "priority = -5" }, "User=, CapabilityBoundingSet=, SystemCallFilter="],
  "an app that writes beside itself in /opt": [{ blog: 'command = "/opt/app/run"' }, "ReadWritePaths="],
  "variables that are handed on": [{ blog: 'pass-env = ["SECRET"]' }, "EnvironmentFile="],
};

describe("a reload that asks for more than the unit allows", () => {
  beforeAll(installed);
  afterEach(async () => {
    writeConfig({});
    await system.succeed("fcgi-pm reload; true");
    await forget();
  });
  afterAll(takeBack);

  test.each(Object.keys(refused))("%s: is refused as a whole, with the cause and the remedy", async (name) => {
    const [change = {}, settings = ""] = refused[name] ?? [];
    const before = await workers();
    writeConfig(change);
    expect((await system.run("systemctl reload fcgi-pm")).status).toBe(1);
    const cause = `fcgi-pm.service is not up to date (${settings}), which may be why\n  try: ${remedy}\n`;
    expect(await journal()).toContain(cause);
    expect(await workers()).toBe(before);
    for (const app of ["blog", "shop"]) expect(await answerOf(app)).toContain("pid=");
  });

  test.each(Object.keys(halfDone))("%s: goes through with a warning", async (name) => {
    const [change = {}, settings = ""] = halfDone[name] ?? [];
    writeConfig(change);
    await system.succeed("systemctl reload fcgi-pm");
    const warning = `warning: fcgi-pm.service is not up to date: install would change ${settings}\n  try: ${remedy}\n`;
    expect(await journal()).toContain(warning);
    for (const app of ["blog", "shop"]) expect(await answerOf(app)).toContain("pid=");
  });

  test("more open files than the unit allows: is taken back, and the unit named beside it", async () => {
    writeConfig({ blog: "rlimits = { nofile = 200000 }" });
    expect(await system.run("fcgi-pm reload")).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(
        /everything stays as it was[\s\S]*\nwarning: .*change LimitNOFILE=\n {2}try: fcgi-pm in/,
      ),
    });
    expect(await answerOf("blog")).toContain("pid=");
  });

  test("by signal: the log says it", async () => {
    writeConfig({ blog: 'user = "games"' });
    await system.succeed("systemctl kill --kill-whom=main --signal=HUP fcgi-pm");
    const notice = `fcgi-pm.service is not up to date, install would change User=, CapabilityBoundingSet=: ${remedy}\n`;
    await until(async () => (await journal()).includes(notice), { what: "the warning" });
    expect(await journal()).toMatch(/reload refused, everything stays as it is: .*"games"/);
  });
});

describe("the remedy", () => {
  beforeEach(installed);
  afterEach(takeBack);

  test("brings the unit up to the config, and nothing is said any more", async () => {
    writeConfig({ blog: 'user = "games"' });
    expect(await system.run("fcgi-pm reload")).toMatchObject({ status: 1, stderr: expect.stringContaining(remedy) });
    expect(await system.succeed(`${remedy} --yes`)).toContain("- User=www-data\n");
    for (const app of ["blog", "shop"]) expect(await answerOf(app)).toContain("pid=");
    expect(await system.run("fcgi-pm reload")).toMatchObject({ status: 0, stderr: "" });
    expect(await journal()).not.toContain("not up to date");
  });

  test("is named by a restart that goes through, too", async () => {
    writeConfig({ blog: 'drain-timeout = "10m"' });
    await system.succeed("systemctl restart fcgi-pm");
    const notice = `fcgi-pm.service is not up to date, install would change TimeoutStopSec=: ${remedy}\n`;
    await until(async () => (await journal()).includes(notice), { what: "the warning of the new manager" });
    await system.succeed(`${remedy} --yes`);
    expect(await property("TimeoutStopUSec")).toBe("10min 20s");
  });
});

describe("a restart that asks for more than the unit allows", () => {
  beforeEach(installed);
  afterEach(takeBack);

  test("fails with the cause in the status; clients wait, and the remedy serves them", async () => {
    writeConfig({ blog: 'user = "games"' });
    expect((await system.run("systemctl restart fcgi-pm")).status).toBe(1);
    const cause =
      /^ +Status: ".*games.*is not up to date \(User=, CapabilityBoundingSet=\).*; try: fcgi-pm install --now/m;
    await until(async () => cause.test((await system.run("systemctl status fcgi-pm")).stdout), { what: "the cause" });
    const waiting = Promise.all([answerOf("blog"), answerOf("shop")]);
    const doctor = await system.run("fcgi-pm doctor shop");
    expect(doctor).toMatchObject({ status: 4, stdout: expect.stringContaining("systemd keeps the listener at") });
    expect(doctor.stdout).toContain(`try: ${remedy}\n`);
    expect(doctor.stdout).not.toContain("kill");
    await system.succeed(`${remedy} --yes`);
    for (const answer of await waiting) expect(answer).toContain("pid=");
  });

  test("hangs in its start: the remedy ends that and begins anew, with the clients that wait", async () => {
    system.write(usual, '[apps.blog]\nuser = "www-data"\ncommand = "/opt/app/run-or-die"\n');
    await system.succeed("systemctl restart --no-block fcgi-pm");
    await until(async () => (await journal()).includes("no worker gets ready"), { what: "the crash loop" });
    expect(await property("ActiveState")).toBe("activating");
    const waiting = answerOf("blog");
    expect(await system.succeed(`${remedy} --yes`)).toContain("systemctl restart fcgi-pm.service");
    expect(await waiting).toContain("pid=");
  });
});

describe("an installed unit that is not run yet", () => {
  beforeEach(installed);
  afterEach(takeBack);

  test("is named as the cause, with the restart as the remedy", async () => {
    writeConfig({ blog: 'user = "games"' });
    expect(await system.succeed("fcgi-pm install --yes")).toMatch(
      /fcgi-pm.service is installed, and runs as it was until: systemctl restart fcgi-pm.service\n$/,
    );
    expect((await system.run("fcgi-pm reload")).stderr).toMatch(
      /"games".*fcgi-pm.service has changed since it was started, which may be why\n {2}try: systemctl restart fcgi-pm.service\n/,
    );
    await system.succeed("systemctl restart fcgi-pm");
    expect(await system.run("fcgi-pm reload")).toMatchObject({ status: 0, stderr: "" });
  });
});

describe("check and doctor", () => {
  beforeEach(installed);
  afterEach(takeBack);

  const finding = (stdout: string) =>
    (JSON.parse(stdout) as { patients: { name: string; findings: { code: string }[] }[] }).patients.at(-1);

  test("say nothing of a unit that is as install would write it", async () => {
    expect((await system.succeed("fcgi-pm check")).split("\n")).toHaveLength(3);
    const doctor = await system.run("fcgi-pm doctor --json");
    expect(finding(doctor.stdout)?.name).toBe("shop");
  });

  test("look for programs where the service does, and not in the PATH of a shell", async () => {
    await system.succeed(`cp ${c} /usr/local/bin/worker && cp ${c} /home/deploy/worker`);
    writeConfig({ blog: 'command = "worker"' });
    expect(await system.succeed("PATH=/home/deploy:$PATH fcgi-pm check")).not.toContain("not up to date");
    expect(await system.succeed("PATH=/home/deploy:$PATH fcgi-pm install --dry-run")).toContain("as it should be");
  });

  test("compare it by what install would write, whoever started them", async () => {
    writeConfig({ blog: 'socket = "/data/blog.sock"' });
    expect(await system.succeed("fcgi-pm check")).toContain(
      `warning: fcgi-pm.service is not up to date: install would change ReadWritePaths=\n  try: ${remedy}\n`,
    );
    const { stdout } = await system.run("node /srv/fcgi-pm/bin/fcgi-pm.js doctor --json");
    expect(finding(stdout)).toMatchObject({
      name: "fcgi-pm.service",
      findings: [
        {
          code: "place.unit-behind",
          level: "risk",
          seen: [
            "/etc/systemd/system/fcgi-pm.service",
            "- ReadWritePaths=-/var -/srv",
            "+ ReadWritePaths=-/var -/srv -/data",
          ],
          remedy: [remedy],
        },
      ],
    });
    const shown = await system.succeed(`${remedy} --dry-run`);
    expect(shown).toContain("+ ReadWritePaths=-/var -/srv -/data\n");
    expect(shown).not.toContain("not up to date");
  });

  test("keep to the way in which it was installed", async () => {
    await system.succeed("fcgi-pm install --socket-unit --now --yes");
    expect(await system.succeed("fcgi-pm check")).not.toContain("not up to date");
    writeConfig({ more: `[apps.wiki]\nuser = "www-data"\ncommand = "${c}"\n` });
    const own = `fcgi-pm install --now --socket-unit --config ${usual}`;
    expect(await system.succeed("fcgi-pm check")).toMatch(
      new RegExp(`install would change Requires=, After=, Also=, fcgi-pm-wiki.socket\n  try: ${own}\n`),
    );
    await system.succeed(`${own} --yes`);
    expect(await answerOf("wiki")).toContain("pid=");
    expect(await system.succeed("fcgi-pm check")).not.toContain("not up to date");
  });

  test("know the unit of a user", async () => {
    await system.succeed("systemctl start systemd-logind && useradd --create-home ada && loginctl enable-linger ada");
    const uid = (await system.succeed("id -u ada")).trim();
    await until(() => existsSync(system.outside(`/run/user/${uid}/systemd/private`)), { what: "the user's systemd" });
    const path = "/home/ada/site.toml";
    system.write(path, `[apps.blog]\ncommand = "${c}"\n`);
    const as = (words: string) => system.run(`su ada -c 'export XDG_RUNTIME_DIR=/run/user/${uid}; cd; ${words}'`);
    expect(await as("fcgi-pm install --user --now --yes -c site.toml")).toMatchObject({ status: 0, stderr: "" });
    expect((await as("fcgi-pm check site.toml")).stdout).not.toContain("not up to date");
    system.write(path, `[apps.blog]\ncommand = "${c}"\ndrain-timeout = "10m"\n`);
    const own = `fcgi-pm install --now --user --config ${path}`;
    const warning = `fcgi-pm-site.service is not up to date: install would change TimeoutStopSec=\n  try: ${own}\n`;
    expect((await as("fcgi-pm check site.toml")).stdout).toContain(`warning: ${warning}`);
    expect((await as("fcgi-pm reload")).stderr).toBe(`warning: ${warning}`);
    expect((await as(`${own} --yes`)).status).toBe(0);
    expect((await as("fcgi-pm check site.toml")).stdout).not.toContain("not up to date");
    await as("fcgi-pm uninstall --user --yes -c site.toml");
  });
});
