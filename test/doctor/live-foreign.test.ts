/** Sockets and ports of programs that are not under fcgi-pm: who listens, what waits, what is answered. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { examineLive } from "../../src/doctor/live.ts";
import type { Patient } from "../../src/doctor/patient.ts";
import { examinePlace } from "../../src/doctor/place.ts";
import { listeningAt } from "../../src/os/listening.ts";
import { viewProcess } from "../../src/os/process-view.ts";
import { tryKill, usePlace } from "../helpers/manager.ts";
import { buildPrograms, echoes } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { freePort } from "../helpers/webservers.ts";
import { openSite, startWorker, Undo } from "../os/workers.ts";
import { foreign } from "./stage.ts";

beforeAll(() => buildPrograms([echoes.c]), 120_000);

const place = usePlace();
const undo = new Undo();
const children = new Set<ChildProcess>();
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  // With their own children: each leads a process group.
  for (const { pid } of children) if (pid !== undefined) tryKill(-pid);
  await until(() => [...children].every(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null), {
    what: "the end of what was started",
  });
  await undo.all();
  sockets.clear();
  children.clear();
});

/** A stranger's socket, and what is told of it. */
function stranger(address: NonNullable<Patient["address"]>): { patient: Patient; tried: string[] } {
  const tried: string[] = [];
  const signal = new AbortController().signal;
  const journal = { say: () => {}, tried: (text: string) => void tried.push(text), signal };
  return { patient: { ...foreign(address), journal }, tried };
}

/** A program that listens and never accepts, with room for one. */
async function listenDeaf(): Promise<number> {
  const script =
    "import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1); time.sleep(600)";
  const child = spawn("/usr/bin/python3", ["-c", script, place.path], { stdio: "ignore", detached: true });
  children.add(child);
  await until(() => existsSync(place.path) && listeningAt({ kind: "unix", path: place.path }).length > 0, {
    what: "the listener",
  });
  return child.pid ?? 0;
}

function come(): void {
  const socket = connect(place.path);
  socket.on("error", () => {});
  sockets.add(socket);
}

describe("a program of somebody else", () => {
  test("is told with its process, user and queue, and asked one request", async () => {
    const site = await openSite(undo, "unix");
    const pid = await startWorker(undo, site, echoes.c);
    const { patient, tried } = stranger({ kind: "unix", path: site.listener.address });
    expect(await examineLive(patient)).toEqual([]);
    const [who, asked] = tried;
    expect(who).toMatch(/^process \d+ \(.+\) and 1 more listen at \S+ as \w+, queue 0 of 64$/);
    expect(who).toContain(site.listener.address);
    expect(listeningAt({ kind: "unix", path: site.listener.address })[0]?.holdings).toContainEqual({ pid, fd: 0 });
    expect(asked).toMatch(/GET \/ .*200/);
  });

  test("that has a port is told the same way", async () => {
    const site = await openSite(undo, "tcp");
    await startWorker(undo, site, echoes.c);
    const [host = "", port] = site.listener.address.split(":");
    const { patient, tried } = stranger({ kind: "tcp", host, port: Number(port) });
    expect(await examineLive(patient)).toEqual([]);
    expect(tried[0]).toMatch(/queue 0 of 64$/);
  });

  test("with a full queue is broken, and not asked", async () => {
    await listenDeaf();
    come();
    come();
    await until(() => listeningAt({ kind: "unix", path: place.path })[0]?.queue?.length === 2, {
      what: "a full queue",
    });
    const { patient, tried } = stranger({ kind: "unix", path: place.path });
    expect(await examineLive(patient)).toMatchObject([{ code: "live.queue-full", level: "broken" }]);
    expect(tried.join()).not.toContain("GET");
  });

  test("is an HTTP server that waits in silence for the end of a line", async () => {
    const port = await freePort();
    const args = ["-m", "http.server", "--bind", "127.0.0.1", "--directory", place.directory, String(port)];
    children.add(spawn("/usr/bin/python3", args, { stdio: "ignore", detached: true }));
    const address = { kind: "tcp", host: "127.0.0.1", port } as const;
    // It listens before it is done with its start, which on a busy machine outlasts the doctor's patience.
    await until(async () => (await fetch(`http://127.0.0.1:${port}/`)).ok, { what: "its first answer" });
    const { patient } = stranger(address);
    const findings = await examineLive({ ...patient, wish: { ...patient.wish, timeoutMs: 2000 } });
    expect(findings).toMatchObject([{ code: "program.speaks-http", level: "broken" }]);
  });

  test("that is stopped is broken, and not asked", async () => {
    const pid = await listenDeaf();
    process.kill(pid, "SIGSTOP");
    const { patient } = stranger({ kind: "unix", path: place.path });
    await until(() => viewProcess(pid)?.state === "T", { what: "SIGSTOP to take effect" });
    expect(await examineLive(patient)).toMatchObject([{ code: "live.workers-stopped", remedy: [`kill -CONT ${pid}`] }]);
  });

  test("is php-fpm, as www-data, where that is installed", async () => {
    const program = "/usr/sbin/php-fpm8.2";
    if (!existsSync(program)) return;
    chmodSync(place.directory, 0o755);
    const config = join(place.directory, "fpm.conf");
    writeFileSync(
      config,
      `[global]\nerror_log=${join(place.directory, "fpm.log")}\n[www]\nuser=www-data\ngroup=www-data\nlisten=${place.path}\npm=static\npm.max_children=2\n`,
    );
    children.add(spawn(program, ["-F", "-y", config, "-R"], { stdio: "ignore", detached: true }));
    const users = () =>
      listeningAt({ kind: "unix", path: place.path })[0]?.holdings.map(({ pid }) => viewProcess(pid)?.user);
    // Its children are root's for a moment.
    await until(() => users()?.toSorted().join() === "root,www-data,www-data", { what: "php-fpm" });
    const { patient, tried } = stranger({ kind: "unix", path: place.path });
    await examineLive(patient);
    expect(tried[0]).toMatch(/\(php-fpm8\.2\) and 2 more listen at \S+ as root, www-data/);
    expect(tried[1]).toContain("GET /");
  });
});

test("where nobody listens nothing is asked", async () => {
  const { patient, tried } = stranger({ kind: "unix", path: place.path });
  expect(await examineLive(patient)).toEqual([]);
  expect(tried).toEqual([]);
});

test("a socket behind a directory that is closed to this user is not asked either", async () => {
  await listenDeaf();
  chmodSync(place.directory, 0o700);
  // Needs root, to become somebody else.
  process.seteuid?.("www-data");
  try {
    const { patient } = stranger({ kind: "unix", path: place.path });
    expect(await examineLive(patient)).toEqual([]);
    const codes = (await examinePlace(patient, [])).map(({ code }) => code);
    expect(codes).toContain("live.not-asked");
    expect(codes).not.toContain("place.no-socket");
  } finally {
    process.seteuid?.(0);
  }
});

test("a socket that this user may not write to is not asked, and that is no fault of the socket's", async () => {
  await listenDeaf();
  chmodSync(place.directory, 0o755);
  chmodSync(place.path, 0o600);
  const { patient, tried } = stranger({ kind: "unix", path: place.path });
  // Needs root, to become somebody else.
  process.seteuid?.("www-data");
  try {
    expect(await examineLive(patient)).toMatchObject([{ code: "live.not-asked", level: "note" }]);
  } finally {
    process.seteuid?.(0);
  }
  expect(tried.join()).not.toContain("GET");
});
