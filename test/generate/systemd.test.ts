/** The units as text: what a config makes of them. That systemd takes them is for test/system/systemd-install.test.ts. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { Service } from "../../src/generate/deployment.ts";
import { systemdUnits, type UnitOptions } from "../../src/generate/systemd.ts";
import { renderUnit } from "../../src/generate/systemd-unit.ts";
import { service, template } from "./stage.ts";

/** Of each file the text. */
function filesOf(wanted: Service, options: UnitOptions = {}): Map<string, string> {
  return new Map(systemdUnits(wanted, options).map((unit) => [unit.file, renderUnit(unit)]));
}

/** `Key=value` of the first file, comments aside; what is given several times, joined. */
function settingsOf(wanted: Service, options: UnitOptions = {}): Record<string, string> {
  const [text = ""] = filesOf(wanted, options).values();
  const settings: Record<string, string> = {};
  for (const [, key = "", value = ""] of text.matchAll(/^([A-Za-z]+)=(.*)$/gm))
    settings[key] = key in settings ? `${settings[key]} ${value}` : value;
  return settings;
}

const root: Service = {
  ...service,
  user: { kind: "root", reasons: ["workers run as blog and shop"], capabilities: ["CAP_NET_BIND_SERVICE"] },
};

describe("the service", () => {
  test("is started by absolute paths, tells when it is ready, and reloads by a command that waits", () => {
    expect(settingsOf(service)).toMatchObject({
      Type: "notify",
      ExecStart: "/usr/bin/node /usr/local/bin/fcgi-pm start --config /etc/fcgi-pm/fcgi-pm.toml",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: systemd replaces it
      ExecReload: "/usr/bin/node /usr/local/bin/fcgi-pm reload --control %t/fcgi-pm/control/${MAINPID}.control",
      KillMode: "mixed",
      Restart: "on-failure",
      WantedBy: "multi-user.target",
    });
    expect(settingsOf({ ...service, control: "/run/my.sock" })["ExecReload"]).toMatch(
      / reload --control \/run\/my.sock$/,
    );
  });

  test("says of every setting why it is there", () => {
    const all = [service, root, template, { ...service, user: { kind: "session" } } as const];
    const units = all.flatMap((one) => systemdUnits(one, { socketUnit: true, notifyReload: true }));
    for (const { why, lines } of units.flatMap(({ sections }) => sections.flatMap(({ settings }) => settings))) {
      expect(why).toMatch(/^[A-Za-z/$].{10,}[.a-z]$/s);
      expect(lines.every((line) => /^[A-Z][A-Za-z]+=/.test(line))).toBe(true);
    }
    expect(units.length).toBeGreaterThan(10);
  });

  test("has the user of all apps and no power, or is root with few powers, and says why", () => {
    expect(settingsOf(service)).toMatchObject({ User: "www-data", CapabilityBoundingSet: "" });
    const settings = settingsOf(root);
    // systemd 257 takes CAP_SETUID away from a service with User=root and a filter of system calls: no worker could start.
    expect(settings["User"]).toBeUndefined();
    expect(settings["CapabilityBoundingSet"]?.split(" ")).toEqual(
      expect.arrayContaining(["CAP_SETUID", "CAP_KILL", "CAP_SYS_PTRACE", "CAP_NET_BIND_SERVICE"]),
    );
    expect(settings["CapabilityBoundingSet"]).not.toContain("CAP_SYS_ADMIN");
    expect(filesOf(root).get("fcgi-pm.service")).toContain("workers run as blog and shop");
  });

  test("of a user has neither a user nor what only root's systemd can do", () => {
    const settings = settingsOf({ ...service, user: { kind: "session" } });
    expect(settings).toMatchObject({ WantedBy: "default.target", NoNewPrivileges: "yes" });
    expect(Object.keys(settings)).not.toEqual(expect.arrayContaining(["User"]));
    expect(Object.keys(settings).filter((key) => /^(Protect|Private|CapabilityBoundingSet)/.test(key))).toEqual([]);
  });

  test("may write where the config says, and where the apps live", () => {
    const places = {
      ...service.places,
      written: ["/run/web", "/var/log/x", "/data/my logs"],
      homes: ["/opt/blog", "/srv/shop", "/usr/lib/cgi-bin"],
    };
    expect(settingsOf({ ...service, places })["ReadWritePaths"]).toBe(
      '-/var -/srv -/run/web "-/data/my logs" -/opt/blog',
    );
  });

  test("hides home directories and /tmp unless something lies there", () => {
    const hidden = (places: Partial<Service["places"]>) => {
      const settings = settingsOf({ ...service, places: { ...service.places, ...places } });
      return [settings["ProtectHome"], settings["PrivateTmp"]];
    };
    expect(hidden({})).toEqual(["yes", "yes"]);
    expect(hidden({ read: ["/home/me/.nvm/bin/node"] })).toEqual(["read-only", "yes"]);
    expect(hidden({ homes: ["/home/me/site"] })).toEqual(["no", "yes"]);
    expect(hidden({ read: ["/roots/x"], written: ["/var/tmp"] })).toEqual(["yes", "no"]);
  });

  test("gives the apps their time, their files and their priority", () => {
    const slow = {
      ...service,
      startMs: 600_000,
      stopMs: 300_500,
      openFiles: 100_000,
      setsPriority: true,
      workers: 900,
    };
    expect(settingsOf(slow)).toMatchObject({
      TimeoutStartSec: "630",
      TimeoutStopSec: "311",
      LimitNOFILE: "100000",
      TasksMax: "infinity",
      SystemCallFilter: "@system-service @pkey pidfd_getfd",
    });
    expect(settingsOf(service)).toMatchObject({ TimeoutStartSec: "90", TimeoutStopSec: "80", LimitNOFILE: "65536" });
    expect(settingsOf(service)["SystemCallFilter"]).toContain("~@resources");
    expect(settingsOf({ ...service, openFiles: "unlimited" })["LimitNOFILE"]).toBe("infinity");
    expect(settingsOf({ ...service, passesEnvironment: true })["EnvironmentFile"]).toBe("-/etc/default/fcgi-pm");
    const listener = {
      app: "blog",
      listen: { kind: "tcp", host: "127.0.0.1", port: 9000 },
      backlog: 1,
      mode: 0,
    } as const;
    const storeOf = (sockets: number) =>
      settingsOf({ ...service, sockets: Array.from({ length: sockets }, () => listener) })["FileDescriptorStoreMax"];
    expect([1, 300].map(storeOf)).toEqual(["512", "600"]);
  });

  test("waits for the network where an app listens on an address that has to come up", () => {
    expect(settingsOf(service)["After"]).toBe("network.target remote-fs.target");
    const sockets = [
      { app: "a", listen: { kind: "tcp", host: "192.0.2.7", port: 9000 }, backlog: 1, mode: 0 },
    ] as const;
    expect(settingsOf({ ...service, sockets })).toMatchObject({
      Wants: "network-online.target",
      After: "network-online.target remote-fs.target",
    });
  });
});

