/** The throwaway systemd that other tests stand on: a real one, apart from this machine, and gone afterwards. */
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { isAlive } from "../helpers/manager.ts";
import { echoes } from "../helpers/programs.ts";
import { bootSystemd, checkout, inside, type Systemd } from "../helpers/systemd.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(240_000);

const booted: Systemd[] = [];

async function boot(): Promise<Systemd> {
  const system = await bootSystemd();
  booted.push(system);
  return system;
}

afterEach(async () => {
  for (const system of booted.splice(0)) await system.stop();
});

/** What a booted systemd needs on this machine: its cgroup, and a directory whose name is in that of the cgroup. */
function tracesOf({ pid }: Systemd): string[] {
  const [, name, directory] = /^0::\/(fcgi-pm-(tmp-\w+))/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8")) ?? [];
  const cgroups = /^\S+ (\S+) cgroup2 /m.exec(readFileSync("/proc/mounts", "utf8"))?.[1];
  return [`${cgroups}/${name}`, `${tmpdir()}/${directory?.replace("-", ".")}`];
}

describe("a throwaway systemd", () => {
  test("runs a service, keeps its journal, and says what became of it", async () => {
    const system = await boot();
    system.write("/etc/systemd/system/hello.service", "[Service]\nExecStart=/bin/sh -c 'echo hello there; exit 3'\n");
    await system.succeed("systemctl daemon-reload && systemctl start hello");
    const failed = async () => (await system.run("systemctl is-failed hello")).stdout === "failed\n";
    await until(failed, { what: "the service to fail" });
    expect(await system.succeed("systemctl show -P ExecMainStatus hello")).toBe("3\n");
    expect(await system.succeed("journalctl --sync; journalctl -u hello -o cat")).toContain("hello there");
  });

  test("gives status, both outputs and the input of a command, and ends what takes too long", async () => {
    const system = await boot();
    const done = await system.run("cat; echo this >&2; exit 7", { input: "that" });
    expect(done).toEqual({ status: 7, stdout: "that", stderr: "this\n" });
    expect(await system.run("sleep 1000", { timeoutMs: 300 })).toMatchObject({ status: 124 });
    await until(async () => (await system.run("pgrep -x sleep")).status === 1, { what: "the end of sleep" });
    await expect(system.succeed("echo why >&2; false")).rejects.toThrow(/status 1\nwhy/);
  });

  test("has the checkout and the compiled programs, for every user, and fcgi-pm in its PATH", async () => {
    const system = await boot();
    const program = inside(echoes.c.command[0] ?? "");
    const asNobody = "setpriv --reuid nobody --clear-groups";
    await system.succeed(`${asNobody} test -x ${program}`);
    await system.succeed(`${asNobody} test -r ${checkout}/bin/fcgi-pm.js`);
    expect(await system.succeed(`${asNobody} fcgi-pm --version`)).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await system.run(`touch ${checkout}/x`)).stderr).toContain("Read-only file system");
  });

  test("shows its files and sockets to the test, and keeps what is written there to itself", async () => {
    const system = await boot();
    system.write("/etc/fcgi-pm/x.toml", "here\n");
    expect(await system.succeed("cat /etc/fcgi-pm/x.toml")).toBe("here\n");
    await system.succeed("touch /tmp/only-inside /only-inside");
    expect(existsSync(system.outside("/only-inside"))).toBe(true);
    expect(existsSync("/only-inside") || existsSync("/tmp/only-inside")).toBe(false);
    const server = system.spawn("systemd-socket-activate -a -l /run/x.sock --inetd cat");
    const line = await until(() => say(system.outside("/run/x.sock"), "echo\n"), { what: "the answer of cat" });
    expect(line).toBe("echo\n");
    server.kill("SIGKILL");
  });

  test("may be there several times, and leaves nothing: no process, no mount, no cgroup, no file", async () => {
    const [one, other] = await Promise.all([boot(), boot()]);
    const traces = [...tracesOf(one), ...tracesOf(other)];
    expect(traces.map((path) => existsSync(path))).toEqual([true, true, true, true]);
    await one.succeed("systemd-run --unit=long sleep 1000");
    expect((await other.run("systemctl is-active long")).stdout).toBe("inactive\n");
    await Promise.all([one.stop(), other.stop()]);
    expect([one, other].map(({ pid }) => isAlive(pid))).toEqual([false, false]);
    expect(traces.map((path) => existsSync(path))).toEqual([false, false, false, false]);
    // Others may mount what they like meanwhile.
    const mounts = readFileSync("/proc/self/mounts", "utf8");
    expect(traces.filter((path) => mounts.includes(path))).toEqual([]);
  });
});

/** One line to a Unix socket, and the one that comes back. */
function say(path: string, line: string): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect(path, () => socket.write(line));
    socket.once("error", fail).once("data", (data) => {
      socket.destroy();
      done(data.toString());
    });
  });
}
