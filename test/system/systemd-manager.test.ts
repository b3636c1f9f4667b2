/** The manager as a service of a real systemd: what it is told comes through, and a restart or a crash refuses nobody. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { answered } from "../helpers/app.ts";
import { ask } from "../helpers/ask.ts";
import { endLoads, type Load, nothingFailed } from "../helpers/load.ts";
import { behaviours, buildPrograms, echoes, type Program } from "../helpers/programs.ts";
import { checkout, inside, startLoadInside, useSystemd } from "../helpers/systemd.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(240_000);

const system = useSystemd();
beforeAll(() => buildPrograms([echoes.c, behaviours.slowToStart, behaviours.sleepsThenAnswers, behaviours.diesAtOnce]));
beforeEach(async () => {
  system.write("/etc/systemd/system/web.service", service());
  await system.succeed("journalctl --sync; journalctl --cursor-file=/tmp/cursor -o cat > /dev/null");
});
afterEach(async () => {
  endLoads();
  await system.run(
    "systemctl stop blog.socket web; systemctl reset-failed; rm -f /etc/systemd/system/blog.socket /run/web-*.sock",
  );
});

const start = `/usr/bin/env node ${checkout}/bin/fcgi-pm.js start --config /etc/web.toml`;

function service(...lines: string[]): string {
  const usual = [
    ...["Type=notify", `ExecStart=${start}`, "KillMode=mixed", "Restart=on-failure", "RestartSec=100ms"],
    ...["RuntimeDirectory=web", "RuntimeDirectoryPreserve=restart", "FileDescriptorStoreMax=8"],
    // The unit must not end up failed because a test has killed its manager some times in a row.
    "SuccessExitStatus=143",
  ];
  return ["[Unit]", "StartLimitIntervalSec=0", "[Service]", ...usual, ...lines, ""].join("\n");
}

function write(apps: Readonly<Record<string, readonly string[]>>): void {
  const texts = Object.entries(apps).map(([name, lines]) => [`[apps.${name}]`, ...lines, ""].join("\n"));
  system.write("/etc/web.toml", texts.join("\n"));
}

function app(program: Program, ...lines: string[]): string[] {
  return [`command = ${JSON.stringify(program.command.map(inside))}`, 'socket-mode = "0666"', ...lines];
}

/** Of one unit or more, by name. */
async function show(...names: string[]): Promise<Record<string, string>> {
  const text = await system.succeed(`systemctl show ${names.map((name) => `-p ${name}`).join(" ")} web`);
  return Object.fromEntries(text.split("\n").map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)]));
}

async function mainPid(): Promise<number> {
  return Number((await show("MainPID"))["MainPID"]);
}

/** What the unit has said in this test. */
const journal = () =>
  system.succeed('journalctl --sync; journalctl --after-cursor="$(cat /tmp/cursor)" -u web -o cat --no-pager');
/** What the manager says first is written when its log is loaded: that may be after it is ready. */
const untilJournalSays = (words: RegExp) =>
  until(async () => words.exec(await journal()), { what: `${words} in the journal`, everyMs: 100 });
const target = (path: string, program: Program = echoes.c) => ({ listen: { kind: "unix" as const, path }, program });
const askAt = (path: string, uri: string) => ask(target(system.outside(path)), uri);

async function isActive(): Promise<boolean> {
  return (await show("ActiveState"))["ActiveState"] === "active";
}

/** Waits until the next one is ready. */
async function killManager(): Promise<void> {
  const pid = await mainPid();
  await system.succeed(`kill -9 ${pid}`);
  await untilNext(pid);
}

async function untilNext(pid: number): Promise<void> {
  const isNext = async () => ![0, pid].includes(await mainPid()) && (await isActive());
  await until(isNext, { what: "the next manager", timeoutMs: 60_000 });
}

/** Clients that connect all the time, each request on a connection of its own. */
function connectAllTheTime(path: string, connections = 4): Load {
  return startLoadInside(system, target(path), { connections });
}

/** Three times; not a request is lost. */
async function restartUnder(load: Load): Promise<void> {
  for (let round = 1; round <= 3; round += 1) {
    await answered(load, load.result.answered + 200);
    await system.succeed("systemctl restart web");
  }
  await answered(load, load.result.answered + 200);
  expect((await load.stop()).failed).toEqual(nothingFailed);
}

