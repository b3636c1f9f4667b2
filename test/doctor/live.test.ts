/** Apps that run and do not serve as they should, each looked at as their manager and the kernel show them. */
import { execFileSync } from "node:child_process";
import { renameSync, unlinkSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { Finding } from "../../src/diagnosis/finding.ts";
import { examineLive } from "../../src/doctor/live.ts";
import type { Patient } from "../../src/doctor/patient.ts";
import { examinePlace } from "../../src/doctor/place.ts";
import { viewProcess } from "../../src/os/process-view.ts";
import { type AppOptions, controlOf, startApp } from "../helpers/app.ts";
import { runManager, usePlace } from "../helpers/manager.ts";
import { behaviours, buildPrograms, echoes, type Program } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { KeptClient } from "../os/kept-client.ts";
import { configured, foreign, listenAt, runningAt, useStage } from "./stage.ts";

jest.setTimeout(60_000);
beforeAll(() => buildPrograms([echoes.c, echoes.perl, echoes.php, behaviours.crashesOnRequest]), 120_000);

useStage();
const place = usePlace();
const sockets = new Set<Socket>();
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
});

const codesOf = (findings: readonly Finding[]): string[] => findings.map(({ code }) => code);
const brokenOf = (findings: readonly Finding[]): string[] =>
  codesOf(findings.filter(({ level }) => level === "broken"));
const find = (findings: readonly Finding[], code: string): Finding => {
  const found = findings.find((finding) => finding.code === code);
  if (found === undefined) throw new Error(`no ${code} in ${JSON.stringify(findings, undefined, 2)}`);
  return found;
};
const textOf = ({ what, seen, remedy }: Finding): string => [what, ...seen, ...remedy].join("\n");

interface Bed {
  readonly patient: Patient;
  readonly tried: readonly string[];
  readonly app: Awaited<ReturnType<typeof startApp>>;
}

/** The program as the app `app`, which runs. */
async function admit(program: Program, options: AppOptions = {}): Promise<Bed> {
  const app = await startApp(place, program, { processes: 2, ...options });
  return { app, ...(await patientOf(app.control.path)) };
}

async function patientOf(control: string): Promise<{ patient: Patient; tried: readonly string[] }> {
  const running = await runningAt(control);
  const tried: string[] = [];
  const journal = {
    say: () => {},
    tried: (text: string) => void tried.push(text),
    signal: new AbortController().signal,
  };
  const patient = { ...foreign({ kind: "unix", path: place.path }), name: "app", running, journal };
  return { patient, tried };
}

function connected(): Socket {
  const socket = connect(place.path);
  socket.on("error", () => {});
  sockets.add(socket);
  return socket;
}

/** A web server that keeps its connection after an answer. */
async function keep(program: Program): Promise<void> {
  await new KeptClient(connected(), program).ask();
}

/** A request that is not answered for a long time. */
function occupy(program: Program): void {
  const client = new KeptClient(connected(), program);
  client.write(Buffer.concat([client.begin({ query: "sleep=30000" }), client.end()]));
}

const waiting = (bed: Bed, count: number) =>
  until(async () => (await bed.app.status()).queue === count, { what: `${count} in the queue` });
const busy = (bed: Bed, count: number) =>
  until(async () => (await bed.app.status()).busy === count, { what: `${count} busy workers` });

describe("an app that is well", () => {
  test("is asked one real request, and nothing is broken", async () => {
    const { patient, tried } = await admit(echoes.c);
    expect(codesOf(await examineLive(patient))).toEqual(process.getuid?.() === 0 ? ["live.runs-as-root"] : []);
    expect(tried.join("\n")).toMatch(/2 of 2 workers ready.*\n.*GET \/ .*200/);
  });
});

describe("kept connections of a web server", () => {
  test.each([["C"], ["Perl"], ["PHP"]] as const)("occupy all workers of a program in %s", async (language) => {
    const program = { C: echoes.c, Perl: echoes.perl, PHP: echoes.php }[language];
    const bed = await admit(program);
    await keep(program);
    await keep(program);
    connected();
    await waiting(bed, 1);
    const findings = await examineLive(bed.patient);
    const finding = find(findings, "live.keep-alive-pins");
    expect(finding).toMatchObject({ level: "broken", what: expect.stringContaining("occupy all 2 workers") });
    expect(finding.remedy.join("\n")).toContain("fastcgi_keep_conn off;");
    // Nobody is asked who could not answer.
    expect(bed.tried.join("\n")).not.toContain("GET /");
  });

  test("are a risk before the next one waits, and nobody is asked who would wait as well", async () => {
    const bed = await admit(echoes.perl);
    await keep(echoes.perl);
    await keep(echoes.perl);
    await busy(bed, 2);
    const finding = find(await examineLive(bed.patient), "live.keep-alive-pins");
    expect(finding).toMatchObject({ level: "risk", what: expect.stringContaining("by another connection waits") });
    expect(bed.tried.join("\n")).not.toContain("GET /");
  });

  test("are no finding as long as a worker is left", async () => {
    const bed = await admit(echoes.c);
    await keep(echoes.c);
    expect(brokenOf(await examineLive(bed.patient))).toEqual([]);
  });
});

describe("workers that are busy", () => {
  test("without using the processor are told from pinned ones", async () => {
    const bed = await admit(echoes.c);
    for (let n = 0; n < 3; n += 1) occupy(echoes.c);
    await waiting(bed, 1);
    const { what, level } = find(
      await examineLive({ ...bed.patient, wish: { ...bed.patient.wish, timeoutMs: 500 } }),
      "live.all-busy",
    );
    expect(level).toBe("risk");
    expect(what).toContain("busy without using the processor: they wait for something else");
  });

  test("behind a queue that is full are broken", async () => {
    const bed = await admit(echoes.c, { flags: ["--listen-queue-depth", "2"] });
    for (let n = 0; n < 2; n += 1) occupy(echoes.c);
    await busy(bed, 2);
    for (let n = 0; n < 3; n += 1) connected();
    await waiting(bed, 3);
    const finding = find(await examineLive(bed.patient), "live.queue-full");
    expect(finding.what).toContain("3 connections wait, 2 may");
  });
});

