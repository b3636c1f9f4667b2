/** `fcgi-pm install` and what it installs, in a real systemd: units that verify, a sandbox that real programs live in. */
import { existsSync, readFileSync } from "node:fs";
import { afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { request } from "../../src/fastcgi/client.ts";
import { webServerParams } from "../../src/fastcgi/web-server-params.ts";
import { answered } from "../helpers/app.ts";
import { endLoads, nothingFailed } from "../helpers/load.ts";
import { behaviours, buildPrograms, echoes } from "../helpers/programs.ts";
import { checkout, inside, startLoadInside, useSystemd } from "../helpers/systemd.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(180_000);

const system = useSystemd();
const usual = "/etc/fcgi-pm/fcgi-pm.toml";
const perl = inside(echoes.perl.command[0] ?? "");
const c = inside(echoes.c.command[0] ?? "");

afterEach(async () => {
  endLoads();
  for (const kind of ["service", "socket"])
    await system.run(`systemctl stop 'fcgi-pm*.${kind}'; rm -rf /etc/systemd/system/fcgi-pm*`);
  await system.run("rm -rf /etc/systemd/system/*.wants/fcgi-pm* /etc/fcgi-pm /run/fcgi-pm*; systemctl daemon-reload");
  await system.run("systemctl reset-failed");
});

/** PHP, Python, Perl and Node, as a site has them. */
function writeSite(more = 'user = "www-data"'): void {
  system.write("/srv/site/wsgi.py", "def app(environ, start):\n    start('200 OK', [])\n    return [b'wsgi here']\n");
  system.write("/srv/site/node.mjs", 'export default (request, answer) => answer.end("node here");\n');
  system.write(
    usual,
    `[defaults]
${more}
[apps.php]
command = "php-cgi"
processes = 2
[apps.wsgi]
wsgi = "/srv/site/wsgi.py:app"
python = "/usr/bin/python3"
[apps.perl]
command = "${perl}"
processes = 2
[apps.node]
command = "/srv/site/node.mjs"
`,
  );
}

function writeConfig(app: string, path = usual): void {
  system.write(path, `[apps.blog]\nuser = "www-data"\n${app}\n`);
}

/** What an app of the service answers. */
async function answerOf(app: string, scriptFilename?: string, directory = "/run/fcgi-pm"): Promise<string> {
  const params = webServerParams({ uri: "/", ...(scriptFilename === undefined ? {} : { scriptFilename }) });
  const listen = { kind: "unix", path: system.outside(`${directory}/${app}.sock`) } as const;
  return (await request({ listen, params, timeoutMs: 20_000 })).body.toString();
}

async function siteAnswers(): Promise<void> {
  expect(await answerOf("php", `${checkout}/fixtures/apps/echo.php`)).toContain("pid=");
  expect(await answerOf("wsgi")).toBe("wsgi here");
  expect(await answerOf("perl")).toContain("pid=");
  expect(await answerOf("node")).toBe("node here");
}

const property = async (unit: string, name: string) =>
  (await system.succeed(`systemctl show --property ${name} --value ${unit}`)).trim();

/** Whatever there is of fcgi-pm on the machine: files, links, sockets, processes. */
async function traces(): Promise<string> {
  const files = "find /etc/systemd /run/systemd/system /run /var/log -name '*fcgi-pm*' -o -name 'fcgi-pm*'";
  return (
    await system.run(`${files} | grep -v /systemd/units/ | sort -u; pgrep -fl '[f]cgi-pm|php-cgi|echo-perl|wsgi'`)
  ).stdout;
}

/** Both of its tools have nothing to say against the units. */
async function unitsAreGood(...units: string[]): Promise<void> {
  const verified = await system.run(`systemd-analyze verify --recursive-errors=yes ${units.join(" ")}`);
  expect(verified).toEqual({ status: 0, stdout: "", stderr: "" });
  const services = units.filter((unit) => unit.endsWith(".service")).map((unit) => unit.replace("@.", "@blog."));
  // In tenths: more than 2.9 is a failure.
  for (const unit of services) {
    const judged = await system.run(`systemd-analyze security --no-pager --threshold=29 ${unit}`);
    expect(judged.stdout.match(/^→.*$/m)?.[0]).toMatch(/ [0-2]\.\d OK/);
    expect(judged.status).toBe(0);
  }
}

describe("a site of one user", () => {
  test("is installed and ready when the command returns, in a sandbox, and every language answers", async () => {
    writeSite();
    const installed = await system.run("fcgi-pm install --now --yes");
    expect(installed).toMatchObject({ status: 0, stderr: "" });
    expect(installed.stdout).toContain("write   /etc/systemd/system/fcgi-pm.service\n");
    expect(installed.stdout).toMatch(/^php +running +2\/2/m);
    await siteAnswers();
    expect(await property("fcgi-pm", "UnitFileState")).toBe("enabled");
    await unitsAreGood("fcgi-pm.service");

    const worker = (await system.succeed("pgrep -of php-cgi")).trim();
    const status = await system.succeed(`cat /proc/${worker}/status`);
    const www = (await system.succeed("id -u www-data")).trim();
    expect(status).toMatch(new RegExp(`^Uid:\\t${www}\\t${www}\\t`, "m"));
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(status).toMatch(/^CapBnd:\t0+$/m);

    const again = await system.run("fcgi-pm install --now --yes");
    expect(again).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/\nkeep .*\n.*is installed as it should be\n$/),
    });
  });

  test("stops with nothing left, and is taken back with nothing left", async () => {
    const before = await traces();
    writeSite();
    await system.succeed("fcgi-pm install --now --yes");
    await system.succeed("systemctl stop fcgi-pm");
    expect(existsSync(system.outside("/run/fcgi-pm"))).toBe(false);
    expect((await system.run("pgrep -fl '[f]cgi-pm|php-cgi|echo-perl|wsgi'")).stdout).toBe("");
    await system.succeed("systemctl start fcgi-pm");
    const taken = await system.run("fcgi-pm uninstall --yes");
    expect(taken).toMatchObject({ status: 0, stderr: "" });
    expect(await traces()).toBe(before);
    expect(await property("fcgi-pm", "LoadState")).toBe("not-found");
    expect(existsSync(system.outside(usual))).toBe(true);
    expect(await system.run("fcgi-pm uninstall --yes")).toMatchObject({
      status: 0,
      stdout: "There is no fcgi-pm.service of fcgi-pm in /etc/systemd/system\n",
    });
  });

  test("is reloaded by systemctl under load: it waits until the end, and nothing is lost", async () => {
    writeConfig(`command = "${perl}"\nprocesses = 4`);
    await system.succeed("fcgi-pm install --now --yes");
    const listen = { kind: "unix", path: "/run/fcgi-pm/blog.sock" } as const;
    const load = startLoadInside(system, { listen, program: { scriptFilename: undefined } }, { connections: 8 });
    for (const round of [1, 2, 3]) {
      await answered(load, round * 200);
      const before = await system.succeed("pgrep -f echo-perl");
      await system.succeed("systemctl reload fcgi-pm");
      const after = (await system.succeed("pgrep -f echo-perl")).split("\n");
      expect(after.length).toBe(5);
      expect(after.filter((pid) => pid !== "" && before.split("\n").includes(pid))).toEqual([]);
    }
    await answered(load, 800);
    const { failed, complaints } = await load.stop();
    expect({ failed, complaints }).toEqual({ failed: nothingFailed, complaints: [] });
  });

  test("is not reloaded where the new workers fail, and systemctl says so", async () => {
    writeConfig(`command = "${perl}"`);
    await system.succeed("fcgi-pm install --now --yes");
    writeConfig(`command = "${inside(behaviours.diesAtOnce.command[0] ?? "")}"`);
    expect((await system.run("systemctl reload fcgi-pm")).status).toBe(1);
    expect(await answerOf("blog")).toContain("pid=");
    expect(await system.succeed("systemctl is-active fcgi-pm")).toBe("active\n");
  });

  test("takes a changed unit over, and is started anew by --now alone", async () => {
    writeConfig(`command = "${c}"`);
    await system.succeed("fcgi-pm install --now --yes");
    const pid = await property("fcgi-pm", "MainPID");
    writeConfig(`command = "${c}"\ndrain-timeout = "120s"\nrlimits = { nofile = 4096 }`);
    const shown = await system.succeed("fcgi-pm install --yes");
    expect(shown).toContain("- TimeoutStopSec=80\n        + TimeoutStopSec=140\n");
    expect(await property("fcgi-pm", "MainPID")).toBe(pid);
    writeConfig(`command = "${c}"\ndrain-timeout = "121s"`);
    expect(await system.succeed("fcgi-pm install --now --yes")).toContain("systemctl restart fcgi-pm.service");
    expect(await property("fcgi-pm", "MainPID")).not.toBe(pid);
    expect(await property("fcgi-pm", "TimeoutStopUSec")).toBe("2min 21s");
  });
});

