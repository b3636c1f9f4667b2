/** `fcgi-pm doctor` as a command: whom it examines, what it prints, how it ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, lstatSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { bin, endAll, processes, runManager, startReady } from "../helpers/manager.ts";
import { echoes } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { responder, textOf, useSite } from "./clinic.ts";

jest.setTimeout(60_000);

const site = useSite();
const [perl = ""] = echoes.perl.command;

afterEach(endAll);

describe("fcgi-pm doctor", () => {
  test("prints each finding with its evidence and its remedy, and counts at the end", async () => {
    const program = site.lay("plain-cgi.py");
    const { code, stdout, stderr } = await site.read([program]);
    expect({ code, stderr }).toEqual({ code: 4, stderr: "" });
    expect(stdout).toContain("  broken: The program is a plain CGI script");
    expect(stdout).toContain(`    started as root (uid 0) in ${dirname(program)}: ${program}\n`);
    expect(stdout).toContain("    try: run it by fcgiwrap");
    expect(stdout).toContain("  tried: started the program once, on a socket of the doctor's own\n");
    expect(stdout).toContain("1 thing is broken");
    expect(stdout).not.toContain("\u001b");
  });

  test("says with which answer nothing is wrong", async () => {
    const { code, stdout } = await site.read([
      perl,
      "--socket",
      "/run/fcgi-pm-test-doctor.sock",
      "--socket-mode",
      "0666",
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/nothing is (wrong|broken): GET \/ answered 200 in \d+ ms/);
  });

  test("makes harmless what a program writes", async () => {
    const program = site.write("app.fcgi", "#!/bin/sh\nprintf '\\033[31mred\\a\\n' >&2\nexit 1\n");
    const { stdout } = await site.read([program]);
    expect(stdout).toContain("| \\x1b[31mred\\x07");
  });

  test("paints on a terminal, and says there what it waits for", async () => {
    const program = site.lay("plain-cgi.py");
    const child = onTerminal(`exec '${process.execPath}' '${bin}' doctor '${program}'`);
    let shown = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      shown += chunk.toString();
    });
    await new Promise((resolve) => child.once("close", resolve));
    expect(shown).toContain("\u001b[31mbroken\u001b[39m");
    expect(shown).toContain(`starting ${program} …`);
  });

  test("ends the trial and removes it when it is interrupted", async () => {
    const program = site.lay("answers.fcgi");
    const env = {
      PATH: "/usr/bin:/bin",
      TMPDIR: join(site.directory, "tmp"),
      RUNTIME_DIRECTORY: join(site.directory, "run"),
    };
    const child = spawn(process.execPath, [bin, "doctor", program, "never"], { env, stdio: "ignore" });
    const ended = new Promise((resolve) => child.once("close", resolve));
    const isAsked = () => processes().some(({ parent }) => parent === child.pid);
    await until(isAsked, { what: "the trial" });
    child.kill("SIGINT");
    expect(await ended).toBe(130);
  });

  test("examines every app of the config", async () => {
    const cgi = site.lay("plain-cgi.py");
    site.write("fcgi-pm.toml", `[apps.good]\ncommand = ["${perl}"]\n[apps.bad]\ncommand = ["${cgi}"]\n`, 0o644);
    const { code, stdout } = await site.read(["--json"]);
    const { broken, patients } = JSON.parse(stdout) as { broken: number; patients: { name: string }[] };
    expect({ code, broken, names: patients.map(({ name }) => name).toSorted() }).toEqual({
      code: 4,
      broken: 1,
      names: ["bad", "good"],
    });
    expect((await site.doctor(["good"])).code).toBe(0);
  });

  test("asks a running app, tries a worker of its own beside it, and leaves the app as it is", async () => {
    const path = join(site.directory, "app.sock");
    writeFileSync(join(site.directory, "fcgi-pm.toml"), `[apps.blog]\ncommand = ["${perl}"]\nsocket = "${path}"\n`);
    const env = { RUNTIME_DIRECTORY: join(site.directory, "run") };
    const manager = await startReady(["--config", join(site.directory, "fcgi-pm.toml")], { env });
    const before = { socket: lstatSync(path).ino, workers: manager.workers() };
    const diagnosis = await site.doctor(["blog"]);
    expect(diagnosis.findings.filter(({ level }) => level === "broken")).toEqual([]);
    expect(diagnosis.tried.join("\n")).toContain(`GET / at ${path}: 200 in`);
    expect(diagnosis.tried.join("\n")).toContain("GET /: 200 in");
    expect({ socket: lstatSync(path).ino, workers: manager.workers() }).toEqual(before);
    const posted = (await site.doctor(["blog", "-d", "name=value"])).tried.filter((text) => text.includes("POST"));
    expect(posted).toEqual([expect.stringMatching(`^POST / at ${path}: 200 in`)]);
    await manager.stop();
  });

  test("says what mends a running app of a config, and how the manager hears of it", async () => {
    const program = site.lay("imports-yourapplication.fcgi");
    copyFileSync(responder, site.write("site/lib/yourapplication.py", "", 0o644));
    const config = join(site.directory, "fcgi-pm.toml");
    writeFileSync(config, `[apps.blog]\ncommand = ["${program}"]\nenv = { LEVEL = "1" }\n`);
    const manager = runManager(["start", "--config", config], {
      env: { RUNTIME_DIRECTORY: join(site.directory, "run") },
    });
    await manager.notice("pool.crash-loop");
    const diagnosis = await site.doctor(["blog"]);
    expect(diagnosis.codes).toContain("live.crash-loop");
    const line = `env = { PYTHONPATH = "${join(site.directory, "site/lib")}" }   # beside what env has, then: fcgi-pm reload blog`;
    expect(diagnosis.find("program.module-missing").remedy).toEqual([`in fcgi-pm.toml, under [apps.blog]: ${line}`]);
    await manager.stop();
  });

  test("tries a running app with the PATH of its manager", async () => {
    const other = site.write("bin/perl", '#!/bin/sh\nexec /usr/bin/perl "$@"\n');
    const config = join(site.directory, "fcgi-pm.toml");
    writeFileSync(config, `[apps.blog]\ncommand = ["${perl}"]\n`);
    const env = { RUNTIME_DIRECTORY: join(site.directory, "run"), PATH: `/usr/bin:/bin` };
    const manager = await startReady(["--config", config], { env });
    const path = `${dirname(other)}:${dirname(process.execPath)}:/usr/bin:/bin`;
    const note = (await site.doctor(["blog"], { env: { PATH: path } })).find("interpreter.differs");
    expect(note.what).toContain(`this shell's is ${other}`);
    await manager.stop();
  });

  test("looks at an app that was started from flags without its program", async () => {
    const env = { RUNTIME_DIRECTORY: join(site.directory, "run") };
    const manager = await startReady([perl, "--name", "blog"], { env });
    const diagnosis = await site.doctor(["blog"]);
    expect(diagnosis.tried.join("\n")).toContain("200 in");
    expect(diagnosis.tried.join("\n")).not.toContain("started the program");
    await manager.stop();
  });

  test("examines anybody's FastCGI server at its socket", async () => {
    const path = join(site.directory, "app.sock");
    const manager = runManager(["start", perl, "--socket", path]);
    await manager.notice("manager.ready");
    const diagnosis = await site.doctor(["--socket", path]);
    expect(diagnosis.tried.join("\n")).toContain(`GET / at ${path}: 200 in`);
    await manager.stop();
  });

  test("tries a WSGI application by the runner that fcgi-pm ships", async () => {
    const text =
      "def app(environ, start_response):\n    start_response('200 OK', [('Content-Type', 'text/plain')])\n    return [b'hello']\n";
    site.write("site/blog.py", text, 0o644);
    const cwd = join(site.directory, "site");
    const args = ["--wsgi", "blog:app", "--python", "/usr/bin/python3"];
    expect((await site.doctor(args, { cwd })).code).toBe(0);
    site.write("site/blog.py", `from yourapplication import greeting\n${text}`, 0o644);
    site.write("lib/yourapplication.py", "greeting = 'hello'\n", 0o644);
    const finding = (await site.doctor(args, { cwd })).find("program.module-missing");
    expect(textOf(finding)).toContain("No module named 'yourapplication'");
    expect(finding.remedy).toEqual([`add to the command line: --env PYTHONPATH=${join(site.directory, "lib")}`]);
  });

  test("finds the directory of the application that --wsgi names", async () => {
    const text =
      "def app(environ, start_response):\n    start_response('200 OK', [('Content-Type', 'text/plain')])\n    return [b'hello']\n";
    site.write("site/src/blog.py", text, 0o644);
    const args = ["--wsgi", "blog:app", "--python", "/usr/bin/python3", "--cwd", join(site.directory, "site")];
    const finding = (await site.doctor(args)).find("program.module-missing");
    expect(finding.remedy).toEqual([`add to the command line: --cwd ${join(site.directory, "site/src")}`]);
    const other = (await site.doctor(["--wsgi", "shop:app", "--python", "/usr/bin/python3"])).find(
      "program.module-missing",
    );
    expect(other.what).toBe(`There is no application "shop" in ${site.directory}`);
    site.write("shopp.py", text, 0o644);
    const third = await site.doctor(["--wsgi", "shop:app", "--python", "/usr/bin/python3"]);
    expect(third.find("program.module-missing").seen).toContain(`in ${site.directory} there is shopp.py`);
  });

  test("tries a Node module by the runner that fcgi-pm ships", async () => {
    const app = site.write("app.mjs", "export default (request, response) => response.end(request.url);\n", 0o644);
    expect((await site.doctor([app])).code).toBe(0);
    const broken = site.write(
      "broken.mjs",
      "export default (request, response) => { throw new Error('no table'); };\n",
      0o644,
    );
    expect(textOf((await site.doctor([broken])).find("answer.server-error"))).toContain("| Error: no table");
  });

  test("names the apps that there are to whom mistypes one", async () => {
    site.write("fcgi-pm.toml", `[apps.shop]\ncommand = ["${perl}"]\n`, 0o644);
    const finding = (await site.doctor(["shpo"])).find("program.missing");
    expect(finding.remedy.at(-1)).toBe("or name an app: shop");
  });

  test("leaves to root what only root can try", async () => {
    const args = [perl, "--user", "root"];
    const child = await asNobody([bin, "doctor", "--json", ...args]);
    const { patients } = JSON.parse(child.stdout) as { patients: { findings: { code: string }[] }[] };
    expect(child.code).toBe(0);
    expect(patients[0]?.findings.map(({ code }) => code)).toContain("program.user-forbidden");
  });

  test("explains lines of a log", async () => {
    const line =
      "connect() to unix:/run/no-such.sock failed (2: No such file or directory) while connecting to upstream";
    const log = site.write("error.log", `2026/11/21 10:00:00 [crit] 1#1: *1 ${line}\n`, 0o644);
    const diagnosis = await site.doctor(["--log", log]);
    expect(diagnosis.find("log.no-socket").level).toBe("broken");
    expect((await site.doctor(["--log-line", line])).find("log.no-socket").level).toBe("broken");
  });

  test.each([
    ["a flag without a program", ["--user", "nobody"], 2, "--user has no meaning"],
    ["a wrong path", [perl, "--uri", "news"], 2, "--uri takes a path"],
    ["a wrong time", [perl, "--timeout", "soon"], 2, "--timeout takes how long"],
    ["an unknown web server", [perl, "--as", "iis"], 2, "nginx, apache or lighttpd"],
    ["a log that is not there", ["--log", "/no/such.log"], 2, "Cannot read the log"],
    ["neither a config nor a manager", [], 5, "there is neither ./fcgi-pm.toml"],
    ["an app that the config does not have", ["shop", "--config", "one.toml"], 2, 'There is no app "shop"'],
    ["a trial without a place for it", [perl, "--cwd", "/"], 1, "no directory in /no/such/place (ENOENT)"],
    ["a wrong config", ["--config", "wrong.toml"], 5, "unknown key"],
  ])("refuses %s", async (_what, args, status, words) => {
    site.write("one.toml", `[apps.blog]\ncommand = ["${perl}"]\n`, 0o644);
    site.write("wrong.toml", `[apps.blog]\ncommand = ["${perl}"]\nproceses = 2\n`, 0o644);
    const env = status === 1 ? { TMPDIR: "/no/such/place" } : {};
    const { code, stderr, stdout } = await site.read(args, { env });
    expect({ code, stdout }).toEqual({ code: status, stdout: "" });
    expect(stderr).toContain(words);
  });
});

/** As a user that is not root, from a place that this user may read. */
function asNobody(args: readonly string[]): Promise<{ code: number | null; stdout: string }> {
  const env = {
    PATH: "/usr/bin:/bin",
    TMPDIR: join(site.directory, "tmp"),
    RUNTIME_DIRECTORY: join(site.directory, "tmp"),
  };
  const become = ["--reuid=65534", "--regid=65534", "--clear-groups", "--", process.execPath];
  const child = spawn("setpriv", [...become, ...args], { env, cwd: "/", stdio: ["ignore", "pipe", "inherit"] });
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, stdout })));
}

function onTerminal(command: string): ChildProcess {
  const env = {
    PATH: "/usr/bin:/bin",
    TMPDIR: join(site.directory, "tmp"),
    RUNTIME_DIRECTORY: join(site.directory, "run"),
    TERM: "xterm",
  };
  return spawn("script", ["-qefc", command, "/dev/null"], { env, stdio: ["ignore", "pipe", "ignore"] });
}