describe("workers that do not live", () => {
  test("because the program dies at once are shown with their last words", async () => {
    const [command = ""] = behaviours.diesAtOnce.command;
    const manager = runManager(["start", command, "--name", "app", "--socket", place.path, "--processes", "1"]);
    await manager.notice("pool.crash-loop");
    const { patient } = await patientOf((await controlOf(manager)).path);
    const finding = find(await examineLive(patient), "live.crash-loop");
    expect(finding).toMatchObject({
      level: "broken",
      what: expect.stringMatching(/no worker of app stays alive: exit code \d+/),
    });
    expect(finding.seen.join("\n")).toContain("| ");
    await manager.stop();
  });

  test("because somebody made their socket non-blocking are told from others", async () => {
    const { app } = await admit(echoes.c);
    makeNonBlocking(app.manager.pid, place.path);
    for (const pid of await app.pids()) process.kill(pid, "SIGKILL");
    const { patient } = await patientOf(app.control.path);
    const finding = await until(
      async () => (await examineLive(patient)).find(({ code }) => code === "live.non-blocking"),
      {
        what: "the finding",
      },
    );
    expect(textOf(finding)).toContain("O_NONBLOCK");
  });

  test("on a certain request are a risk as long as others serve", async () => {
    const bed = await admit(behaviours.crashesOnRequest);
    const client = new KeptClient(connected(), behaviours.crashesOnRequest);
    await client.ask({ query: "exit=3" });
    await bed.app.manager.notice("worker.died");
    await until(async () => (await bed.app.status()).ready === 2, { what: "two ready workers" });
    const finding = find(await examineLive(bed.patient), "live.workers-die");
    expect(finding).toMatchObject({ level: "risk", what: expect.stringContaining("1 since the start") });
  });
});

/** As a program does that has the socket, too. */
function makeNonBlocking(pid: number, path: string): void {
  const inode = /^\d+/.exec(
    execFileSync("sh", ["-c", `ss -lxH | grep -F '${path}' | awk '{print $6}'`], { encoding: "utf8" }),
  )?.[0];
  const script = `
import ctypes, fcntl, os, sys
pid, inode = int(sys.argv[1]), sys.argv[2]
fd = next(fd for fd in os.listdir(f"/proc/{pid}/fd") if os.readlink(f"/proc/{pid}/fd/{fd}") == f"socket:[{inode}]")
call = ctypes.CDLL(None, use_errno=True).syscall
own = call(438, call(434, pid, 0), int(fd), 0)
fcntl.fcntl(own, fcntl.F_SETFL, fcntl.fcntl(own, fcntl.F_GETFL) | os.O_NONBLOCK)
`;
  execFileSync("/usr/bin/python3", ["-c", script, String(pid), inode ?? ""]);
}

describe("an app whose workers stand still", () => {
  test("because somebody stopped them is mended by what the finding names", async () => {
    const bed = await admit(echoes.c);
    const pids = await bed.app.pids();
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    await until(() => pids.every((pid) => viewProcess(pid)?.state === "T"), { what: "SIGSTOP to take effect" });
    const finding = find(await examineLive(bed.patient), "live.workers-stopped");
    expect(finding).toMatchObject({ level: "broken", what: expect.stringContaining("2 of 2 ready workers") });
    execFileSync("sh", ["-c", finding.remedy[1] ?? ""]);
    expect(codesOf(await examineLive(bed.patient))).not.toContain("live.workers-stopped");
  });

  test("because it was stopped says so", async () => {
    const bed = await admit(echoes.c);
    await bed.app.control.command("/v1/apps/:app/stop", {}, "app");
    const finding = find(await examineLive(bed.patient), "live.stopped");
    expect(finding.remedy).toEqual(["fcgi-pm restart app"]);
  });
});

describe("the socket of an app that runs", () => {
  test("is its manager's", async () => {
    const { patient } = await admit(echoes.c);
    expect(brokenOf(await examinePlace(patient, []))).toEqual([]);
  });

  test("was removed", async () => {
    const { patient } = await admit(echoes.c);
    unlinkSync(place.path);
    expect(codesOf(await examinePlace(patient, []))).toEqual(["place.removed"]);
  });

  test("was bound anew by somebody else, who is named", async () => {
    const { patient } = await admit(echoes.c);
    renameSync(place.path, `${place.path}.away`);
    await listenAt(place.path);
    const finding = find(await examinePlace(patient, []), "place.taken-over");
    expect(textOf(finding)).toContain(`process ${process.pid}`);
  });

  test("is wanted by another app: both are named", async () => {
    const { app } = await admit(echoes.c);
    const before = process.env["RUNTIME_DIRECTORY"];
    process.env["RUNTIME_DIRECTORY"] = app.manager.runtime;
    try {
      const own = await configured(place.directory, [`socket = "${place.path}"`]);
      const patient = { ...own, name: "shop", app: own.app && { ...own.app, name: "shop" } };
      const finding = find(await examinePlace(patient, []), "place.two-apps");
      expect(finding.what).toContain(`shop, and app of the manager ${app.manager.pid}`);
    } finally {
      if (before === undefined) delete process.env["RUNTIME_DIRECTORY"];
      else process.env["RUNTIME_DIRECTORY"] = before;
    }
  });
});