describe("a service in the middle of a reload", () => {
  beforeAll(() => buildPrograms([behaviours.slowToStart]));

  test("runs for install, and has not failed when it is stopped", async () => {
    writeConfig(`command = "${c}"`);
    await system.succeed("fcgi-pm install --now --yes");
    const slow = inside(behaviours.slowToStart.command[0] ?? "");
    writeConfig(`command = "${slow}"\nenv = { BOOT_MS = "60000" }\nstart-timeout = "90s"\ndrain-timeout = "120s"`);
    await system.succeed("systemctl reload --no-block fcgi-pm");
    await until(async () => (await property("fcgi-pm", "ActiveState")) === "reloading", { what: "the reload" });
    expect(await system.succeed("fcgi-pm install --now --dry-run")).toContain("systemctl restart fcgi-pm.service");
    expect(await property("fcgi-pm", "ActiveState")).toBe("reloading");
    await system.succeed("systemctl stop fcgi-pm");
    expect(await property("fcgi-pm", "ActiveState")).toBe("inactive");
    expect(await property("fcgi-pm", "Result")).toBe("success");
  });
});

describe("a site of several users", () => {
  test("is run by a root with few powers, each app by its own user", async () => {
    writeSite('user = "www-data"');
    const text = readFileSync(system.outside(usual), "utf8");
    system.write(usual, text.replace("[apps.node]", '[apps.node]\nuser = "games"\nsocket-owner = "games:www-data"'));
    expect(await system.run("fcgi-pm install --now --yes")).toMatchObject({ status: 0 });
    await siteAnswers();
    await unitsAreGood("fcgi-pm.service");
    const users = await system.succeed(
      "ps axo user,args | grep -E '[p]hp-cgi|[n]ode-runner|[f]cgi-pm: man' | cut -d' ' -f1",
    );
    expect(new Set(users.trim().split("\n"))).toEqual(new Set(["root", "www-data", "games"]));
    expect(await system.succeed("stat -c %U:%G /run/fcgi-pm/node.sock")).toBe("games:www-data\n");
    await system.succeed("systemctl reload fcgi-pm");
    await siteAnswers();
    await system.succeed("systemctl stop fcgi-pm");
    expect((await system.run("pgrep -fl '[f]cgi-pm|php-cgi|echo-perl|wsgi'")).stdout).toBe("");
  });
});