describe("systemctl", () => {
  test("start waits until all workers are ready, and status says how it goes", async () => {
    write({ blog: app(echoes.c, "processes = 3"), shop: app(behaviours.slowToStart, 'env = { BOOT_MS = "1500" }') });
    await system.succeed("systemctl daemon-reload; systemctl start web");
    expect(await show("ActiveState", "StatusText", "NFileDescriptorStore")).toMatchObject({
      ActiveState: "active",
      StatusText: "blog 3/3 ready, 0 busy, queue 0; shop 1/1 ready, 0 busy, queue 0",
      NFileDescriptorStore: "2",
    });
    expect(await journal()).not.toMatch(/FileDescriptorStoreMax|Cannot store/);
  });

  test("start takes as long as a slow app needs, beyond the unit's own timeout", async () => {
    system.write("/etc/systemd/system/web.service", service("TimeoutStartSec=5"));
    write({ shop: app(behaviours.slowToStart, 'env = { BOOT_MS = "12000" }') });
    await system.succeed("systemctl daemon-reload; systemctl start web");
    expect((await show("StatusText"))["StatusText"]).toMatch(/^shop 1\/1 ready/);
  });

  test("start fails where no app can start, by the unit's timeout, and the status says why", async () => {
    system.write("/etc/systemd/system/web.service", service("TimeoutStartSec=3", "Restart=no"));
    write({ shop: app(behaviours.diesAtOnce) });
    const started = system.run("systemctl daemon-reload; systemctl start web");
    await until(async () => /^shop 0\/1 ready/.test((await show("StatusText"))["StatusText"] ?? ""), {
      what: "the status of the crash loop",
      timeoutMs: 30_000,
    });
    expect((await started).status).not.toBe(0);
    expect((await show("Result"))["Result"]).toBe("timeout");
  });

  test("restart waits for a request that takes longer than the unit's timeout", async () => {
    system.write("/etc/systemd/system/web.service", service("TimeoutStopSec=5"));
    write({ blog: app(behaviours.sleepsThenAnswers, "processes = 2") });
    await system.succeed("systemctl daemon-reload; systemctl start web");
    const asked = [{ uri: "/long?sleep=12000" }];
    const load = startLoadInside(system, target("/run/web/blog.sock", behaviours.sleepsThenAnswers), {
      connections: 1,
      requests: 1,
      asked,
    });
    const look = "RUNTIME_DIRECTORY=/run/web fcgi-pm status > /dev/null; systemctl show -P StatusText web";
    await until(async () => / 1 busy/.test(await system.succeed(look)), { what: "the request to be under way" });
    await system.succeed("systemctl restart web");
    const { answered: answers, failed } = await load.finished;
    expect({ answers, failed }).toEqual({ answers: 1, failed: nothingFailed });
    expect(await journal()).not.toMatch(/timed out|Killing/);
  });

  test("stop leaves nothing: no process, no path, nothing in the store", async () => {
    write({ blog: app(echoes.c, "processes = 2", 'socket = "/run/web-blog.sock"') });
    await system.succeed("systemctl daemon-reload; systemctl start web");
    expect(existsSync(system.outside("/run/web-blog.sock"))).toBe(true);
    await system.succeed("systemctl stop web");
    expect(await show("ActiveState", "Result", "NFileDescriptorStore")).toMatchObject({
      ActiveState: "inactive",
      Result: "success",
      NFileDescriptorStore: "0",
    });
    for (const path of ["/run/web-blog.sock", "/run/.web-blog.sock.lock", "/run/web"])
      expect([path, existsSync(system.outside(path))]).toEqual([path, false]);
    expect((await system.run("pgrep -x 'echo|fcgi-pm: manage'")).stdout).toBe("");
  });

  test("stop refuses who comes too late, and answers everybody else", async () => {
    write({ blog: app(echoes.c, "processes = 3") });
    await system.succeed("systemctl daemon-reload; systemctl start web");
    const load = connectAllTheTime("/run/web/blog.sock", 16);
    await answered(load, 500);
    await system.succeed("systemctl stop web");
    await until(() => load.result.failed.refused > 0, { what: "one that comes too late" });
    expect({ ...(await load.stop()).failed, refused: 0 }).toEqual(nothingFailed);
  });

  test("reload shows as reloading until it is over, for HUP and for a command, and loses nothing", async () => {
    write({ blog: app(echoes.c, "processes = 3") });
    system.write(
      "/etc/systemd/system/web.service",
      service("ExecReload=/usr/local/bin/fcgi-pm reload --control /run/web.control"),
    );
    system.write(
      "/etc/web.toml",
      `[manager]\ncontrol = "/run/web.control"\n${readFileSync(system.outside("/etc/web.toml"), "utf8")}`,
    );
    await system.succeed("systemctl daemon-reload; systemctl start web");
    const load = connectAllTheTime("/run/web/blog.sock");
    await answered(load, 100);
    const before = await system.succeed("pgrep -P $(systemctl show -P MainPID web)");
    await system.succeed("systemctl reload web");
    const after = await system.succeed("pgrep -P $(systemctl show -P MainPID web)");
    expect(after.split("\n").filter((pid) => pid !== "" && before.split("\n").includes(pid))).toEqual([]);
    await system.succeed("systemctl kill --kill-who=main -s HUP web");
    await until(async () => (await journal()).match(/reloaded to generation 3/), { what: "the reload by HUP" });
    await until(isActive, { what: "the unit to be active again" });
    expect((await load.stop()).failed).toEqual(nothingFailed);
  });
});

