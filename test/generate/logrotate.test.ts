/** The file for /etc/logrotate.d, by the real logrotate: with systemd, and with a script of /etc/init.d. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, jest, test } from "@jest/globals";
import { logrotateText } from "../../src/generate/logrotate.ts";
import { ask } from "../helpers/manager.ts";
import { echoes } from "../helpers/programs.ts";
import { inside, useSystemd } from "../helpers/systemd.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(120_000);

describe("the text", () => {
  test("names every file once, and refuses names that logrotate would read otherwise", () => {
    const text = logrotateText({ name: "fcgi-pm", log: "/var/log/a b.log", outputs: ["/srv/x.log", "/srv/x.log"] });
    expect(text.split("\n").filter((line) => line.startsWith('"'))).toEqual(['"/var/log/a b.log"', '"/srv/x.log"']);
    for (const path of ["/srv/*.log", '/srv/"x.log', "/srv/x\n{", "/srv/[a].log"])
      expect(() => logrotateText({ name: "fcgi-pm", outputs: [path] })).toThrow(
        expect.objectContaining({ code: "FCGI_PM_VALUE_INEXPRESSIBLE" }),
      );
  });

  test("is refused where there is no file to rotate", () => {
    expect(() => logrotateText({ name: "fcgi-pm", outputs: [] })).toThrow(/neither log-file nor output-file/);
  });
});

describe("logrotate", () => {
  const system = useSystemd();
  const logs = "/var/log/fcgi pm";
  const config = `
    [manager]
    log-file = "${logs}/manager.log"
    log-format = "json"
    [apps.blog]
    command = "${inside(echoes.perl.command[0] ?? "")}"
    output-file = "${logs}/blog.log"
    `;

  /** Rotates now; a rotated file is an old name, the new one has what is written from then on. */
  async function rotate(prefix: string): Promise<void> {
    const before = readdirSync(system.outside(logs));
    await writeALine();
    const written = (name: string) => readFileSync(system.outside(`${logs}/${name}`), "utf8");
    await until(() => written("blog.log").includes("a-line"), { what: "the line of the worker" });
    await system.succeed(`${prefix} logrotate --force --state /run/rotated /etc/logrotate.d/fcgi-pm`);
    // Written anew by the manager, when the signal has come.
    await until(() => readdirSync(system.outside(logs)).includes("manager.log"), { what: "the new log" });
    await until(() => readdirSync(system.outside(logs)).includes("blog.log"), { what: "the new output" });
    await until(() => !written("blog.log").includes("a-line"), { what: "an output without the old line" });
    await writeALine();
    await until(() => written("blog.log").includes("a-line"), { what: "the line in the new output" });
    const rotated = readdirSync(system.outside(logs)).filter((name) => !before.includes(name));
    expect(rotated.filter((name) => /^(manager|blog)\.log-\d{8}-\d+$/.test(name)).length).toBe(2);
  }

  async function writeALine(): Promise<void> {
    await ask(system.outside("/run/fcgi-pm/blog.sock"), "/?stderr=a-line");
  }

  async function generate(): Promise<void> {
    system.write("/etc/fcgi-pm/fcgi-pm.toml", config);
    await system.succeed(`mkdir -p "${logs}" && chmod 755 /etc/logrotate.d`);
    await system.succeed("fcgi-pm generate logrotate --config /etc/fcgi-pm/fcgi-pm.toml >/etc/logrotate.d/fcgi-pm");
  }

  test("has the manager of the service open its files anew", async () => {
    await generate();
    await system.succeed("fcgi-pm install --now --yes --config /etc/fcgi-pm/fcgi-pm.toml");
    await rotate("");
    await system.succeed("fcgi-pm uninstall --yes");
  });

  test("has the manager of the script do the same, where systemd does not run", async () => {
    await generate();
    await system.succeed(
      "fcgi-pm generate sysv --config /etc/fcgi-pm/fcgi-pm.toml >/etc/init.d/fcgi-pm; chmod +x /etc/init.d/fcgi-pm",
    );
    await system.succeed("/etc/init.d/fcgi-pm start");
    // A second later, since the names of rotated files have seconds in them.
    await rotate("sleep 1; unshare --mount sh -c 'mount -t tmpfs none /run/systemd && exec \"$@\"' sh");
    await system.succeed("/etc/init.d/fcgi-pm stop");
  });
});