describe("beside the service", () => {
  test("there is a socket for each listener, by the app's name, and the service belongs to them", () => {
    const files = filesOf(service, { socketUnit: true });
    expect([...files.keys()]).toEqual(["fcgi-pm.service", "fcgi-pm-blog.socket", "fcgi-pm-shop.socket"]);
    expect(files.get("fcgi-pm-blog.socket")).toMatch(
      /ListenStream=\/run\/fcgi-pm\/blog.sock\n[\s\S]*FileDescriptorName=blog\n[\s\S]*Backlog=511\n[\s\S]*SocketMode=0660\nSocketUser=www-data\n/,
    );
    expect(files.get("fcgi-pm-shop.socket")).toMatch(/ListenStream=127.0.0.1:9000\n/);
    expect(files.get("fcgi-pm-shop.socket")).not.toContain("SocketMode");
    expect(settingsOf(service, { socketUnit: true })).toMatchObject({
      Requires: "fcgi-pm-blog.socket fcgi-pm-shop.socket",
      Also: "fcgi-pm-blog.socket fcgi-pm-shop.socket",
      RuntimeDirectoryPreserve: "yes",
    });
    const sockets = [{ app: "a", listen: { kind: "tcp", host: "::1", port: 9000 }, backlog: 1, mode: 0 }] as const;
    expect(filesOf({ ...service, sockets }, { socketUnit: true }).get("fcgi-pm-a.socket")).toContain(
      "ListenStream=[::1]:9000\n",
    );
  });

  test("there is a drop-in for systemd 253 that takes the command of the reload away", () => {
    expect(filesOf(service, { notifyReload: true }).get("fcgi-pm.service.d/notify-reload.conf")).toMatch(
      /\[Service\]\n# [^\n]*\nType=notify-reload\n# [^\n]*\nExecReload=\n$/,
    );
  });
});

describe("the template", () => {
  test("runs the config that the instance is named after, in a runtime directory of its own", () => {
    expect(settingsOf(template)).toMatchObject({
      ExecStart: expect.stringMatching(/ start --config \/etc\/fcgi-pm\/%i.toml$/),
      // biome-ignore lint/suspicious/noTemplateCurlyInString: systemd replaces it
      ExecReload: expect.stringContaining("--control %t/fcgi-pm-%i/control/${MAINPID}.control"),
      RuntimeDirectory: "fcgi-pm-%i",
      EnvironmentFile: "-/etc/default/fcgi-pm-%i",
    });
  });
});

test("docs/deploy/systemd has what is generated for /etc/fcgi-pm/fcgi-pm.toml, and the template", () => {
  const files = [...filesOf(service, { socketUnit: false, notifyReload: true }), ...filesOf(template)];
  const sockets = [...filesOf(service, { socketUnit: true })].filter(([file]) => file.endsWith("-blog.socket"));
  for (const [file, text] of [...files, ...sockets]) {
    const path = join(import.meta.dirname, "../../docs/deploy/systemd", file);
    if (process.env["UPDATE_DOCS"] === "1") {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
    expect(readFileSync(path, "utf8")).toBe(text);
  }
});
