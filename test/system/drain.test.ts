/** A worker that has to go finishes what it has in its hands, however little its program does for that. */
import { createConnection, type Socket } from "node:net";
import { afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { toNetOptions } from "../../src/fastcgi/address.ts";
import { type RunningApp, reloadThrice, startApp } from "../helpers/app.ts";
import { ask, nothingFailed, startLoad } from "../helpers/load.ts";
import { isAlive, usePlace } from "../helpers/manager.ts";
import { behaviours, buildPrograms, echoes, type Program } from "../helpers/programs.ts";
import { pause, until } from "../helpers/wait.ts";
import { KeptClient } from "../os/kept-client.ts";

jest.setTimeout(240_000);

const processes = 2;
const place = usePlace();
const sockets: Socket[] = [];
const { diesOnSigterm, diesOnSecondSigterm, finishesOnSigterm } = behaviours;
beforeAll(() => buildPrograms([...Object.values(echoes), diesOnSigterm, diesOnSecondSigterm, finishesOnSigterm]));
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** A web server's side of a connection that it keeps. */
function connectKept(app: RunningApp, program: Program): KeptClient {
  const socket = createConnection({ ...toNetOptions(app.listen), allowHalfOpen: true, noDelay: true });
  sockets.push(socket.on("error", () => {}));
  return new KeptClient(socket, program);
}

/** Waits until some worker holds a connection, and gives its pid. */
async function busyPid(app: RunningApp): Promise<number> {
  const isBusy = async () => (await app.status()).workers.find(({ connections }) => (connections ?? 0) > 0)?.pid;
  return until(isBusy, { what: "a busy worker" });
}

async function untilState(app: RunningApp, pid: number, state: string): Promise<void> {
  const isSo = async () => (await app.status()).workers.some((worker) => worker.pid === pid && worker.state === state);
  await until(isSo, { what: `worker ${pid} to be ${state}`, everyMs: 2 });
}

/** How long a request has to take so that two workers can be replaced meanwhile, some times over; drain-timeout is longer. */
async function longMs(app: RunningApp): Promise<number> {
  const { tookMs } = await app.manager.notice("manager.ready");
  return Math.min(30_000, Math.max(3000, 10 * Number(tookMs)));
}

/** Waits until this worker gets the stop signal since its time is over. */
async function untilTimeout(app: RunningApp, pid: number): Promise<void> {
  await app.manager.see("the end of drain-timeout", (one) => one.notice === "worker.drain-timeout" && one.pid === pid);
}

/** One request at a time, and many. */
const takers: readonly (readonly [string, Program, "unix" | "tcp"])[] = [
  ["a program that dies at once on SIGTERM", behaviours.diesOnSigterm, "unix"],
  ["Ruby", echoes.ruby, "tcp"],
  ["Go", echoes.go, "unix"],
  ["Node", echoes.node, "tcp"],
];

describe("a reload", () => {
  test.each(takers)("waits for a long request of %s, which new ones overtake", async (_name, program, transport) => {
    const app = await startApp(place, program, { transport, processes });
    const before = await app.pids();
    const long = ask(app, `/?sleep=${await longMs(app)}`);
    const pid = await busyPid(app);
    const reload = app.reload();
    await untilState(app, pid, "draining");
    await until(async () => (await app.status()).ready === processes, { what: "its successor" });
    for (const n of [1, 2, 3]) {
      const { pid: other } = await ask(app, `/?n=${n}`);
      if (!program.traits.isConcurrent) expect(before).not.toContain(other);
    }
    expect((await long).pid).toBe(pid);
    expect(await reload).toMatchObject({ result: "done", generation: 2 });
    expect(before.filter(isAlive)).toEqual([]);
    await app.manager.stop();
  });

  test("gives a busy worker the stop signal at drain-timeout", async () => {
    const app = await startApp(place, behaviours.diesOnSigterm, { processes, flags: ["--drain-timeout", "1s"] });
    const long = ask(app, "/?sleep=600000");
    const pid = await busyPid(app);
    const cut = expect(long).rejects.toMatchObject({ code: "FCGI_ANSWER_CUT_SHORT" });
    expect(await app.reload()).toMatchObject({ result: "done" });
    await cut;
    await untilTimeout(app, pid);
    await app.manager.stop();
  });

  test("leaves a program that finishes on the stop signal its time after drain-timeout, too", async () => {
    const app = await startApp(place, behaviours.finishesOnSigterm, { processes, flags: ["--drain-timeout", "1s"] });
    const long = ask(app, "/?sleep=5000");
    const pid = await busyPid(app);
    expect(await app.reload()).toMatchObject({ result: "done" });
    expect((await long).pid).toBe(pid);
    await untilTimeout(app, pid);
    await app.manager.stop();
  });
});

describe('with drain = "signal"', () => {
  const flags = ["--drain", "signal"];

  test.each([
    ["a worker gets the stop signal at once, and finishes by itself", behaviours.finishesOnSigterm],
    ["the signal is not said again to a worker that is busy: a second one may be the end of it", diesOnSecondSigterm],
  ])("%s", async (_what, program) => {
    const app = await startApp(place, program, { processes, flags: [...flags, "--stop-timeout", "5m"] });
    const long = ask(app, `/?sleep=${await longMs(app)}`);
    const pid = await busyPid(app);
    const reload = app.reload();
    await untilState(app, pid, "stopping");
    expect((await long).pid).toBe(pid);
    expect(await reload).toMatchObject({ result: "done" });
    await app.manager.stop();
  });

  test.each([
    ["a C program", behaviours.finishesOnSigterm],
    ["Perl", echoes.perl],
    ["php-cgi", echoes.php],
  ])("%s loses nothing under load", async (_name, program) => {
    const app = await startApp(place, program, { flags });
    const load = startLoad(app, { connections: 32, asked: [{ uri: "/plain" }, { uri: "/works?sleep=1" }] });
    const reloads = await reloadThrice(app, load, 3000);
    const { failed, complaints } = await load.stop();
    expect([failed, complaints]).toEqual([nothingFailed, []]);
    expect(reloads.flatMap(({ before }) => before).filter(isAlive)).toEqual([]);
    await app.manager.stop();
  });
});

describe("a connection that a web server keeps", () => {
  test.each([
    ["a C program", echoes.c, "unix"],
    ["Perl", echoes.perl, "tcp"],
    ["php-cgi", echoes.php, "unix"],
    ["Python", echoes.python, "tcp"],
  ] as const)("does not hold up a reload of %s while nothing is in flight on it", async (_name, program, transport) => {
    const app = await startApp(place, program, { transport, processes });
    const client = connectKept(app, program);
    expect(await client.ask()).toBe("answered");
    const pid = await busyPid(app);
    expect(await app.reload()).toMatchObject({ result: "done" });
    expect(isAlive(pid)).toBe(false);
    await until(() => client.hasEnd, { what: "the end of the connection" });
    await app.manager.stop();
    expect(app.manager.records.map(({ notice }) => notice)).not.toContain("worker.drain-timeout");
  });

  test("holds an event loop until drain-timeout: what it has in flight nobody can see", async () => {
    const app = await startApp(place, echoes.go, { processes, flags: ["--drain-timeout", "1s"] });
    const client = connectKept(app, echoes.go);
    expect(await client.ask()).toBe("answered");
    const pid = await busyPid(app);
    expect(await app.reload()).toMatchObject({ result: "done" });
    await untilTimeout(app, pid);
    await app.manager.stop();
  });

  test.each([
    ["a C program", behaviours.diesOnSigterm, "unix"],
    ["Perl", echoes.perl, "tcp"],
    ["php-cgi", echoes.php, "unix"],
    ["Python", echoes.python, "tcp"],
    ["Go", echoes.go, "tcp"],
    ["Node", echoes.node, "unix"],
  ] as const)("is not cut by a reload of %s while an upload on it is half-sent", async (_name, program, transport) => {
    const app = await startApp(place, program, { transport, processes });
    const client = connectKept(app, program);
    client.write(client.begin({ bodyBytes: 4, query: "half" }));
    client.write(client.body("up"));
    const pid = await busyPid(app);
    const reload = app.reload();
    await untilState(app, pid, "draining");
    await pause(1000);
    client.write(client.body("lo"));
    expect(await client.send(client.end())).toBe("answered");
    expect(client.text).toMatch(new RegExp(`^pid=${pid}$[^]*^body=4$`, "m"));
    client.socket.destroy();
    expect(await reload).toMatchObject({ result: "done" });
    await app.manager.stop();
  });
});