describe("nobody is refused", () => {
  test("while systemctl restart ends one manager and starts the next", async () => {
    write({ blog: app(echoes.c, "processes = 3") });
    await system.succeed("systemctl daemon-reload; systemctl start web");
    const { ino } = statSync(system.outside("/run/web/blog.sock"));
    await restartUnder(connectAllTheTime("/run/web/blog.sock", 16));
    expect(statSync(system.outside("/run/web/blog.sock")).ino).toBe(ino);
    await untilJournalSays(/listening on \/run\/web\/blog.sock, which systemd has kept open meanwhile/);
  });

  test("the same on a port, under a load that never rests", async () => {
    write({ blog: [`command = ${JSON.stringify(echoes.c.command.map(inside))}`, "port = 9123", "processes = 3"] });
    await system.succeed("systemctl daemon-reload; systemctl start web");
    const listen = { kind: "tcp", host: "127.0.0.1", port: 9123 } as const;
    await restartUnder(startLoadInside(system, { listen, program: echoes.c }, { connections: 16 }));
    await untilJournalSays(/listening on 127.0.0.1:9123, which systemd has kept open meanwhile/);
  });

  test("when the manager is killed, and only requests under way are lost", async () => {
    write({ blog: app(echoes.c, "processes = 3") });
    await system.succeed("systemctl daemon-reload; systemctl start web");
    const load = connectAllTheTime("/run/web/blog.sock");
    for (let round = 1; round <= 3; round += 1) {
      await answered(load, load.result.answered + 200);
      await killManager();
    }
    await answered(load, load.result.answered + 200);
    const { refused, timeout, wrong, reset, cut } = (await load.stop()).failed;
    expect({ refused, timeout, wrong }).toEqual({ refused: 0, timeout: 0, wrong: 0 });
    // At most one request of each connection was in a worker that was killed.
    expect(reset + cut).toBeLessThanOrEqual(3 * 4);
    expect((await show("NRestarts"))["NRestarts"]).toBe("3");
  });

  test("when the watchdog ends a manager that does not move any more", async () => {
    system.write("/etc/systemd/system/web.service", service("WatchdogSec=2"));
    write({ blog: app(echoes.c, "processes = 3") });
    await system.succeed("systemctl daemon-reload; systemctl start web");
    const load = connectAllTheTime("/run/web/blog.sock");
    await answered(load, 200);
    const pid = await mainPid();
    await system.succeed(`kill -STOP ${pid}`);
    await untilNext(pid);
    await answered(load, load.result.answered + 200);
    const { refused, timeout, wrong } = (await load.stop()).failed;
    expect({ refused, timeout, wrong }).toEqual({ refused: 0, timeout: 0, wrong: 0 });
    await untilJournalSays(/[Ww]atchdog timeout/);
  });

  test("on a port, too", async () => {
    write({
      blog: [...app(echoes.c, "processes = 2").filter((line) => !line.startsWith("socket-mode")), "port = 9700"],
    });
    await system.succeed("systemctl daemon-reload; systemctl start web");
    const probe = [
      "import socket, sys",
      "for line in sys.stdin:",
      '    socket.create_connection(("127.0.0.1", 9700), timeout=30).close()',
      '    print("connected", flush=True)',
    ].join("\n");
    system.write("/tmp/connects.py", probe);
    const client = system.spawn("python3 /tmp/connects.py");
    let [said, complaint] = ["", ""];
    client.stdout?.on("data", (text: Buffer) => {
      said += text.toString();
    });
    client.stderr?.on("data", (text: Buffer) => {
      complaint += text.toString();
    });
    let isOver = false;
    const asking = (async () => {
      for (let asked = 1; !isOver; asked += 1) {
        client.stdin?.write("\n");
        await until(() => said.split("connected").length > asked, {
          what: `connection ${asked}${complaint}`,
          timeoutMs: 40_000,
        });
      }
    })();
    await system.succeed("systemctl restart web");
    await killManager();
    isOver = true;
    await asking;
    client.kill("SIGKILL");
    expect(complaint).toBe("");
    expect((await show("NFileDescriptorStore"))["NFileDescriptorStore"]).toBe("1");
  });
});