describe("units beside the service", () => {
  test("sockets are open before the service, start it with the first connection, and are taken back with it", async () => {
    const before = await traces();
    writeSite();
    await system.succeed("fcgi-pm install --socket-unit --now --yes");
    const units = ["fcgi-pm.service", ...["php", "wsgi", "perl", "node"].map((app) => `fcgi-pm-${app}.socket`)];
    await unitsAreGood(...units);
    await system.succeed("systemctl stop fcgi-pm.service");
    expect((await system.run("pgrep -f '[f]cgi-pm: man'")).stdout).toBe("");
    await siteAnswers();
    await until(async () => (await property("fcgi-pm", "ActiveState")) === "active", { what: "all apps to be ready" });

    // Without them the manager opens its listeners itself.
    expect(await system.succeed("fcgi-pm install --now --yes")).toContain(
      "remove  /etc/systemd/system/fcgi-pm-php.socket\n",
    );
    await siteAnswers();
    await system.succeed("fcgi-pm install --socket-unit --now --yes");
    await siteAnswers();
    await system.succeed("fcgi-pm uninstall --yes");
    expect(await traces()).toBe(before);
  });

  test("a template runs a manager for each config", async () => {
    for (const name of ["blog", "shop"]) writeConfig(`command = "${c}"`, `/etc/fcgi-pm/${name}.toml`);
    await system.succeed("fcgi-pm generate systemd --template --output /etc/systemd/system && systemctl daemon-reload");
    await system.succeed("systemctl start fcgi-pm@blog fcgi-pm@shop");
    for (const name of ["blog", "shop"])
      expect(await answerOf("blog", undefined, `/run/fcgi-pm-${name}`)).toContain("pid=");
    await unitsAreGood("fcgi-pm@.service");
    await system.succeed("systemctl reload fcgi-pm@shop");
    expect(await system.succeed("RUNTIME_DIRECTORY=/run/fcgi-pm-shop fcgi-pm status")).toMatch(/^blog .* 2 +0 /m);
    expect(await system.succeed("RUNTIME_DIRECTORY=/run/fcgi-pm-blog fcgi-pm status")).toMatch(/^blog .* 1 +0 /m);
    expect((await system.succeed("fcgi-pm status")).match(/^blog .* [12] +0 .*$/gm)).toEqual([
      expect.stringContaining("/run/fcgi-pm-blog/blog.sock"),
      expect.stringContaining("/run/fcgi-pm-shop/blog.sock"),
    ]);
  });

  test("a config may have any name, and any command", async () => {
    const path = '/etc/fcgi-pm/my "odd" $HOME 100%n site.toml';
    writeConfig(`command = "${c}"`, path);
    await system.succeed(`fcgi-pm install --now --yes --config '${path}'`);
    const unit = "fcgi-pm-my-odd-HOME-100-n-site";
    expect(await answerOf("blog", undefined, `/run/${unit}`)).toContain("pid=");
    expect(await system.succeed(`fcgi-pm uninstall --yes --config '${path}'`)).toContain(`${unit}.service is no more`);
  });

  test("a user has a service of their own, without root", async () => {
    await system.succeed(
      "systemctl start systemd-logind && useradd --create-home deploy && loginctl enable-linger deploy",
    );
    const uid = (await system.succeed("id -u deploy")).trim();
    await until(() => existsSync(system.outside(`/run/user/${uid}/systemd/private`)), { what: "the user's systemd" });
    system.write("/home/deploy/site.toml", `[apps.blog]\ncommand = "${perl}"\n`);
    const as = (words: string) => system.run(`su deploy -c 'export XDG_RUNTIME_DIR=/run/user/${uid}; cd; ${words}'`);
    expect(await as("fcgi-pm install --user --now --yes -c site.toml")).toMatchObject({ status: 0, stderr: "" });
    expect(await answerOf("blog", undefined, `/run/user/${uid}/fcgi-pm-site`)).toContain("pid=");
    expect((await as("systemctl --user reload fcgi-pm-site")).status).toBe(0);
    expect((await as("fcgi-pm status")).stdout).toContain("/fcgi-pm-site/blog.sock");
    expect((await as("fcgi-pm uninstall --user --yes -c site.toml")).status).toBe(0);
    expect(existsSync(system.outside(`/run/user/${uid}/fcgi-pm-site`))).toBe(false);
    expect((await as("find .config -type f -o -type l")).stdout).toBe("");
    expect(await as("fcgi-pm install --yes -c site.toml")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("only root can"),
    });
  });
});

