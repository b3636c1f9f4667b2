/** The script for /etc/init.d, run for real: as on a machine without systemd, which is hidden from it. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, jest, test } from "@jest/globals";
import { sysvScript } from "../../src/generate/sysv.ts";
import { ask } from "../helpers/manager.ts";
import { behaviours, echoes, readEcho } from "../helpers/programs.ts";
import { type Done, inside, useSystemd } from "../helpers/systemd.ts";
import { until } from "../helpers/wait.ts";
import { service } from "./stage.ts";

jest.setTimeout(120_000);

describe("the script", () => {
  test("is one for dash, whatever the paths are", () => {
    const odd = {
      ...service,
      program: ["/opt/my node/bin/node", "/srv/it's $HOME/fcgi-pm"] as const,
      config: '/etc/"x`y.toml',
    };
    for (const text of [sysvScript(service, false), sysvScript(odd, true)]) {
      const { status, stderr } = spawnSync("dash", ["-n"], { input: text, encoding: "utf8" });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    }
    expect(sysvScript(service, false)).toContain("--log-file /var/log/fcgi-pm.log --daemon");
    expect(sysvScript(service, true)).not.toContain("--log-file");
  });

  test("has no place for control characters", () => {
    expect(() => sysvScript({ ...service, config: "/etc/a\nb.toml" }, false)).toThrow(/control character/);
  });
});

describe("on a machine", () => {
  const system = useSystemd();
  const script = (action: string): Promise<Done> =>
    system.run(`unshare --mount sh -c 'mount -t tmpfs none /run/systemd && exec /etc/init.d/fcgi-pm ${action}'`);
  /** Of the manager that lives: one that has ended may not have been reaped yet. */
  const pid = async () => Number((await system.run("pgrep -r R,S,D -o '^fcgi-pm: manage'")).stdout);

  async function install(config: string): Promise<void> {
    system.write("/etc/fcgi-pm/fcgi-pm.toml", config);
    await system.succeed("fcgi-pm generate sysv --config /etc/fcgi-pm/fcgi-pm.toml >/etc/init.d/fcgi-pm");
    await system.succeed("chmod +x /etc/init.d/fcgi-pm");
  }

  test("it starts, tells, reloads, restarts and stops the apps, each twice without harm", async () => {
    await install(`[apps.blog]\ncommand = "${inside(echoes.c.command[0] ?? "")}"\nuser = "www-data"\nprocesses = 2\n`);
    const answer = async () => readEcho((await ask(system.outside("/run/fcgi-pm/blog.sock"))).body.toString()).worker;

    expect(await script("status")).toMatchObject({ status: 3, stdout: "fcgi-pm does not run\n" });
    expect(await script("start")).toMatchObject({ status: 0, stdout: expect.stringContaining("2 of 2 workers ready") });
    expect(await script("start")).toMatchObject({ status: 0, stdout: "fcgi-pm runs already\n" });
    expect(await answer()).toMatch(/^[12]$/);
    expect(await script("status")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^blog +running +2\/2/m) });
    expect(await script("reload")).toMatchObject({ status: 0, stdout: expect.stringContaining("generation 2") });

    const first = await pid();
    expect((await script("restart")).status).toBe(0);
    const second = await pid();
    expect(second).not.toBe(first);
    expect((await script("try-restart")).status).toBe(0);
    expect(await pid()).not.toBe(second);
    expect(await answer()).toMatch(/^[12]$/);

    expect(await script("stop")).toMatchObject({ status: 0, stdout: expect.stringContaining("has ended") });
    expect(await script("stop")).toMatchObject({ status: 0, stdout: "fcgi-pm does not run\n" });
    expect((await script("try-restart")).status).toBe(0);
    // 3 would be "not implemented" to the Linux Standard Base.
    expect(await script("reload")).toMatchObject({ status: 7, stderr: "fcgi-pm does not run\n" });
    expect((await script("dance")).status).toBe(2);
    const left = async () => (await system.run("pgrep -l 'fcgi-pm|echo'")).stdout;
    await until(async () => (await left()) === "", { what: "nobody to be left" });
    expect(existsSync(system.outside("/run/fcgi-pm/blog.sock"))).toBe(false);
  });

  test("it is enabled and disabled by the tools of System V, which read its head", async () => {
    await install(`[apps.blog]\ncommand = "${inside(echoes.c.command[0] ?? "")}"\n`);
    await system.succeed("update-rc.d fcgi-pm defaults");
    const links = (await system.succeed("ls /etc/rc0.d /etc/rc2.d /etc/rc6.d")).match(/[SK]\d\dfcgi-pm$/gm);
    expect(links?.map((name) => name[0])).toEqual(["K", "S", "K"]);
    await system.succeed("update-rc.d -f fcgi-pm remove");
    expect(await system.succeed("ls /etc/rc2.d")).not.toContain("fcgi-pm");
  });

  test("it says why nothing starts, and does not end what runs for a config that is wrong", async () => {
    const [dying = ""] = behaviours.diesAtOnce.command;
    await install(`[apps.blog]\ncommand = "${inside(dying)}"\n`);
    expect(await script("start")).toMatchObject({ status: 1, stderr: expect.stringContaining("no worker gets ready") });
    expect((await script("status")).status).toBe(3);

    await install(`[apps.blog]\ncommand = "${inside(echoes.c.command[0] ?? "")}"\n`);
    await script("start");
    const before = await pid();
    system.write("/etc/fcgi-pm/fcgi-pm.toml", "[apps.blog]\ncommand = 7\n");
    expect(await script("restart")).toMatchObject({ status: 5, stderr: expect.stringContaining("fcgi-pm.toml:2") });
    expect(await pid()).toBe(before);
    expect((await script("stop")).status).toBe(0);
  });
});