describe("a socket that was kept", () => {
  test("and is wanted no more is closed, so that its port is free for another app", async () => {
    write({ blog: [...app(echoes.c).filter((line) => !line.startsWith("socket-mode")), 'port = "0.0.0.0:9700"'] });
    await system.succeed("systemctl daemon-reload; systemctl start web");
    write({ shop: [...app(echoes.c).filter((line) => !line.startsWith("socket-mode")), 'port = "127.0.0.1:9700"'] });
    await system.succeed("systemctl restart web");
    expect(await system.succeed("RUNTIME_DIRECTORY=/run/web fcgi-pm status")).toMatch(/127\.0\.0\.1:9700/);
    expect((await show("NFileDescriptorStore"))["NFileDescriptorStore"]).toBe("1");
    await untilJournalSays(/systemd has kept 0\.0\.0\.0:9700, where no app listens any more: closed/);
  });

  test("and whose path has gone meanwhile is bound anew, with a warning", async () => {
    system.write("/etc/systemd/system/web.service", service("RuntimeDirectoryPreserve=no"));
    write({ blog: app(echoes.c) });
    await system.succeed("systemctl daemon-reload; systemctl start web; systemctl restart web");
    expect((await askAt("/run/web/blog.sock", "/again")).pathInfo).toBe("/again");
    await untilJournalSays(/its path has gone: bound anew/);
    expect((await show("NFileDescriptorStore"))["NFileDescriptorStore"]).toBe("1");
  });

  test("and is served by workers of a killed manager, too, is told of", async () => {
    system.write("/etc/systemd/system/web.service", service("KillMode=process"));
    write({ blog: app(echoes.c, "processes = 2") });
    await system.succeed("systemctl daemon-reload; systemctl start web");
    const pid = await mainPid();
    const workers = (await system.succeed(`pgrep -P ${pid}`)).trim().split("\n");
    await killManager();
    const [, named = ""] = await untilJournalSays(/workers of a former manager serve \S+, too: kill ([\d ]+)\./);
    expect(named.split(" ").toSorted()).toEqual(workers.toSorted());
    await system.succeed(`kill ${named}`);
  });

  test("stays at its path when somebody loses patience with a restart before systemd has said what the end means", async () => {
    system.write(
      "/run/slow/systemctl",
      '#!/bin/sh\nuntil [ -e /run/slow/go ]; do sleep 0.1; done\nexec /usr/bin/systemctl "$@"\n',
      0o755,
    );
    system.write("/run/slow/go", "");
    system.write("/etc/systemd/system/web.service", service("Environment=PATH=/run/slow:/usr/bin:/bin"));
    write({ blog: app(echoes.c, 'socket = "/run/web-blog.sock"') });
    await system.succeed("systemctl daemon-reload && systemctl start web && rm /run/slow/go");
    const { ino } = statSync(system.outside("/run/web-blog.sock"));
    const restarted = system.succeed("systemctl restart web");
    await until(async () => /SIGTERM: stopping/.test(await journal()), { what: "the first signal" });
    const impatience = async () => {
      // Within some time it is the echo of the first one.
      await system.succeed("systemctl kill --kill-who=main -s TERM web");
      return /SIGTERM: killing/.test(await journal());
    };
    await until(impatience, { what: "the second signal" });
    system.write("/run/slow/go", "");
    await restarted;
    expect(statSync(system.outside("/run/web-blog.sock")).ino).toBe(ino);
    await untilJournalSays(/listening on \/run\/web-blog.sock, which systemd has kept open meanwhile/);
  });

  test("is told from one whose unit has no store: that manager removes its path, and the next one makes it", async () => {
    system.write("/etc/systemd/system/web.service", service("FileDescriptorStoreMax=0"));
    write({ blog: app(echoes.c, 'socket = "/run/web-blog.sock"') });
    await system.succeed("systemctl daemon-reload; systemctl start web");
    expect((await show("NFileDescriptorStore"))["NFileDescriptorStore"]).toBe("0");
    const { ino } = statSync(system.outside("/run/web-blog.sock"));
    await system.succeed("systemctl restart web");
    expect(statSync(system.outside("/run/web-blog.sock")).ino).not.toBe(ino);
    expect(await journal()).not.toMatch(/stale|Cannot store/);
  });
});

