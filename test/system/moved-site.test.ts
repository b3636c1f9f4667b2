/** A site of three apps moves from supervisord to a service of systemd behind nginx, by the commands of the documentation. */
import { afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import { endLoads, type Load, nothingFailed } from "../helpers/load.ts";
import { buildPrograms, echoes } from "../helpers/programs.ts";
import { checkout, inside, startLoadInside, useSystemd } from "../helpers/systemd.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(600_000);

const system = useSystemd();
const sites = { php: 8081, python: 8082, perl: 8083 } as const;

beforeAll(() => buildPrograms([echoes.php, echoes.python, echoes.perl]));
afterEach(() => endLoads());

const supervisord = `[supervisord]
logfile=/var/log/supervisor/supervisord.log

[fcgi-program:php]
command=/usr/bin/php-cgi
process_name=%(program_name)s_%(process_num)02d
numprocs=4
socket=unix:///run/fcgi-pm/%(program_name)s.sock
socket_owner=www-data:www-data
user=www-data
stopwaitsecs=5

[fcgi-program:python]
command=${inside(echoes.python.command[0] ?? "")}
process_name=%(program_name)s_%(process_num)02d
numprocs=3
socket=unix:///run/fcgi-pm/%(program_name)s.sock
socket_owner=www-data:www-data
user=www-data

[fcgi-program:perl]
command=${inside(echoes.perl.command[0] ?? "")}
process_name=%(program_name)s_%(process_num)02d
numprocs=4
socket=tcp://127.0.0.1:9002
user=www-data
`;

const loads = () =>
  Object.values(sites).map((port) => startLoadInside(system, { url: `http://127.0.0.1:${port}` }, { connections: 6 }));
const answersOf = (running: readonly Load[]) => running.map(({ result }) => result.answered);

/** Each of them has had so many answers more. */
async function untilAnswered(running: readonly Load[], more: number): Promise<void> {
  const before = answersOf(running);
  const has = () => answersOf(running).every((count, n) => count >= (before[n] ?? 0) + more);
  await until(has, { what: `${more} answers of each app`, timeoutMs: 60_000 });
}

const mainPid = async () => Number(await system.succeed("systemctl show --property MainPID --value fcgi-pm"));
const nginxSays = () => system.succeed("cat /var/log/nginx/error.log");

test("a site of supervisord is imported, installed, served, reloaded without a loss, and killed without a refusal", async () => {
  system.write("/etc/supervisor/supervisord.conf", supervisord);
  await system.succeed("mkdir -p /etc/fcgi-pm");
  await system.succeed("fcgi-pm import /etc/supervisor/supervisord.conf --output /etc/fcgi-pm/fcgi-pm.toml");
  await system.succeed("fcgi-pm install --now --yes");
  for (const [app, port] of Object.entries(sites)) {
    const scripts = app === "php" ? `--root ${checkout}/fixtures/apps --index echo.php` : "";
    await system.succeed(
      `fcgi-pm generate nginx ${app} --listen 127.0.0.1:${port} ${scripts} > /etc/nginx/conf.d/${app}.conf`,
    );
  }
  await system.succeed("rm -f /etc/nginx/sites-enabled/default; mkdir -p /var/log/nginx; systemctl restart nginx");

  const reloaded = loads();
  await untilAnswered(reloaded, 200);
  const before = await system.succeed("pgrep -x php-cgi");
  await system.succeed("systemctl reload fcgi-pm", { timeoutMs: 120_000 });
  await untilAnswered(reloaded, 200);
  const results = await Promise.all(reloaded.map((load) => load.stop()));
  for (const { failed, complaints } of results) expect([failed, complaints]).toEqual([nothingFailed, []]);
  const after = await system.succeed("pgrep -x php-cgi");
  expect(before.split("\n").filter((pid) => pid !== "" && after.split("\n").includes(pid))).toEqual([]);

  const pid = await mainPid();
  expect(pid).toBeGreaterThan(1);
  const killed = loads();
  await untilAnswered(killed, 100);
  await system.succeed(`kill -KILL ${pid}`);
  await until(async () => ![0, pid].includes(await mainPid()), { what: "the next manager", timeoutMs: 30_000 });
  await untilAnswered(killed, 200);
  await Promise.all(killed.map((load) => load.stop()));
  // A request that a worker had in hand is cut with the worker; but nobody who came was refused.
  expect(await nginxSays()).not.toMatch(/\((111|2|11): /);
  // A php-cgi may just be gone, after as many requests as it answers.
  await until(async () => (await system.run("fcgi-pm status")).status === 0, { what: "all workers to be ready" });
});
