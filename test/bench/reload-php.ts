/** The same three reloads with a PHP script: php-cgi under fcgi-pm, and php-fpm, which is a process manager of its own. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { controlOf, type Manager } from "./contestants.ts";
import { startCrowd } from "./gauge.ts";
import { lacking, pathOf } from "./installed.ts";
import { appSources, fcgiPm, freshSocket } from "./places.ts";
import { oneMillisecond } from "./programs.ts";
import { failuresOf, reloadUnderLoad, rowsOfReloads } from "./reload.ts";
import { reloadByControl, workers } from "./reloaders.ts";
import { type Entrant, inTurns } from "./rounds.ts";
import type { Column, Result, Table } from "./table.ts";

/** How to start a manager of PHP workers, and how to reload it. */
interface PhpManager extends Column, Entrant {
  command(socket: string): string[];
  reload(manager: Manager): string[];
}

const fpm = "php-fpm8.2";
const script = join(appSources, "echo.php");

/** With the time that its workers get to finish a request when they are reloaded; its own default is none. */
function phpFpm(name: string, controlTimeout: string): PhpManager {
  return {
    name,
    missing: lacking(fpm),
    isSlow: false,
    command: (socket) => {
      const config = `${socket}.conf`;
      writeFileSync(config, fpmConfig(socket, controlTimeout));
      return [
        pathOf(fpm) ?? "",
        "--nodaemonize",
        "--fpm-config",
        config,
        ...(isRoot ? ["--allow-to-run-as-root"] : []),
      ];
    },
    reload: ({ pid }) => ["kill", "-USR2", String(pid)],
  };
}

const isRoot = process.getuid?.() === 0;

const phpManagers: readonly PhpManager[] = [
  {
    name: "fcgi-pm",
    missing: lacking("php-cgi"),
    isSlow: false,
    command: (socket) => {
      const flags = ["--processes", String(workers), "--socket", socket, "--control", controlOf(socket)];
      // As php-fpm: a worker serves for ever. By default php-cgi leaves after 500 requests.
      return [process.execPath, fcgiPm, "start", pathOf("php-cgi") ?? "", ...flags, "--env", "PHP_FCGI_MAX_REQUESTS=0"];
    },
    reload: reloadByControl,
  },
  phpFpm("php-fpm", "0"),
  phpFpm("php-fpm, process_control_timeout 10 s", "10s"),
];

const table: Table = {
  title: "The same with PHP",
  about:
    `\`fixtures/apps/echo.php\`, ${workers} workers: php-cgi under fcgi-pm, reloaded through the control socket; php-fpm with a static pool, reloaded by USR2, ` +
    "with its default `process_control_timeout` of 0 and with 10 s.",
  columns: phpManagers,
};

export async function measurePhpReload(): Promise<Result> {
  const present = phpManagers.filter(({ missing }) => missing.length === 0);
  const samples = await inTurns(present, { count: 3 }, async (who) => {
    const socket = freshSocket();
    const manager: Manager = { ...(await startCrowd(workers, who.command(socket))), socket };
    try {
      return await reloadUnderLoad(manager, who.reload(manager), { query: oneMillisecond, script });
    } finally {
      await manager.stop();
    }
  });
  return { table, rows: rowsOfReloads("PHP", samples, "php-fpm"), notes: [failuresOf("PHP", samples)] };
}

function fpmConfig(socket: string, controlTimeout: string): string {
  const lines = [
    "[global]",
    "error_log=/dev/null",
    `pid=${socket}.pid`,
    `process_control_timeout=${controlTimeout}`,
    "[echo]",
    ...(isRoot ? ["user=root"] : []),
    `listen=${socket}`,
    "pm=static",
    `pm.max_children=${workers}`,
  ];
  return `${lines.join("\n")}\n`;
}
