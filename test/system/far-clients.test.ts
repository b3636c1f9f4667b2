/**
 * Clients in another network namespace, as a web server in a container of its own that shares the socket's directory: Linux
 * does not list its connections for the manager, which sees them all the same.
 */
import { spawn } from "node:child_process";
import { afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { reloadThrice, startApp } from "../helpers/app.ts";
import { endLoads, mixed, nothingFailed, startLoad } from "../helpers/load.ts";
import { isAlive, usePlace } from "../helpers/manager.ts";
import { behaviours, buildPrograms, echoes } from "../helpers/programs.ts";
import { checkout, inside, useSystemd } from "../helpers/systemd.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(240_000);

const requests = 4000;
const rows = [
  { name: "a C program that dies at once on SIGTERM", program: behaviours.diesOnSigterm },
  { name: "Perl's FCGI.pm", program: echoes.perl },
  { name: "Go", program: echoes.go },
  { name: "php-cgi", program: echoes.php },
  { name: "Ruby", program: echoes.ruby },
  { name: "Node", program: echoes.node },
  { name: "flup", program: echoes.python },
];

const place = usePlace();
beforeAll(() => buildPrograms([behaviours.sleepsThenAnswers, ...rows.map(({ program }) => program)]), 120_000);
afterEach(endLoads);

const startElsewhere = (program: string, order: string) =>
  spawn("unshare", ["--net", process.execPath, program, order], { stdio: ["pipe", "pipe", "inherit"] });

test.each(rows)("Three reloads of $name lose none of 4,000 requests", async ({ program }) => {
  const app = await startApp(place, program, { transport: "unix", processes: 4, flags: ["--drain-timeout", "60s"] });
  const load = startLoad(app, { connections: 32, asked: mixed }, startElsewhere);
  const reloads = await reloadThrice(app, load, requests, { batch: 1 });
  const { answered, failed, complaints } = await load.stop();
  expect([failed, complaints]).toEqual([nothingFailed, []]);
  expect(answered).toBeGreaterThanOrEqual(requests);
  for (const [n, { outcome, before }] of reloads.entries()) {
    expect(outcome).toMatchObject({ action: "rolled", result: "done", generation: n + 2 });
    expect(before.filter(isAlive)).toEqual([]);
  }
  await app.manager.stop();
});

describe("Where no descriptor of another process may be taken, as in Docker", () => {
  const system = useSystemd();

  test("a worker with such a connection is busy, and a reload waits for it", async () => {
    const { command } = behaviours.sleepsThenAnswers;
    system.write(
      "/etc/web.toml",
      `[apps.blog]\ncommand = ${JSON.stringify(command.map(inside))}\nprocesses = 2\nsocket-mode = "0666"\n`,
    );
    const start = `/usr/bin/env node ${checkout}/bin/fcgi-pm.js start --config /etc/web.toml`;
    system.write(
      "/etc/systemd/system/web.service",
      `[Service]\nType=notify\nExecStart=${start}\nRuntimeDirectory=web\nSystemCallFilter=~pidfd_getfd\nSystemCallErrorNumber=EPERM\n`,
    );
    await system.succeed("systemctl start web");
    const listen = { kind: "unix", path: system.outside("/run/web/blog.sock") } as const;
    const asked = [{ uri: "/long?sleep=8000" }];
    const long = startLoad({ listen, program: behaviours.sleepsThenAnswers }, { connections: 1, requests: 1, asked });
    const status = "RUNTIME_DIRECTORY=/run/web fcgi-pm status > /dev/null; systemctl show -P StatusText web";
    await until(async () => / 1 busy/.test(await system.succeed(status)), { what: "the request to be under way" });
    await system.succeed("RUNTIME_DIRECTORY=/run/web fcgi-pm reload --all");
    const { answered, failed } = await long.finished;
    expect({ answered, failed }).toEqual({ answered: 1, failed: nothingFailed });
    await system.succeed("systemctl stop web");
  });
});
