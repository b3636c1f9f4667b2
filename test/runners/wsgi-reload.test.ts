/** The runner under fcgi-pm: reloads under load cost no request, also where the web server keeps its connections. */
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { reloadThrice, startApp } from "../helpers/app.ts";
import { mixed, nothingFailed, startLoad } from "../helpers/load.ts";
import { isAlive, usePlace } from "../helpers/manager.ts";
import { echoes, type Program } from "../helpers/programs.ts";
import { startNginx, type WebServer } from "../helpers/webservers.ts";
import { apps, python, runner } from "./wsgi-runner.ts";

jest.setTimeout(120_000);
const place = usePlace();
let nginx: WebServer | undefined;
afterEach(async () => {
  await nginx?.stop();
  nginx = undefined;
});

const program = (threads: number): Program => ({
  name: "echo-wsgi",
  command: [python, "-B", runner, "--threads", String(threads), "echo:app"],
  env: {},
  scriptFilename: undefined,
  traits: echoes.python.traits,
});

const answers = 1500;

describe.each([
  { threads: 1, transport: "unix", drain: "idle", keepConn: 0 },
  { threads: 3, transport: "tcp", drain: "idle", keepConn: 0 },
  { threads: 1, transport: "tcp", drain: "signal", keepConn: 2 },
  { threads: 3, transport: "unix", drain: "signal", keepConn: 2 },
] as const)("with $threads threads over $transport, drain = $drain, $keepConn kept connections", (row) => {
  test("three reloads under load lose nothing", async () => {
    const flags = ["--cwd", apps, "--drain", row.drain];
    const app = await startApp(place, program(row.threads), { transport: row.transport, processes: 3, flags });
    if (row.keepConn > 0) {
      nginx = await startNginx({ upstream: app.upstream, mount: "/", edition: "new", keepConn: row.keepConn });
    }
    const load = startLoad(nginx ?? app, { connections: 12, asked: mixed });
    const reloads = await reloadThrice(app, load, answers);
    const { answered, failed, complaints } = await load.stop();
    expect([failed, complaints]).toEqual([nothingFailed, []]);
    expect(answered).toBeGreaterThanOrEqual(answers);
    for (const { before, after } of reloads) {
      expect(after.ready).toBe(3);
      for (const pid of before) expect(isAlive(pid)).toBe(false);
    }
    expect(app.manager.records.filter(({ notice }) => notice === "worker.killed")).toEqual([]);
  });
});
