/** Scaling, stopping, restarting and killing under a load that never rests. */
import { beforeAll, describe, expect, jest, test } from "@jest/globals";
import { answered, type RunningApp, startApp } from "../helpers/app.ts";
import { nothingFailed, startLoad } from "../helpers/load.ts";
import { childrenOf, isAlive, tryKill, usePlace } from "../helpers/manager.ts";
import { behaviours, buildPrograms, echoes } from "../helpers/programs.ts";
import { pause, until } from "../helpers/wait.ts";

jest.setTimeout(240_000);

const place = usePlace();
const program = behaviours.diesOnSigterm;
const load32 = { connections: 32, asked: [{ uri: "/plain" }, { uri: "/works?sleep=1" }] };
beforeAll(() => buildPrograms([program, echoes.go]));

const kills = 50;
const someOf = (pids: readonly number[]) => pids.length > 0 && pids;

async function scale(app: RunningApp, processes: number): Promise<void> {
  const { apps } = await app.control.command("/v1/apps/:app/scale", { processes }, "app");
  expect(apps).toMatchObject([{ action: "scaled", result: "done", wanted: processes }]);
  expect(await app.pids()).toHaveLength(processes);
}

describe("under load", () => {
  test.each([
    ["a program that dies on SIGTERM", program, "unix"],
    ["a program that dies on SIGTERM", program, "tcp"],
    ["Go", echoes.go, "unix"],
  ] as const)("scale to 8 and to 2 loses nothing (%s, %o, %s)", async (_name, scaled, transport) => {
    const app = await startApp(place, scaled, { transport });
    const load = startLoad(app, load32);
    await answered(load, 500);
    await scale(app, 8);
    await answered(load, load.result.answered + 500);
    await scale(app, 2);
    await answered(load, load.result.answered + 500);
    expect((await load.stop()).failed).toEqual(nothingFailed);
    await app.manager.stop();
  });

  test.each(["unix", "tcp"] as const)("a restart lets requests wait, and loses none, over %s", async (transport) => {
    const app = await startApp(place, program, { transport });
    const before = await app.pids();
    const load = startLoad(app, load32);
    await answered(load, 500);
    const { apps } = await app.control.command("/v1/apps/:app/restart", {}, "app");
    expect(apps).toMatchObject([{ action: "restarted", result: "done", wanted: 4 }]);
    expect(before.filter(isAlive)).toEqual([]);
    await answered(load, load.result.answered + 500);
    expect((await load.stop()).failed).toEqual(nothingFailed);
    await app.manager.stop();
  });

  test("an app that is stopped keeps its requests waiting until it is started again", async () => {
    const app = await startApp(place, program);
    const load = startLoad(app, load32);
    await answered(load, 500);
    await app.control.command("/v1/apps/:app/stop", {}, "app");
    expect(await app.status()).toMatchObject({ state: "stopped", wanted: 0, workers: [] });
    await until(async () => ((await app.status()).queue ?? 0) === 32, { what: "all connections to wait in the queue" });
    const waiting = load.result.answered;
    await app.control.command("/v1/apps/:app/restart", {}, "app");
    await answered(load, waiting + 500);
    expect((await load.stop()).failed).toEqual(nothingFailed);
    await app.manager.stop();
  });

  test("the end of the manager cuts nothing that had come in: later ones are refused", async () => {
    const app = await startApp(place, program);
    const load = startLoad(app, load32);
    await answered(load, 500);
    const ended = await app.manager.stop();
    expect(ended.code).toBe(0);
    await until(() => load.result.failed.refused > 0, { what: "one that comes too late" });
    const { failed } = await load.stop();
    expect({ ...failed, refused: 0 }).toEqual(nothingFailed);
  });
});

test("fifty random workers killed, one every 200 ms: no more requests fail than workers were killed, and the pool is whole again", async () => {
  const app = await startApp(place, program);
  const load = startLoad(app, load32);
  await answered(load, 500);
  for (let killed = 0; killed < kills; killed += 1) {
    const workers = await until(() => someOf(childrenOf(app.manager.pid)), { what: "a worker to be killed" });
    tryKill(workers[Math.floor(Math.random() * workers.length)] ?? 0);
    await pause(200);
  }
  await until(async () => (await app.status()).ready === 4, { what: "the pool to be whole" });
  await answered(load, load.result.answered + 500);
  const { failed } = await load.stop();
  const lost = Object.values(failed).reduce((sum, count) => sum + count, 0);
  expect(lost).toBeLessThanOrEqual(kills);
  expect(failed).toMatchObject({ refused: 0, timeout: 0, wrong: 0 });
  await app.manager.stop();
});
