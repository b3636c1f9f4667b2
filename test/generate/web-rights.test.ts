import { describe, expect, test } from "@jest/globals";
import { explainRights } from "../../src/generate/web-rights.ts";
import type { Mounted, WebAddress, WebKind, WebRights } from "../../src/generate/web-site.ts";

const socket: WebAddress = { kind: "unix", path: "/run/fcgi-pm/blog.sock" };

function explain(kind: WebKind, rights: WebRights | undefined, listen = socket, listensEverywhere = false): string {
  const program = { kind: "application" } as const;
  const facts = { name: "blog", program, connections: 4, keepsConnections: true, patienceSeconds: 60 };
  const mounted: Mounted = { at: "", app: { ...facts, listen, listensEverywhere, rights } };
  return explainRights(kind, mounted);
}

describe("explainRights", () => {
  test("a socket of www-data is open to Debian's nginx", () => {
    const text = explain("nginx", { mode: 0o660, user: "www-data", group: "www-data" });
    expect(text).toBe("Its mode is 0660, and nginx may connect as www-data, as Debian's does.");
  });

  test("a socket of another user names him, his group, and both ways to mend it", () => {
    const text = explain("caddy", { mode: 0o660, user: "app", group: "app" });
    expect(text).toContain("Caddy has to run as app or be in the group app. On Debian it runs as caddy");
    expect(text).toContain('socket-owner = ":caddy" for blog');
    expect(text).toContain("adduser caddy app");
  });

  test("the group root is nobody's to join", () => {
    expect(explain("nginx", { mode: 0o660, user: "root", group: "root" })).not.toContain("adduser");
  });

  test("without the group's right to write, the mode is a part of the remedy, and the group none", () => {
    const text = explain("apache", { mode: 0o600, user: "app", group: "www-data" });
    expect(text).toContain("Apache has to run as app.");
    expect(text).toContain('socket-owner = ":www-data" and socket-mode = "0660"');
  });

  test("a socket for everybody says so", () => {
    expect(explain("nginx", { mode: 0o666, user: undefined, group: undefined })).toContain(
      "every user of this machine",
    );
  });

  test("HAProxy is warned of its chroot, Apache and Caddy of their own /tmp", () => {
    const open = { mode: 0o666, user: undefined, group: undefined };
    expect(explain("haproxy", open)).toContain("chroot");
    const inTmp = { kind: "unix", path: "/tmp/blog.sock" } as const;
    expect(explain("apache", open, inTmp)).toContain("PrivateTmp=yes");
    expect(explain("caddy", open)).not.toContain("PrivateTmp");
  });

  test("a port says who can reach it", () => {
    const local = { kind: "tcp", host: "127.0.0.1", port: 9000 } as const;
    expect(explain("nginx", undefined, local)).toContain("Every user of this machine");
    expect(explain("nginx", undefined, local, true)).toContain("every address of its machine");
    expect(explain("nginx", undefined, { ...local, host: "192.0.2.7" })).toContain("firewall");
  });
});
