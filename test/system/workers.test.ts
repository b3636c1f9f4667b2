/** What a worker is given, and what it is spared: looked up in the kernel. */
import { chmodSync, mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { ask, descriptorsOf, discard, processes, runToEnd, startReady, usePlace } from "../helpers/manager.ts";
import { echoes, others } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { publicDirectory } from "../helpers/webservers.ts";

jest.setTimeout(240_000);

const place = usePlace();
const [echo = ""] = echoes.c.command;

function statusField(pid: number, name: string): string {
  const line = readFileSync(`/proc/${pid}/status`, "latin1")
    .split("\n")
    .find((text) => text.startsWith(`${name}:`));
  return line?.slice(name.length + 1).trim() ?? "";
}

function environmentOf(pid: number): Map<string, string> {
  const pairs = readFileSync(`/proc/${pid}/environ`, "utf8")
    .split("\0")
    .filter((pair) => pair !== "");
  return new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
}

async function oneWorker(args: readonly string[], env?: NodeJS.ProcessEnv) {
  const manager = await startReady([...args], env === undefined ? {} : { env });
  const [pid = 0] = manager.workers();
  return { manager, pid };
}

describe("a worker", () => {
  test("has the listener as fd 0, two pipes, and nothing else", async () => {
    const { manager, pid } = await oneWorker([echo, "--socket", place.path]);
    const descriptors = descriptorsOf(pid);
    expect([...descriptors.keys()].toSorted()).toEqual([0, 1, 2]);
    expect(descriptors.get(0)).toMatch(/^socket:/);
    expect(descriptors.get(1)).toMatch(/^pipe:/);
    expect(descriptors.get(2)).toMatch(/^pipe:/);
    expect(descriptors.get(1)).not.toBe(descriptors.get(2));
    await manager.stop();
  });

  test("of one app holds nothing of another app's listener", async () => {
    const config = join(place.directory, "fcgi-pm.toml");
    writeFileSync(
      config,
      `[apps.a]\ncommand = ["${echo}"]\nsocket = "a.sock"\n[apps.b]\ncommand = ["${echo}"]\nsocket = "b.sock"\n`,
    );
    const manager = await startReady(["--config", config]);
    const sockets = manager.workers().map((pid) => descriptorsOf(pid));
    expect(new Set(sockets.map((found) => found.get(0))).size).toBe(2);
    for (const found of sockets) expect(found.size).toBe(3);
    await manager.stop();
  });

  test("is a direct child of the manager, leads its own group and session, with no shell between", async () => {
    const { manager, pid } = await oneWorker([echo, "--socket", place.path]);
    const facts = processes().find((process) => process.pid === pid);
    expect(facts).toMatchObject({ parent: manager.pid, group: pid, session: pid });
    expect(readlinkSync(`/proc/${pid}/exe`)).toBe(echo);
    await manager.stop();
  });

  test("ignores SIGPIPE until it decides otherwise", async () => {
    const { manager, pid } = await oneWorker([...others.plainLoop.command, "--no-listen", "--start-grace", "100ms"]);
    // It counts as ready by its age: on a slow machine the shell that says so may have its turn later.
    const ignored = () => (BigInt(`0x${statusField(pid, "SigIgn")}`) & (1n << 12n)) !== 0n;
    await until(ignored, { what: "SIGPIPE to be ignored" });
    await manager.stop();
  });

  test("gets a clean environment", async () => {
    const args = [echo, "--socket", place.path, "--name", "blog", "--env", "A=1 2", "--pass-env", "PASSED"];
    const { manager, pid } = await oneWorker(args, { PASSED: "yes", SECRET: "no", LANG: "C.UTF-8", TZ: "UTC" });
    const env = environmentOf(pid);
    expect(Object.fromEntries(env)).toEqual({
      PATH: process.env["PATH"],
      HOME: "/root",
      USER: "root",
      LANG: "C.UTF-8",
      TZ: "UTC",
      A: "1 2",
      PASSED: "yes",
      FCGI_PM_APP: "blog",
      FCGI_PM_WORKER: "1",
      FCGI_PM_GENERATION: "1",
      FCGI_PM_LISTEN_QUEUE_DEPTH: "511",
    });
    await manager.stop();
  });

  test("gets what an env-file says, outranked by env", async () => {
    const file = join(place.directory, "app.env");
    writeFileSync(file, "# a comment\nFROM_FILE='with spaces'\nBOTH=file\n");
    const { manager, pid } = await oneWorker([echo, "--socket", place.path, "--env-file", file, "--env", "BOTH=flag"]);
    expect(environmentOf(pid).get("FROM_FILE")).toBe("with spaces");
    expect(environmentOf(pid).get("BOTH")).toBe("flag");
    await manager.stop();
  });

  test("starts in the program's place.directory, or where it is told to", async () => {
    const first = await oneWorker([echo, "--socket", place.path]);
    expect(readlinkSync(`/proc/${first.pid}/cwd`)).toBe(join(echo, ".."));
    await first.manager.stop();
    const second = await oneWorker([echo, "--socket", place.path, "--cwd", "/usr"]);
    expect(readlinkSync(`/proc/${second.pid}/cwd`)).toBe("/usr");
    await second.manager.stop();
  });

  test("has its umask, limits and niceness", async () => {
    const args = [
      echo,
      "--socket",
      place.path,
      "--umask",
      "0027",
      "--priority",
      "5",
      "--rlimits",
      "nofile=77",
      "--rlimits",
      "core=0",
    ];
    const { manager, pid } = await oneWorker(args);
    expect(statusField(pid, "Umask")).toBe("0027");
    const limits = readFileSync(`/proc/${pid}/limits`, "latin1");
    expect(limits).toMatch(/Max open files +77 +77/);
    expect(limits).toMatch(/Max core file size +0 +0/);
    expect(getPriority(pid)).toBe(5);
    await manager.stop();
  });

  test("has its niceness whatever that of the manager is", async () => {
    const { manager, pid } = await oneWorker([echo, "--socket", place.path, "--priority", "5"]);
    setPriority(manager.pid, getPriority(manager.pid) + 2);
    process.kill(pid, "SIGKILL");
    const next = await manager.see("the next worker", (one) => one.notice === "worker.ready" && one["pid"] !== pid);
    expect(getPriority(Number(next["pid"]))).toBe(5);
    await manager.stop();
  });

  test("runs as its user with all supplementary groups, and the socket is that user's", async () => {
    // uucp (10) is in no other group on Debian; nobody needs a change of /etc/group for www-data's own list.
    const { manager, pid } = await oneWorker([echo, "--socket", place.path, "--user", "www-data", "--group", "daemon"]);
    expect(statusField(pid, "Uid").split("\t")).toEqual(["33", "33", "33", "33"]);
    expect(statusField(pid, "Gid").split("\t")).toEqual(["1", "1", "1", "1"]);
    expect(statusField(pid, "Groups").split(" ")).toContain("33");
    expect(statSync(place.path)).toMatchObject({ uid: 33, gid: 1 });
    expect(environmentOf(pid).get("HOME")).toBe("/var/www");
    expect(environmentOf(pid).get("USER")).toBe("www-data");
    await manager.stop();
  });

  test("of another user gets its environment only after the change of user, unharmed", async () => {
    const awkward = "a 'b' \"c\" $HOME `id` \\ ü \t end";
    const args = [
      echo,
      "--socket",
      place.path,
      "--user",
      "www-data",
      "--env",
      `AWKWARD=${awkward}`,
      "--env",
      "LD_BIND_NOW=1",
    ];
    const { manager, pid } = await oneWorker(args);
    expect(environmentOf(pid).get("AWKWARD")).toBe(awkward);
    expect(environmentOf(pid).get("LD_BIND_NOW")).toBe("1");
    expect([...environmentOf(pid).keys()].filter((name) => name.startsWith("_"))).toEqual([]);
    await manager.stop();
  });

  test.each([[[]], [["--user", "www-data"]]])("can open /dev/stderr (%j)", async (user: string[]) => {
    const home = publicDirectory();
    const program = join(home, "writes.sh");
    writeFileSync(program, '#!/bin/sh\necho "through the device" >/dev/stderr\nexec sleep 100\n');
    chmodSync(program, 0o755);
    const manager = await startReady([program, "--no-listen", "--start-grace", "50ms", ...user]);
    const record = await manager.see("the line", ({ msg }) => msg === "through the device");
    expect(record).toMatchObject({ app: "writes", worker: 1, stream: "stderr" });
    await manager.stop();
    discard(home);
  });

  test("may be a program with arguments, found in PATH", async () => {
    const manager = await startReady([
      "php-cgi",
      "--socket",
      place.path,
      "--",
      "-d",
      "display_errors=1",
      "-d",
      "memory_limit=77M",
    ]);
    const script = join(place.directory, "limit.php");
    writeFileSync(script, "<?php echo ini_get('memory_limit'), ini_get('display_errors');");
    const answer = await ask(place.path, "/limit.php", { scriptFilename: script });
    expect(answer.body.toString()).toBe("77M1");
    await manager.stop();
  });
});

describe("before anything is started, it is refused with its remedy", () => {
  const write = (name: string, text: string, mode: number): string => {
    const file = join(place.directory, name);
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  };
  const refusal = async (program: string, ...args: string[]) => {
    const ended = await runToEnd(["start", program, "--socket", place.path, ...args]);
    expect(ended.code).toBe(1);
    return ended.stderr;
  };

  test("a program that is missing", async () => {
    expect(await refusal(join(place.directory, "none.fcgi"))).toContain(`there is no ${place.directory}/none.fcgi`);
    expect(await refusal("no-such-program")).toContain("nor in PATH");
  });

  test("a program that is not executable", async () => {
    const program = write("app.fcgi", "#!/bin/sh\n", 0o644);
    expect(await refusal(program)).toContain(`chmod +x ${program}`);
  });

  test("a directory", async () => {
    mkdirSync(join(place.directory, "app.fcgi"));
    expect(await refusal(join(place.directory, "app.fcgi"))).toContain("it is a directory");
  });

  test("a script whose interpreter does not exist", async () => {
    expect(await refusal(write("a.fcgi", "#!/no/such/python\n", 0o755))).toContain(
      "its interpreter /no/such/python does not exist",
    );
    expect(await refusal(write("b.fcgi", "#!/usr/bin/env nopython\n", 0o755))).toContain(
      '"nopython" is not in the workers\' PATH',
    );
    expect(await refusal(write("c.fcgi", "#!/usr/bin/env -S nopython -u\n", 0o755))).toContain('"nopython"');
  });

  test("a script with a CR LF in its #! line", async () => {
    const program = write("a.fcgi", "#!/bin/sh\r\n", 0o755);
    expect(await refusal(program)).toContain(`sed -i 's/\\r$//' ${program}`);
  });

  test("a script without #!, an empty one, and one with a byte order mark", async () => {
    expect(await refusal(write("a.fcgi", "print('hello')\n", 0o755))).toContain("without a #! line");
    expect(await refusal(write("b.fcgi", "", 0o755))).toContain("it is empty");
    expect(await refusal(write("c.fcgi", "\ufeff#!/bin/sh\n", 0o755))).toContain("byte order mark");
  });

  test("a script that its user may not read, or reach", async () => {
    const home = publicDirectory();
    const program = join(home, "a.fcgi");
    writeFileSync(program, "#!/bin/sh\n");
    chmodSync(program, 0o711);
    expect(await refusal(program, "--user", "www-data")).toContain('user "www-data" may not read it');
    chmodSync(program, 0o755);
    chmodSync(home, 0o700);
    expect(await refusal(program, "--user", "www-data")).toContain('user "www-data" may not execute it');
    discard(home);
  });

  test("a working place.directory that is missing, or closed to the user", async () => {
    expect(await refusal(echo, "--cwd", join(place.directory, "none"))).toContain("is no directory");
    chmodSync(place.directory, 0o700);
    expect(await refusal("/bin/cat", "--cwd", place.directory, "--user", "www-data")).toContain("may not enter it");
  });

  test("a user or group that is unknown", async () => {
    expect(await refusal(echo, "--user", "no-such-user")).toContain('There is no user "no-such-user"');
    expect(await refusal(echo, "--group", "no-such-group")).toContain('There is no group "no-such-group"');
  });
});
