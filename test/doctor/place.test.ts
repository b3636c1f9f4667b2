/**
 * The place where an app listens: rights on the way, other file systems, other people's sockets, ports. Needs root: only
 * root can try as another user, and give a process a file system of its own.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { Finding } from "../../src/diagnosis/finding.ts";
import { examinePlace } from "../../src/doctor/place.ts";
import { judgeManagerView } from "../../src/doctor/views.ts";
import { runningWebServers, type WebServer } from "../../src/doctor/web-servers.ts";
import { queueCap } from "../../src/os/procfs.ts";
import { usePlace } from "../helpers/manager.ts";
import { freePort } from "../helpers/webservers.ts";
import { configured, foreign, listenAt, listenElsewhere, listenOn, playNginx, useStage, webUser } from "./stage.ts";

useStage();
const place = usePlace();
const nobody: readonly WebServer[] = [];

const codesOf = (findings: readonly Finding[]): string[] => findings.map(({ code }) => code);
const find = (findings: readonly Finding[], code: string): Finding => {
  const found = findings.find((finding) => finding.code === code);
  if (found === undefined) throw new Error(`no ${code} in ${JSON.stringify(findings, undefined, 2)}`);
  return found;
};
const textOf = ({ what, seen, remedy }: Finding): string => [what, ...seen, ...remedy].join("\n");

/** A socket that everybody can reach. */
async function openSocket(mode = 0o666): Promise<void> {
  chmodSync(place.directory, 0o755);
  await listenAt(place.path, mode);
}

