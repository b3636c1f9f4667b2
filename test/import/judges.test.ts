/** The fixtures are what they claim to be, and we see in them what their own programs see. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { splitShlex } from "../../src/import/words.ts";
import { usePlace } from "../helpers/manager.ts";
import { askPython, complaintOf } from "./judge.ts";
import { appsOf, configOf, fixtures, fixtureWorld, mainFiles, readFixture } from "./world.ts";

jest.setTimeout(60_000);
const place = usePlace();

interface Process {
  readonly kind: string;
  readonly name: string;
  readonly group: string;
  readonly command: string;
  readonly directory: string | null;
  readonly environment: Readonly<Record<string, string>>;
  readonly stopwaitsecs: number;
  readonly umask: number | null;
  readonly socket: string | null;
}

const ofSupervisord = mainFiles.filter((name) => /supervisor/.test(name));

describe("supervisord itself", () => {
  const answers = askPython<Process[]>(
    "config",
    ofSupervisord.map((name) => join(fixtures, name)),
  );
  const cases = ofSupervisord.map((name, index) => ({ name, answer: answers[index] }));

  test.each(cases)(
    "reads $name, and sees the same commands, numbers, directories and variables",
    ({ name, answer }) => {
      if (answer === undefined || answer.error !== undefined)
        throw new Error(`supervisord refuses ${name}: ${answer?.error}`);
      const apps = Object.entries(appsOf(activeText(name)));
      const processes = answer.value.filter(({ kind }) => kind !== "EventListenerConfig");
      expect(apps.length).toBeGreaterThan(0);
      for (const process of processes) compare(apps, process);
      const total = apps.reduce(
        (sum, [, app]) => sum + (typeof app["processes"] === "number" ? app["processes"] : 1),
        0,
      );
      // php-cgi's children are workers of their own with us.
      if (processes.every(isPlain)) expect(total).toBe(processes.length);
    },
  );
});

/** There is one app that runs the process, and it runs it in the same place. */
function compare(apps: readonly (readonly [string, Readonly<Record<string, unknown>>])[], process: Process): void {
  const own = apps.filter(([, app]) => runs(app, process));
  expect([process.command, own.length]).toEqual([process.command, 1]);
  const [, app = {}] = own[0] ?? [];
  if (isPlain(process))
    expect([app["cwd"] ?? null, app["env"] ?? {}]).toEqual([process.directory, process.environment]);
  if (process.socket !== null) expect(socketOf(app)).toBe(process.socket.replace("localhost", "127.0.0.1"));
}

/** All apps, those that stand as comments among them. */
function activeText(name: string): string {
  const text = configOf(join(fixtures, name), readFixture(name), fixtureWorld());
  return text.replace(/^# (?=\[apps\.|[a-z-]+ = )/gm, "");
}

/** No other program stands before the app's. */
function isPlain({ command }: Process): boolean {
  return !/spawn-fcgi|\/env /.test(command);
}

/** The words of the app's command end those of the process. */
function runs(app: Readonly<Record<string, unknown>>, process: Process): boolean {
  const words = (app["command"] as string[]).join("\0");
  const theirs = (splitShlex(process.command) ?? [])
    .filter((word, at, all) => word !== "-b" && all[at - 1] !== "-b")
    .join("\0");
  return isPlain(process) ? theirs === words : theirs.endsWith(words);
}

function socketOf(app: Readonly<Record<string, unknown>>): string {
  return app["socket"] === undefined ? `tcp://${app["port"]}` : `unix://${app["socket"]}`;
}

test.each(mainFiles.filter((name) => /lighttpd/.test(name)))("lighttpd reads %s", (name) => {
  expect(complaintOf("/usr/sbin/lighttpd", ["-p", "-f", join(fixtures, name)])).toBe("");
});

test.each(mainFiles.filter((name) => /pool/.test(name)))("php-fpm reads %s", (name) => {
  const isMain = name.endsWith("php-fpm.conf");
  cpSync(join(fixtures, "pools"), place.directory, { recursive: true });
  const main = join(place.directory, "main.conf");
  const wanted = isMain ? `${place.directory}/pool.d/*.conf` : join(fixtures, name);
  const text = isMain
    ? readFileSync(join(fixtures, name), "utf8").replace(/^include=.*/m, `include=${wanted}`)
    : `[global]\ninclude=${wanted}\n`;
  writeFileSync(main, text);
  expect(complaintOf("/usr/sbin/php-fpm8.2", ["-t", "-y", main])).toBe("");
});

test.each(mainFiles.filter((name) => /\.(?:sh|command)$/.test(name)))("a shell reads %s", (name) => {
  expect(complaintOf("/bin/bash", ["-n", join(fixtures, name)])).toBe("");
});

test.each(mainFiles.filter((name) => /apache/.test(name)))(
  "Apache reads %s, but for modules that Debian has no more",
  (name) => {
    const main = join(place.directory, "apache.conf");
    const modules = "/usr/lib/apache2/modules";
    const needed = ["mpm_event", "authz_core", "alias", "mime", "suexec", "actions", "dir"];
    const head = needed.map((one) => `LoadModule ${one}_module ${modules}/mod_${one}.so`);
    // The lines of mod_fastcgi and mod_fcgid go, and those of suexec, which is a package of its own: all the rest has to be right.
    const rest = readFixture(name)
      .replace(/^(User|Group|\s*SuexecUserGroup)\s.*/gm, "$1 www-data www-data")
      .replace(/^(User|Group) (\S+) .*/gm, "$1 $2")
      .replace(/\\\n\s*/g, " ")
      .split("\n")
      .filter((line) => !/^\s*(?:FastCgi|Fcgid|SuexecUserGroup|LoadModule fastcgi)/.test(line));
    writeFileSync(
      main,
      [
        `ServerRoot ${place.directory}`,
        "ServerName test",
        `ErrorLog ${place.directory}/error.log`,
        "Listen 127.0.0.1:1",
        ...head,
        ...rest,
        "",
      ].join("\n"),
    );
    expect(complaintOf("/usr/sbin/apache2", ["-t", "-f", main])).toBe("");
  },
);

test.each(mainFiles.filter((name) => name.startsWith("units/")))("systemd reads %s", (name) => {
  const file = name.replace("units/", "");
  const units =
    file === "qgis.service" || file === "fcgiwrap.service" ? [file, file.replace(".service", ".socket")] : [file];
  const paths = units.map((unit) => {
    const path = join(place.directory, unit);
    // What does not exist on this machine is no question of syntax.
    writeFileSync(
      path,
      readFixture(`units/${unit}`)
        .replaceAll(/\/(?:opt|usr\/lib\/cgi-bin)\/\S+/g, "/bin/true")
        .replace(/ExecStart=\S+/, "ExecStart=/bin/true")
        .replaceAll("shibd.service", "network.target"),
    );
    return path;
  });
  const said = complaintOf("/usr/bin/systemd-analyze", ["verify", "--man=no", ...paths]);
  expect(said.split("\n").filter((line) => units.some((unit) => line.includes(unit)))).toEqual([]);
});
