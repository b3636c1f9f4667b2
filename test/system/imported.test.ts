/** What was imported runs: with its own programs where they are installed, else with one of ours in their place. */
import { chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, jest, test } from "@jest/globals";
import { parse } from "smol-toml";
import type { Address } from "../../src/fastcgi/address.ts";
import { ask } from "../helpers/ask.ts";
import { runToEnd, startReady, usePlace } from "../helpers/manager.ts";
import { appsDirectory, buildPrograms, echoes, others } from "../helpers/programs.ts";
import { freePort } from "../helpers/webservers.ts";
import { fixtures, mainFiles } from "../import/world.ts";

jest.setTimeout(240_000);
const place = usePlace();

/** php-cgi and fcgiwrap are installed for the tests: these run as they were imported, as their own user. */
const ownPrograms = new Set([
  ...["cgit.sh", "mediawiki.lighttpd.conf", "php-fastcgi.init.sh", "php.supervisor.conf", "pools/php-fpm.conf"],
  ...["roundcube.apache.conf", "roundcube.pool.conf", "units/fcgiwrap.service", "units/php-multi.service"],
  ...["typo3.pool.conf", "nagios.lighttpd.conf"],
]);

beforeAll(() => buildPrograms([echoes.c, echoes.php, echoes.fcgiwrap, others.plainLoop]));

interface App {
  readonly command: readonly string[];
  readonly listen?: boolean;
  readonly socket?: string;
  readonly port?: string;
  readonly processes?: number;
}

/** Listeners, directories and files of the site lie in the place of the test; everything else is as it was imported. */
async function housed(toml: string, isOwn: boolean): Promise<string> {
  const lines: string[] = [];
  let name = "";
  for (const line of toml.split("\n")) {
    name = /^\[apps\.(.*)\]$/.exec(line)?.[1] ?? name;
    lines.push(await housedLine(line, name, isOwn));
  }
  return lines.join("\n");
}

async function housedLine(line: string, name: string, isOwn: boolean): Promise<string> {
  const key = /^([a-z-]+) = /.exec(line)?.[1] ?? "";
  if (key === "socket") return `socket = ${JSON.stringify(join(place.directory, `${name}.sock`))}`;
  if (key === "port") return `port = "127.0.0.1:${await freePort()}"`;
  if (key === "cwd") return `cwd = ${JSON.stringify(place.directory)}`;
  if (key === "output-file") return `output-file = ${JSON.stringify(join(place.directory, `${name}.log`))}`;
  const isOwner = ["user", "group", "socket-owner"].includes(key);
  // Who is not root cannot become another user.
  if (isOwn) return isOwner && process.getuid?.() !== 0 ? "" : line;
  if (key === "command") return `command = ${JSON.stringify(echoes.c.command)}`;
  return isOwner ? "" : line;
}

/** A program without a listener is no echo. */
function withPlainLoops(toml: string): string {
  const loop = `command = ${JSON.stringify(others.plainLoop.command)}`;
  return toml.replace(/^command = .*\nlisten = false$/gm, `${loop}\nlisten = false`);
}

/** The script that php-cgi or fcgiwrap is asked for, where their user can read it. */
function scriptFor({ command: [program = ""] }: App): string | undefined {
  const name = /php[^/]*$/.test(program) ? "echo.php" : /fcgiwrap$/.test(program) ? "echo-cgi.sh" : undefined;
  if (name === undefined) return undefined;
  const path = join(place.directory, name);
  copyFileSync(join(appsDirectory, name), path);
  chmodSync(path, 0o755);
  return path;
}

function addressOf(name: string, { socket, port }: App, runtime: string): Address {
  if (port !== undefined) return { kind: "tcp", host: "127.0.0.1", port: Number(port.split(":")[1]) };
  return { kind: "unix", path: socket ?? join(runtime, `${name}.sock`) };
}

/** An import, ready to run here. */
async function importHere(name: string): Promise<string> {
  const { stdout } = await runToEnd(["import", join(fixtures, name)]);
  chmodSync(place.directory, 0o755);
  const isOwn = ownPrograms.has(name);
  const toml = await housed(stdout, isOwn);
  const config = join(place.directory, "fcgi-pm.toml");
  writeFileSync(config, isOwn ? toml : withPlainLoops(toml));
  return config;
}

describe.each(mainFiles)("%s", (name) => {
  test("starts as many workers as it says, and every app with a listener answers", async () => {
    const config = await importHere(name);
    const manager = await startReady(["--config", config]);
    const apps = Object.entries(
      parse(readFileSync(config, "utf8"))["apps"] as unknown as Record<string, App & { external?: boolean }>,
    );
    const ours = apps.filter(([, app]) => app.external !== true);
    const wanted = ours.reduce((sum, [, { processes = 1 }]) => sum + processes, 0);
    expect(manager.workers().length).toBe(wanted);
    for (const [app, settings] of ours.filter(([, { listen }]) => listen !== false)) {
      const scriptFilename = scriptFor(settings);
      const listen = addressOf(app, settings, manager.runtime);
      const echo = await ask({ listen, program: { scriptFilename } }, `/${app}?sleep=1`);
      expect([app, manager.workers().includes(echo.pid) || scriptFilename !== undefined]).toEqual([app, true]);
    }
    expect(ours.length).toBeGreaterThan(0);
    const ended = await manager.stop();
    expect(ended.code).toBe(0);
    for (const [, { socket }] of ours) if (socket !== undefined) expect(existsSync(socket)).toBe(false);
  });
});