describe("the web server's user", () => {
  const asked = { webUser: "www-data" };
  const at = () => foreign({ kind: "unix", path: place.path }, asked);

  test("who may pass every directory and write to the socket is no finding", async () => {
    await openSocket();
    expect(codesOf(await examinePlace(at(), nobody))).toEqual([]);
  });

  test("is stopped by a directory, which is named with its mode and owner", async () => {
    await listenAt(place.path);
    chmodSync(place.directory, 0o700);
    const finding = find(await examinePlace(at(), nobody), "place.unreachable");
    expect(finding.level).toBe("broken");
    expect(finding.what).toContain(`the directory ${place.directory} is closed`);
    expect(finding.seen).toContain(`drwx------ root root ${place.directory}`);
    expect(finding.seen.join()).toContain(`tried as www-data: test -x ${place.directory} fails`);
    expect(finding.remedy.join()).toContain(`chmod o+x ${place.directory}`);
  });

  test("is let in by the command that the finding names", async () => {
    await listenAt(place.path);
    chmodSync(place.directory, 0o700);
    const { remedy } = find(await examinePlace(at(), nobody), "place.unreachable");
    execFileSync("sh", ["-c", remedy[0] ?? ""]);
    expect(codesOf(await examinePlace(at(), nobody))).not.toContain("place.unreachable");
  });

  test("is stopped by the socket itself, and let in by what the finding names", async () => {
    await openSocket(0o600);
    const finding = find(await examinePlace(at(), nobody), "place.unreachable");
    expect(finding.what).toContain(`may not write to the socket ${place.path}`);
    expect(finding.seen.join()).toContain(`srw------- root root ${place.path}`);
    execFileSync("sh", ["-c", finding.remedy[0] ?? ""]);
    expect(codesOf(await examinePlace(at(), nobody))).not.toContain("place.unreachable");
  });

  test("is stopped on the way that a link leads", async () => {
    const inner = join(place.directory, "inner");
    mkdirSync(inner);
    await listenAt(join(inner, "app.sock"));
    chmodSync(inner, 0o700);
    chmodSync(place.directory, 0o755);
    const link = join(place.directory, "link");
    symlinkSync(inner, link);
    const address = { kind: "unix", path: join(link, "app.sock") } as const;
    const finding = find(await examinePlace(foreign(address, asked), nobody), "place.unreachable");
    expect(finding.what).toContain(`the directory ${inner} is closed`);
  });

  test("is that of the web server that runs, with the groups that it has now", async () => {
    await openSocket(0o660);
    chownSync(place.path, 0, webUser.gid);
    const address = { kind: "unix", path: place.path } as const;
    const fresh = await playNginx();
    expect(codesOf(await examinePlace(foreign(address), [fresh]))).not.toContain("place.unreachable");
    // Started before its user was taken into the group: it does not have it.
    const old = await playNginx({ gid: 65_534 });
    const finding = find(await examinePlace(foreign(address), [old]), "place.unreachable");
    expect(finding.seen.join()).toContain("is in the group www-data by now");
    expect(finding.remedy).toEqual([expect.stringContaining("systemctl restart nginx")]);
  });

  test("of a web server whose config names the socket is broken, of any other a risk", async () => {
    await openSocket(0o600);
    const address = { kind: "unix", path: place.path } as const;
    const config = join(place.directory, "nginx.conf");
    writeFileSync(config, `fastcgi_pass unix:${place.path};\n`);
    const named = find(await examinePlace(foreign(address), [await playNginx({ config })]), "place.unreachable");
    expect(named.level).toBe("broken");
    expect(named.seen.join()).toContain(`${config} names the socket`);
    const other = find(await examinePlace(foreign(address), [await playNginx()]), "place.unreachable");
    expect(other.level).toBe("risk");
  });

  test("root passes everywhere, unless its right to do so was taken away", async () => {
    await openSocket(0o600);
    chownSync(place.path, webUser.uid, webUser.gid);
    const root = await playNginx({ uid: 0, gid: 0 });
    const address = { kind: "unix", path: place.path } as const;
    expect(codesOf(await examinePlace(foreign(address), [root]))).not.toContain("place.unreachable");
    const bound: WebServer = { ...root, overridesRights: false };
    expect(codesOf(await examinePlace(foreign(address), [bound]))).toContain("place.unreachable");
  });

  test("whom nobody knows is refused with his name", async () => {
    await openSocket();
    const patient = foreign({ kind: "unix", path: place.path }, { webUser: "nobody-of-this-name" });
    await expect(examinePlace(patient, nobody)).rejects.toThrow('There is no user "nobody-of-this-name"');
  });

  test("is asked for a socket that is still to be made, by its mode and owner", async () => {
    chmodSync(place.directory, 0o755);
    const closed = await configured(place.directory, [`socket = "${place.path}"`], asked);
    const finding = find(await examinePlace(closed, nobody), "place.unreachable");
    expect(finding).toMatchObject({
      level: "risk",
      remedy: [expect.stringContaining('socket-owner = ":www-data"'), expect.anything()],
    });
    const open = await configured(place.directory, [`socket = "${place.path}"`, 'socket-owner = ":www-data"'], asked);
    expect(codesOf(await examinePlace(open, nobody))).not.toContain("place.unreachable");
  });
});

describe("a web server with a file system of its own", () => {
  const address = () => ({ kind: "unix", path: place.path }) as const;

  test("does not see a socket in /tmp under PrivateTmp", async () => {
    await openSocket();
    const server = await playNginx({ hides: "/tmp" });
    const finding = find(
      await examinePlace(foreign(address(), { webUser: "www-data" }), [server]),
      "place.hidden-from-web-server",
    );
    expect(finding.level).toBe("broken");
    expect(finding.what).toContain("it has a /tmp of its own (PrivateTmp=yes in its unit)");
    expect(finding.seen.join()).toContain(
      `inode ${statSync(place.path).ino}; for nginx (process ${server.pid}) there is nothing`,
    );
    expect(finding.remedy.join()).toContain('socket = "/run/fcgi-pm/app.sock"');
  });

  test("is a risk where nothing says that it is the app's, and no finding where another one sees the socket", async () => {
    await openSocket();
    const blind = await playNginx({ hides: place.directory });
    const alone = find(await examinePlace(foreign(address()), [blind]), "place.hidden-from-web-server");
    expect(alone).toMatchObject({ level: "risk", what: expect.stringContaining("a mount namespace of its own") });
    const seeing = await playNginx();
    expect(codesOf(await examinePlace(foreign(address()), [blind, seeing]))).not.toContain(
      "place.hidden-from-web-server",
    );
  });

  test("is found before the socket is made", async () => {
    const patient = await configured(place.directory, [`socket = "${place.path}"`], { webUser: "www-data" });
    const server = await playNginx({ hides: "/tmp" });
    expect(codesOf(await examinePlace(patient, [server]))).toContain("place.hidden-from-web-server");
  });

  test("is the manager itself: then nobody else sees what it has bound", async () => {
    const within = join(place.directory, "own");
    mkdirSync(within);
    const path = join(within, "app.sock");
    const manager = await playNginx({ hides: within, makes: path });
    const viewed = { path, openPath: "/run/fcgi-pm/app.sock", webUser: undefined };
    expect(judgeManagerView(manager.pid, viewed)).toMatchObject({
      code: "place.hidden-from-others",
      level: "broken",
      seen: [expect.stringMatching(/there is a file of device .*; for us there is nothing/)],
    });
    expect(judgeManagerView(process.pid, viewed)).toBeUndefined();
  });

  test("that sees the same socket by another mount is no finding", async () => {
    await openSocket();
    const elsewhere = join(place.directory, "elsewhere");
    mkdirSync(elsewhere);
    const server = await playNginx({ hides: elsewhere });
    expect(codesOf(await examinePlace(foreign(address()), [server]))).not.toContain("place.hidden-from-web-server");
  });
});