describe("a socket unit", () => {
  const socketUnit = "[Socket]\nListenStream=/run/web-blog.sock\nSocketMode=0666\nService=web.service\n";

  test("starts the manager on the first connection, and outlives it", async () => {
    system.write("/etc/systemd/system/blog.socket", socketUnit);
    write({ blog: app(echoes.c, "processes = 2") });
    await system.succeed("systemctl daemon-reload; systemctl start blog.socket");
    expect((await show("ActiveState"))["ActiveState"]).toBe("inactive");
    const { ino } = statSync(system.outside("/run/web-blog.sock"));
    expect((await askAt("/run/web-blog.sock", "/first")).pathInfo).toBe("/first");
    expect(await show("ActiveState", "NFileDescriptorStore")).toMatchObject({ NFileDescriptorStore: "0" });
    // Clients that come while it is restarted wait.
    const load = connectAllTheTime("/run/web-blog.sock");
    await answered(load, 100);
    await system.succeed("systemctl restart web");
    await answered(load, load.result.answered + 100);
    expect((await load.stop()).failed).toEqual(nothingFailed);
    await system.succeed("systemctl stop web");
    expect(statSync(system.outside("/run/web-blog.sock")).ino).toBe(ino);
    expect((await askAt("/run/web-blog.sock", "/again")).pathInfo).toBe("/again");
  });

  test("that is not for this manager is in its way, and it says what to do", async () => {
    system.write("/etc/systemd/system/blog.socket", socketUnit);
    await system.succeed("systemctl daemon-reload; systemctl start blog.socket");
    const command = "fcgi-pm start /bin/true --name blog --socket /run/web-blog.sock";
    const { status, stderr } = await system.run(command);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /process 1 \(systemd\) listens on it\n {2}try: systemctl list-sockets names its socket unit/,
    );
  });

  test("and sockets of our own stand side by side", async () => {
    system.write("/etc/systemd/system/blog.socket", socketUnit);
    write({ blog: app(echoes.c), shop: app(echoes.c) });
    await system.succeed("systemctl daemon-reload; systemctl start blog.socket web; systemctl restart web");
    expect((await askAt("/run/web-blog.sock", "/blog")).pathInfo).toBe("/blog");
    expect((await askAt("/run/web/shop.sock", "/shop")).pathInfo).toBe("/shop");
    expect((await show("NFileDescriptorStore"))["NFileDescriptorStore"]).toBe("1");
  });
});

test("start --daemon is a service, too, whose main process is the manager", async () => {
  const daemon = service("NotifyAccess=all", "ExecStart=", `ExecStart=${start} --daemon`);
  system.write("/etc/systemd/system/web.service", daemon);
  write({ blog: app(echoes.c) });
  await system.succeed("systemctl daemon-reload; systemctl start web");
  const pid = await mainPid();
  expect(await system.succeed(`cat /proc/${pid}/cmdline`)).toMatch(/fcgi-pm: manager/);
  expect((await show("ActiveState"))["ActiveState"]).toBe("active");
});
