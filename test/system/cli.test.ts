/** The command line as a tired person meets it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, copyFileSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import manifest from "../../package.json" with { type: "json" };
import { collect } from "../fastcgi/peers.ts";
import { bin, runManager, runToEnd, startReady, usePlace } from "../helpers/manager.ts";
import { echoes } from "../helpers/programs.ts";

jest.setTimeout(240_000);

const place = usePlace();
const [echo = ""] = echoes.c.command;

function write(name: string, text: string): string {
  const file = join(place.directory, name);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const inDirectory = () => ({ cwd: place.directory });

describe("help", () => {
  test("names the commands, with examples, and exits 0", async () => {
    const { code, stdout } = await runToEnd(["--help"]);
    expect(code).toBe(0);
    for (const word of ["start", "check", "fcgi-pm start app.fcgi --processes 4 --socket /tmp/fcgi.sock"]) {
      expect(stdout).toContain(word);
    }
  });

  test("of start has every flag of the contract", async () => {
    const { stdout } = await runToEnd(["start", "--help"]);
    const flags =
      "processes socket port listen-queue-depth socket-mode socket-owner cwd user group umask env env-file pass-env allowed-clients init-start-delay start-timeout min-server-life restart-delay max-restart-delay stop-signal stop-timeout drain drain-timeout priority rlimits log-format log-file config name";
    for (const flag of flags.split(" ")) expect(stdout).toContain(`--${flag}`);
  });

  test.each([["--help"], ["start", "--help"]])("is not missed by a reader that has gone: %s", async (...words) => {
    const child = spawn(process.execPath, [bin, ...words], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    const stderr = collect(child.stderr);
    const [code] = await once(child, "close");
    expect([code, stderr.text]).toEqual([0, ""]);
  });

  test("comes without any words, with exit status 2", async () => {
    const { code, stderr } = await runToEnd([]);
    expect(code).toBe(2);
    expect(stderr).toContain("Usage: fcgi-pm");
  });
});

test("--version prints the package's version", async () => {
  expect(await runToEnd(["--version"])).toMatchObject({ code: 0, stdout: `${manifest.version}\n` });
});

describe("wrong usage exits 2 with a hint:", () => {
  test.each([
    [["start", echo, "--proceses", "4"], "Did you mean --processes?"],
    [["start", "php-cgi", "-d", "x=1"], "put -- before the program's own arguments"],
    [["stat"], "Did you mean start?"],
    [["start", echo, "--processes", "many"], "--processes"],
    [["start", echo, "--processes", "0"], "--processes"],
    [["start", echo, "--restart-delay", "5"], "5s"],
    [["start", echo, "--socket", "/tmp/a", "--port", "1234"], "an app has one listener"],
    [["start", echo, "--config", "x.toml"], "name a program, or give --config"],
    [["start", "--processes", "4"], "the apps of a config have their own keys"],
    [["start", echo, "--name", "../evil"], "name"],
    [["start", "fcgi-pm.toml"], "try: fcgi-pm start --config fcgi-pm.toml"],
    [["doctor", "my sites.toml"], "try: fcgi-pm doctor --config 'my sites.toml'"],
    [["check", "--config", "x.toml"], "try: fcgi-pm check FILE"],
    [["scale", "blog"], "try: fcgi-pm scale --help"],
    [["check", "a.toml", "b.toml"], "try: fcgi-pm check --help"],
    [["generate", "ngnix"], "try: fcgi-pm generate --help"],
    [["completion", "tcsh"], "try: fcgi-pm completion --help"],
    [["version"], "try: fcgi-pm --help"],
    [["-v"], "try: fcgi-pm --help"],
  ])("%j", async (args, hint) => {
    const { code, stderr } = await runToEnd(args, inDirectory());
    expect(stderr).toContain(hint);
    expect(code).toBe(2);
    expect(stderr.split("\n").length).toBeLessThanOrEqual(3);
  });
});

describe("a config", () => {
  test("is found in the current directory", async () => {
    write("fcgi-pm.toml", `[apps.blog]\ncommand = ["${echo}"]\nsocket = "blog.sock"\nprocesses = 2\n`);
    const manager = await startReady([], inDirectory());
    expect(manager.workers()).toHaveLength(2);
    await manager.stop();
  });

  test("that is missing exits 5 and says where it was looked for", async () => {
    const { code, stderr } = await runToEnd(["start"], inDirectory());
    expect(code).toBe(5);
    expect(stderr).toContain("/etc/fcgi-pm/fcgi-pm.toml");
    expect(await runToEnd(["start", "--config", "no.toml"], inDirectory())).toMatchObject({ code: 5 });
    const proved = await runToEnd(["check"], inDirectory());
    expect([proved.code, proved.stderr]).toEqual([5, expect.stringContaining("try: name it: fcgi-pm check FILE")]);
  });

  test("that is not UTF-8 is refused with the line, before a path of it is taken for another", async () => {
    const file = write("fcgi-pm.toml", "");
    writeFileSync(file, Buffer.from('[apps.a]\ncommand = "/srv/b\xfccher/app.fcgi"\n', "latin1"));
    const { code, stdout, stderr } = await runToEnd(["check"], inDirectory());
    expect([code, stdout]).toEqual([5, ""]);
    expect(stderr).toContain("error: fcgi-pm.toml:2: not TOML: this line is not UTF-8");
  });

  test("that is wrong is to be checked by its own name, whichever of its files is wrong", async () => {
    write("other.toml", 'include = ["one.toml"]\n');
    write("one.toml", "[apps.a]\nproceses = 4\n");
    const { stderr } = await runToEnd(["check", "other.toml"], inDirectory());
    expect(stderr).toContain("one.toml:2: apps.a.proceses");
    expect(stderr).toContain("try: mend the lines above, then: fcgi-pm check other.toml");
  });

  test("that is wrong shows every problem at once, with file, line and the nearest key", async () => {
    write(
      "fcgi-pm.toml",
      `[apps.blog]\ncommand = ["x"]\nproceses = 4\n\n[apps.shop]\nsocket = 7\nstop-timeout = "soon"\n`,
    );
    const { code, stderr } = await runToEnd(["start"], inDirectory());
    expect(code).toBe(5);
    expect(stderr).toMatch(/fcgi-pm\.toml:3.*proceses.*did you mean "processes"/);
    expect(stderr).toMatch(/fcgi-pm\.toml:6.*socket/);
    expect(stderr).toMatch(/fcgi-pm\.toml:7.*stop-timeout/);
    expect(stderr).toMatch(/shop.*command/);
  });

  test("that is no TOML shows the line", async () => {
    write("fcgi-pm.toml", `[apps.blog]\ncommand = ["x"\n`);
    const { code, stderr } = await runToEnd(["check"], inDirectory());
    expect(code).toBe(5);
    expect(stderr).toMatch(/fcgi-pm\.toml:\d/);
  });

  test("may include others", async () => {
    write("fcgi-pm.toml", `include = ["conf.d/*.toml"]\n[defaults]\nprocesses = 2\n`);
    write("conf.d/a.toml", `[apps.a]\ncommand = ["${echo}"]\nsocket = "a.sock"\n`);
    write("conf.d/b.toml", `[apps.b]\ncommand = "${echo}"\nsocket = "b.sock"\n`);
    const manager = await startReady([], inDirectory());
    expect(manager.workers()).toHaveLength(4);
    await manager.stop();
  });

  test("is proved by check, with a line for each app", async () => {
    write(
      "fcgi-pm.toml",
      `[apps.blog]\ncommand = ["${echo}"]\nsocket = "blog.sock"\n[apps.queue]\ncommand = "/bin/cat -u"\nlisten = false\n`,
    );
    const { code, stdout } = await runToEnd(["check"], inDirectory());
    expect(code).toBe(0);
    expect(stdout).toMatch(/^blog: ok, 1 × .*echo as root, on .*blog\.sock$/m);
    expect(stdout).toMatch(/^queue: ok, 1 × \/bin\/cat -u as root, without a listener$/m);
  });

  test("whose programs, users or paths are wrong fails the check, and nothing is made", async () => {
    write("plain.txt", "");
    write(
      "fcgi-pm.toml",
      '[apps.a]\ncommand = ["./none"]\n[apps.b]\ncommand = ["/bin/cat"]\nsocket = "plain.txt"\n[apps.c]\ncommand = ["/bin/cat"]\nuser = "nobody-at-all"\n[apps.d]\ncommand = ["/bin/cat"]\nsocket = "no/d.sock"\n',
    );
    const { code, stdout, stderr } = await runToEnd(["check", "fcgi-pm.toml"], inDirectory());
    expect(code).toBe(5);
    for (const reason of ["there is no", "it is a regular file", 'no user "nobody-at-all"', "mkdir -p"])
      expect(stdout).toContain(reason);
    expect(stderr).toContain("4 problems");
  });

  test("is proved beside the manager that runs it", async () => {
    write("fcgi-pm.toml", `[apps.blog]\ncommand = ["${echo}"]\nsocket = "blog.sock"\n`);
    const manager = await startReady([], inDirectory());
    expect(await runToEnd(["check"], inDirectory())).toMatchObject({ code: 0 });
    await manager.stop();
  });
});

describe("an answer that cannot be written is a failure, so that half a file is not taken for a whole one:", () => {
  test.each([
    [["check"]],
    [["generate", "nginx"]],
    [["generate", "sysv"]],
    [["completion", "bash"]],
    [["import", "--", "spawn-fcgi", "-s", "/run/a.sock", "/bin/cat"]],
  ])("%j", async (words) => {
    write("fcgi-pm.toml", `[apps.blog]\ncommand = ["${echo}"]\nsocket = "blog.sock"\n`);
    const full = openSync("/dev/full", "w");
    const child = spawn(process.execPath, [bin, ...words], { ...inDirectory(), stdio: ["ignore", full, "pipe"] });
    closeSync(full);
    const stderr = collect(child.stderr);
    const [code] = await once(child, "close");
    expect([code, stderr.text]).toEqual([1, expect.stringContaining("Cannot write the answer to standard output")]);
  });
});

test("a Node that is too old is named, before anything is tried with it", async () => {
  const claim = write("claim.cjs", 'Object.defineProperty(process.versions, "node", { value: "18.20.4" });\n');
  const child = spawn(process.execPath, ["--require", claim, bin, "--version"], { stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const [code] = await once(child, "close");
  expect([code, stdout.text]).toEqual([1, ""]);
  expect(stderr.text).toContain(`Cannot run on Node 18.20.4 (${process.execPath}): fcgi-pm needs Node 20 or later`);
});

test("a checkout that has not been built says so", async () => {
  const copy = join(place.directory, "bin/fcgi-pm.js");
  mkdirSync(dirname(copy));
  copyFileSync(bin, copy);
  const child = spawn(process.execPath, [copy, "--version"], { stdio: ["ignore", "pipe", "pipe"] });
  const stderr = collect(child.stderr);
  const [code] = await once(child, "close");
  expect([code, stderr.text.split("\n").length]).toEqual([1, 3]);
  expect(stderr.text).toContain("dist/fcgi-pm.cjs: ENOENT\n  try: in a checkout: npm install && npm run build");
});

test("a directory that was removed under the shell is said, and is no bug", async () => {
  const gone = join(place.directory, "gone");
  mkdirSync(gone);
  const words = 'cd "$1" && rmdir "$1" && exec "$2" "$3" import supervisord.conf';
  const child = spawn("sh", ["-c", words, "sh", gone, process.execPath, bin], { stdio: ["ignore", "ignore", "pipe"] });
  const stderr = collect(child.stderr);
  const [code] = await once(child, "close");
  expect([code, stderr.text]).toEqual([1, expect.stringContaining("the current directory is gone\n  try: cd /")]);
  expect(stderr.text).not.toContain("a bug");
});

test("without a named socket an app listens in the runtime place.directory, which is made", async () => {
  const runtime = join(place.directory, "run");
  const manager = runManager(["start", echo, "--name", "blog"], { env: { RUNTIME_DIRECTORY: runtime } });
  expect((await manager.notice("listener.bound"))["address"]).toBe(join(runtime, "blog.sock"));
  await manager.notice("manager.ready");
  expect(await manager.stop()).toMatchObject({ code: 0 });
});

test("the demo answers a request and shows the status", async () => {
  const manager = runManager(["demo"], { env: { TMPDIR: place.directory } });
  await manager.notice("manager.ready");
  const { until } = await import("../helpers/wait.ts");
  await until(() => manager.stdout().includes("Ctrl-C ends it"), { what: "the demo's words" });
  expect(manager.stdout()).toMatch(/Hello from worker [1-4], process \d+: \/hello\?name=world/);
  expect(manager.stdout()).toMatch(/hello: running, 4 of 4 workers ready/);
  manager.signal("SIGINT");
  expect(await manager.ended).toMatchObject({ code: 0 });
});