describe("web servers that run", () => {
  test("are found by their names, with user, groups and file system", async () => {
    const server = await playNginx({ groups: [4, 24] });
    const found = runningWebServers().find(({ pid }) => pid === server.pid);
    expect(server).toMatchObject({
      name: "nginx",
      user: "www-data",
      groups: [4, 24],
      overridesRights: false,
      isContained: false,
    });
    // Where another nginx of the same user runs, that one stands for both.
    expect(
      found ?? runningWebServers().find(({ name, user }) => name === "nginx" && user === "www-data"),
    ).toBeDefined();
  });
});

describe("what stands at the path", () => {
  const app = (...lines: string[]) => configured(place.directory, [`socket = "${place.path}"`, ...lines]);

  test("is a socket that somebody left behind", async () => {
    leaveSocket(place.path);
    const finding = find(await examinePlace(await app(), nobody), "place.stale-socket");
    expect(finding).toMatchObject({ level: "broken", what: expect.stringContaining("111: Connection refused") });
  });

  test("is a socket of another process, which is named", async () => {
    await listenAt(place.path);
    const finding = find(await examinePlace(await app(), nobody), "place.held-by-others");
    expect(finding.level).toBe("broken");
    expect(textOf(finding)).toContain(`process ${process.pid}`);
    expect(textOf(finding)).toContain("of root");
  });

  test("is a socket of a process in another network namespace, which is not taken for dead", async () => {
    await listenElsewhere(place.path);
    const finding = find(await examinePlace(await app(), nobody), "place.held-by-others");
    expect(finding.what).toContain("a process that is hidden from us listens");
    expect(codesOf(await examinePlace(foreign({ kind: "unix", path: place.path }), nobody))).not.toContain(
      "place.stale-socket",
    );
  });

  test("is a regular file, a directory or a link", async () => {
    writeFileSync(place.path, "");
    expect(find(await examinePlace(await app(), nobody), "place.not-a-socket").what).toContain("a regular file");
    const link = join(place.directory, "link.sock");
    symlinkSync(place.path, link);
    const linked = await configured(place.directory, [`socket = "${link}"`]);
    expect(find(await examinePlace(linked, nobody), "place.not-a-socket").what).toContain("a symbolic link");
  });

  test("is nothing: a note for an app that does not run, broken for a socket that a web server was told of", async () => {
    expect(find(await examinePlace(await app(), nobody), "place.no-socket").level).toBe("note");
    const stranger = foreign({ kind: "unix", path: place.path });
    expect(find(await examinePlace(stranger, nobody), "place.no-socket").level).toBe("broken");
  });

  test("is nothing, and another socket beside it was meant: it is named with who listens there", async () => {
    await listenAt(join(place.directory, "right.sock"));
    const stranger = foreign({ kind: "unix", path: join(place.directory, "wrong.sock") });
    const { seen, remedy } = find(await examinePlace(stranger, nobody), "place.no-socket");
    expect(seen.join("\n")).toContain(`${place.directory}/right.sock: process ${process.pid}`);
    expect(remedy[0]).toContain("name that path in the web server's config");
  });

  test("lies in a directory that is not there", async () => {
    const patient = await configured(place.directory, [`socket = "${place.directory}/none/app.sock"`]);
    expect(codesOf(await examinePlace(patient, nobody))).toEqual(["place.no-directory"]);
  });

  test("lies in a directory of /run that nobody makes again at the next boot", async () => {
    const directory = mkdtempSync("/run/fpm-");
    try {
      await listenAt(join(directory, "app.sock"));
      const patient = foreign({ kind: "unix", path: join(directory, "app.sock") });
      const finding = find(await examinePlace(patient, nobody), "place.swept-at-boot");
      expect(finding).toMatchObject({ level: "note", remedy: [expect.stringContaining("/etc/tmpfiles.d/")] });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("has a longer path than the system takes", async () => {
    const long = { kind: "unix", path: `${place.directory}/${"x".repeat(120)}` } as const;
    expect(codesOf(await examinePlace(foreign(long), nobody))).toEqual(["place.path-too-long"]);
  });

  test("has a queue that the kernel caps", async () => {
    const cap = queueCap() ?? 0;
    const finding = find(
      await examinePlace(await app(`listen-queue-depth = ${cap + 1}`), nobody),
      "place.queue-capped",
    );
    expect(finding).toMatchObject({ level: "risk", what: expect.stringContaining(`only ${cap} connections`) });
    expect(codesOf(await examinePlace(await app(`listen-queue-depth = ${cap}`), nobody))).not.toContain(
      "place.queue-capped",
    );
  });
});

function leaveSocket(path: string): void {
  execFileSync("/usr/bin/python3", ["-c", "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", path]);
}

describe("a port", () => {
  const at = (port: string, ...lines: string[]) => configured(place.directory, [`port = "${port}"`, ...lines]);

  test("that is open to the network is a risk, unless clients are named", async () => {
    const port = await freePort();
    expect(find(await examinePlace(await at(`*:${port}`), nobody), "place.open-to-the-network").level).toBe("risk");
    const named = await at(`*:${port}`, 'allowed-clients = ["192.0.2.7"]');
    expect(codesOf(await examinePlace(named, nobody))).not.toContain("place.open-to-the-network");
    const inside = await at(`127.0.0.1:${port}`);
    expect(codesOf(await examinePlace(inside, nobody))).toEqual(["place.no-listener"]);
  });

  test("of somebody else's program that listens everywhere is a risk", async () => {
    const port = await listenOn("::");
    const finding = find(
      await examinePlace(foreign({ kind: "tcp", host: "127.0.0.1", port }), nobody),
      "place.open-to-the-network",
    );
    expect(finding.seen.join()).toContain(`[::]:${port}`);
  });

  test("that is taken names who has it", async () => {
    const port = await listenOn("127.0.0.1");
    const finding = find(await examinePlace(await at(`127.0.0.1:${port}`), nobody), "place.held-by-others");
    expect(textOf(finding)).toContain(`process ${process.pid}`);
  });

  test("that another address of this machine has does not count as taken", async () => {
    const port = await listenOn("127.0.0.2");
    expect(codesOf(await examinePlace(await at(`127.0.0.1:${port}`), nobody))).toEqual(["place.no-listener"]);
  });

  test("of an address that this machine does not have is told with those that it has", async () => {
    const finding = find(await examinePlace(await at("203.0.113.9:9000"), nobody), "place.address-missing");
    const [own] = Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address));
    expect(finding.seen.join()).toContain(own);
  });

  test("where nobody listens is broken for who was told of it", async () => {
    const port = await freePort();
    const findings = await examinePlace(foreign({ kind: "tcp", host: "127.0.0.1", port }), nobody);
    expect(findings).toMatchObject([{ code: "place.no-listener", level: "broken" }]);
  });
});