describe("install", () => {
  test("asks on a terminal, and does nothing without a yes", async () => {
    writeConfig(`command = "${c}"`);
    const before = await traces();
    const typed = (answer: string) =>
      system.run(`script --quiet --return --command "fcgi-pm install" /dev/null`, { input: `${answer}\n` });
    expect(await typed("n")).toMatchObject({ status: 0, stdout: expect.stringContaining("Go on? [y/N]") });
    expect(await system.run("fcgi-pm install")).toMatchObject({ status: 2, stderr: expect.stringContaining("--yes") });
    expect(await system.succeed("fcgi-pm install --now --dry-run")).toMatch(
      /write .*\nrun .*\nrun .*\nrun +systemctl start/,
    );
    expect(await traces()).toBe(before);
    expect(await typed("y")).toMatchObject({ status: 0, stdout: expect.stringContaining("starts with the machine") });
    expect(await property("fcgi-pm", "UnitFileState")).toBe("enabled");
    expect(await property("fcgi-pm", "ActiveState")).toBe("inactive");
  });

  test("touches nothing where the config is wrong", async () => {
    const before = await traces();
    writeConfig('command = "/nowhere/at-all"');
    expect(await system.run("fcgi-pm install --now --yes")).toMatchObject({
      status: 5,
      stdout: expect.stringContaining("/nowhere/at-all"),
    });
    system.write(usual, "[apps.blog]\ncommand = 7\n");
    expect((await system.run("fcgi-pm install --now --yes")).status).toBe(5);
    expect(await traces()).toBe(before);
  });

  test("never touches a unit that it has not written, nor one of another config", async () => {
    writeConfig(`command = "${c}"`);
    const own = "[Service]\nExecStart=/bin/sleep 1000\n";
    system.write("/etc/systemd/system/fcgi-pm.service", own);
    for (const command of ["install --now --yes", "uninstall --yes"])
      expect(await system.run(`fcgi-pm ${command}`)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("fcgi-pm has not written it"),
      });
    expect(readFileSync(system.outside("/etc/systemd/system/fcgi-pm.service"), "utf8")).toBe(own);

    await system.succeed("rm /etc/systemd/system/fcgi-pm.service && fcgi-pm install --yes");
    writeConfig(`command = "${c}"`, "/srv/site/fcgi-pm.toml");
    for (const command of ["install", "uninstall"])
      expect(await system.run(`fcgi-pm ${command} --yes --config /srv/site/fcgi-pm.toml`)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining(`fcgi-pm start --config ${usual}`),
      });
  });

  test("says in its own words why a service does not start, and does not try for ever", async () => {
    writeConfig(`command = "${c}"\nport = 9123`);
    const blocker = system.spawn("systemd-socket-activate -l 127.0.0.1:9123 cat");
    await until(async () => (await system.run("ss -Hltn | grep :9123")).status === 0, { what: "the port to be taken" });
    expect(await system.run("fcgi-pm install --now --yes")).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/Cannot start fcgi-pm.service[\s\S]*127.0.0.1:9123[\s\S]*try: mend/),
    });
    expect(await property("fcgi-pm", "ActiveState")).toMatch(/^(failed|inactive)$/);
    blocker.kill("SIGKILL");
    await until(async () => (await system.run("systemctl start fcgi-pm")).status === 0, { what: "the start" });
  });

  test("gives up on apps that die at once, with their last words, and leaves nothing running", async () => {
    writeConfig(`command = "${inside(behaviours.diesAtOnce.command[0] ?? "")}"`);
    expect(await system.run("fcgi-pm install --now --yes")).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/Cannot start fcgi-pm.service[\s\S]*no worker gets ready/),
    });
    expect(await property("fcgi-pm", "ActiveState")).toMatch(/^(failed|inactive)$/);
    expect((await system.run("pgrep -f '[f]cgi-pm: man'")).stdout).toBe("");
  });

  test("tells where there is no systemd, and what else there is", async () => {
    writeConfig(`command = "${c}"`);
    const hidden = "unshare --mount sh -c 'mount -t tmpfs none /run/systemd && exec fcgi-pm install --yes'";
    expect(await system.run(hidden)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("fcgi-pm generate sysv"),
    });
  });
});
