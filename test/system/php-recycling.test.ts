/** Programs that leave after so many requests, with exit code 0: that is no crash, and costs no request. */
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { Address } from "../../src/fastcgi/address.ts";
import { nothingFailed, startLoad } from "../helpers/load.ts";
import { discard, endAll, scratch, startReady } from "../helpers/manager.ts";
import { behaviours, buildPrograms, echoes, type Program } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { freePort } from "../helpers/webservers.ts";

jest.setTimeout(240_000);

const workers = 4;
const requests = 1500;
const perLife = 50;

const cases: readonly [string, Program, string][] = [
  ["php-cgi", echoes.php, `PHP_FCGI_MAX_REQUESTS=${perLife}`],
  ["a C program", behaviours.exitsAfterNRequests, `MAX_REQUESTS=${perLife}`],
];

const directories: string[] = [];
beforeAll(() => buildPrograms([echoes.php, behaviours.exitsAfterNRequests]));
afterEach(async () => {
  await endAll();
  for (const directory of directories.splice(0)) discard(directory);
});

async function startApp(program: Program, kind: Address["kind"], env: string) {
  const directory = scratch();
  directories.push(directory);
  const path = join(directory, "app.sock");
  const port = await freePort();
  const [command = "", ...args] = program.command;
  const where = kind === "unix" ? ["--socket", path] : ["--port", String(port)];
  const flags = ["--processes", String(workers), ...where, "--env", env];
  const manager = await startReady([command, ...flags, "--", ...args]);
  const listen: Address = kind === "unix" ? { kind, path } : { kind, host: "127.0.0.1", port };
  return { program, listen, manager };
}

describe.each(cases)("%s that ends after 50 requests", (_title, program, env) => {
  test.each(["unix", "tcp"] as const)("loses none of 1,500 over %s", async (kind) => {
    const app = await startApp(program, kind, env);
    const { manager } = app;
    const result = await startLoad(app, { connections: 16, requests }).finished;
    expect([result.failed, result.complaints]).toEqual([nothingFailed, []]);
    expect(result.answered).toBe(requests);
    expect(result.pids.size).toBeGreaterThanOrEqual(requests / perLife);
    // Each life but the last four has come to its end, with 0, which is no death, and no crash loop.
    const atLeast = requests / perLife - workers;
    const ends = () => manager.records.filter(({ notice }) => notice === "worker.recycled");
    await until(() => ends().length >= atLeast, { what: `the end of ${atLeast} workers` });
    const failures = manager.records.filter(({ notice = "" }) => /^(worker\.died|pool\.crash-loop)$/.test(notice));
    expect(failures).toEqual([]);
    await until(() => manager.workers().length === workers, { what: "all workers to be there again" });
  });
});
