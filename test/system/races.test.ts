/** Commands that come in each other's way: nothing is left behind, and the last word counts. */
import { chmodSync, existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, jest, test } from "@jest/globals";
import type { ControlClient } from "../../src/control/client.ts";
import { appOf, controlOf } from "../helpers/app.ts";
import { childrenOf, isAlive, type RunningManager, runManager, usePlace } from "../helpers/manager.ts";
import { buildPrograms, echoes } from "../helpers/programs.ts";
import { type HeldRequest, holdRequest } from "../helpers/under-way.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(240_000);

const place = usePlace();
beforeAll(() => buildPrograms([echoes.c]));

const path = (name: string) => join(place.directory, name);
const echo = (name: string, socket: string, ...more: string[]) =>
  [
    `[apps.${name}]`,
    `command = ${JSON.stringify(echoes.c.command)}`,
    `socket = "${path(socket)}"`,
    "processes = 2",
    ...more,
    "",
  ].join("\n");

interface Site {
  readonly manager: RunningManager;
  readonly control: ControlClient;
}

async function start(config: string): Promise<Site> {
  writeFileSync(path("fcgi-pm.toml"), config);
  const manager = runManager(["start", "--config", path("fcgi-pm.toml")]);
  return { manager, control: await controlOf(manager) };
}

/** A request that keeps one of the app's workers; given back when the worker has it. */
async function keepBusy({ control }: Site, app: string, socket: string): Promise<HeldRequest> {
  const held = holdRequest(path(socket));
  await until(async () => (await appOf(control, app).status()).busy === 1, { what: "a busy worker" });
  return held;
}

test("an app that is renamed while it is being restarted leaves nobody behind", async () => {
  const site = await start(echo("blog", "1.sock"));
  const { manager, control } = site;
  await manager.notice("manager.ready");
  const { answer, finish } = await keepBusy(site, "blog", "1.sock");
  const restarting = control.command("/v1/apps/:app/restart", {}, "blog").catch(() => undefined);
  await manager.see("the restart", ({ command }) => command === "restart blog");
  writeFileSync(path("fcgi-pm.toml"), echo("shop", "1.sock"));
  const reloading = control.command("/v1/reload", {});
  await manager.see("the new app", ({ app, notice }) => app === "shop" && notice === "pool.ready");
  finish();
  await Promise.all([answer, restarting, reloading]);
  const known = await appOf(control, "shop").pids();
  await until(() => childrenOf(manager.pid).toSorted().join() === known.toSorted().join(), { what: "nobody else" });
  expect((await control.status()).apps.map(({ app }) => app)).toEqual(["shop"]);
  expect((await manager.stop()).code).toBe(0);
  expect(known.filter(isAlive)).toEqual([]);
});

test("a stop outranks the restart that it comes into", async () => {
  const site = await start(echo("blog", "1.sock"));
  const { manager, control } = site;
  await manager.notice("manager.ready");
  const { answer, finish } = await keepBusy(site, "blog", "1.sock");
  const restarting = control
    .command("/v1/apps/:app/restart", {}, "blog")
    .catch((error: { code: string }) => error.code);
  await manager.see("the restart", ({ command }) => command === "restart blog");
  const stopping = control.command("/v1/apps/:app/stop", {}, "blog");
  await manager.see("the stop", ({ command }) => command === "stop blog");
  finish();
  expect(await restarting).toBe("FCGI_PM_COMMAND_GIVEN_UP");
  await Promise.all([answer, stopping]);
  expect(await appOf(control, "blog").status()).toMatchObject({ state: "stopped", workers: [] });
  await manager.stop();
});

test("an app whose workers die soon after they got ready is not waited for, and mends with the next reload", async () => {
  const { manager, control } = await start(echo("blog", "1.sock"));
  await manager.notice("manager.ready");
  const dies = path("dies");
  // It waits for requests, and gives up soon: as a program whose database is away.
  writeFileSync(dies, `#!/bin/sh\n(sleep 0.2; kill -9 $$) &\nexec ${echoes.c.command[0]}\n`);
  chmodSync(dies, 0o755);
  const added = `[apps.shop]\ncommand = "${dies}"\nsocket = "${path("2.sock")}"\nprocesses = 4\ninit-start-delay = "150ms"\n`;
  writeFileSync(path("fcgi-pm.toml"), echo("blog", "1.sock") + added);
  await expect(control.command("/v1/reload", {})).rejects.toMatchObject({ code: "FCGI_PM_ROLL_TAKEN_BACK" });
  expect(existsSync(path("2.sock"))).toBe(false);
  writeFileSync(path("fcgi-pm.toml"), echo("blog", "1.sock") + echo("shop", "2.sock"));
  expect((await control.command("/v1/reload", {})).apps).toMatchObject([
    { app: "blog", action: "unchanged" },
    { app: "shop", action: "added", result: "done" },
  ]);
  await manager.stop();
});

test("an app that is renamed has its socket as it wants it", async () => {
  const { manager, control } = await start(echo("blog", "1.sock", 'socket-mode = "0666"'));
  await manager.notice("manager.ready");
  writeFileSync(path("fcgi-pm.toml"), echo("shop", "1.sock", 'socket-mode = "0600"', "listen-queue-depth = 9"));
  await control.command("/v1/reload", {});
  expect(statSync(path("1.sock")).mode & 0o777).toBe(0o600);
  expect(await appOf(control, "shop").status()).toMatchObject({ listenQueueDepth: 9 });
  await manager.stop();
});

test("a broken app that is removed keeps nobody waiting for the others to be ready", async () => {
  const broken = `[apps.broken]\ncommand = "/bin/false"\nsocket = "${path("2.sock")}"\n`;
  const { manager, control } = await start(echo("blog", "1.sock") + broken);
  await manager.notice("pool.crash-loop");
  writeFileSync(path("fcgi-pm.toml"), echo("blog", "1.sock"));
  await control.command("/v1/reload", {});
  await manager.notice("manager.ready");
  expect((await manager.stop()).code).toBe(0);
});

test("two reloads at once are both done, one after the other or the later one over the earlier one", async () => {
  const { manager, control } = await start(echo("blog", "1.sock"));
  await manager.notice("manager.ready");
  const both = await Promise.all([control.command("/v1/reload", {}), control.command("/v1/reload", {})]);
  for (const { apps } of both) expect(apps).toMatchObject([{ action: "rolled", result: "done" }]);
  const { workers, generation } = await appOf(control, "blog").status();
  expect(workers.map((worker) => worker.generation)).toEqual([generation, generation]);
  await manager.stop();
});
