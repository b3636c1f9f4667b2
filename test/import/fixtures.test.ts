/** The configurations of the field: each imports, passes check but for what this machine does not have, and loses no line. */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { runToEnd, usePlace } from "../helpers/manager.ts";
import { appsOf, configOf, fixtures, fixtureWorld, mainFiles, readFixture } from "./world.ts";

jest.setTimeout(120_000);
const place = usePlace();

/** What only this machine can be blamed for: a program or an account that is not installed, and rights that root would have. */
const ofThisMachine = [
  /^Cannot start "[^"]+": there is no /,
  /^There is no (?:user|group) "/,
  ...(process.getuid?.() === 0 ? [] : [/^Cannot (?:become|run as)/, /^Only root/]),
];

/** The programs of these are installed for the tests: nothing at all may be wrong with them. */
const complete = [
  ...["mediawiki.lighttpd.conf", "php-fastcgi.init.sh", "php.supervisor.conf"],
  ...["cgit.sh", "pools/php-fpm.conf", "roundcube.apache.conf", "roundcube.pool.conf", "typo3.pool.conf"],
  ...["nagios.lighttpd.conf", "laravel.supervisor.conf"],
  ...["units/fcgiwrap.service", "units/php-multi.service"],
];

/** Directories that a site brings itself lie in the place of the test. */
function housed(toml: string): string {
  return toml
    .replace(
      /^(socket|output-file) = "(?:[^"]*\/)([^"/]+)"/gm,
      (_, key, name) => `${key} = ${JSON.stringify(join(place.directory, name))}`,
    )
    .replace(/^cwd = ".*"$/gm, `cwd = ${JSON.stringify(place.directory)}`);
}

test("there are at least 25 of them", () => {
  expect(mainFiles.length).toBeGreaterThanOrEqual(25);
});

describe.each(mainFiles)("%s", (name) => {
  test("imports, and check finds nothing wrong but programs and users that are not here", async () => {
    const imported = await runToEnd(["import", join(fixtures, name)]);
    expect([imported.code, imported.stderr]).toEqual([0, expect.stringMatching(/^imported \d+ apps?/)]);
    const config = join(place.directory, "fcgi-pm.toml");
    chmodSync(place.directory, 0o755);
    writeFileSync(config, housed(imported.stdout));
    const checked = await runToEnd(["check", config]);
    const complaints = checked.stdout
      .split("\n")
      .filter((line) => /^\S/.test(line) && !/^[\w.-]+: (?:ok|external), /.test(line));
    expect(complaints.filter((line) => !ofThisMachine.some((pattern) => pattern.test(line)))).toEqual([]);
    // A config that is wrong says so on stderr, with its lines: that is never the machine's fault.
    const verdict =
      complaints.length === 0 ? "" : expect.stringMatching(/^error: \S+ cannot run as it is: \d+ problems?$/);
    expect([checked.code, checked.stderr]).toEqual([complaints.length === 0 ? 0 : 5, verdict]);
    if (complete.includes(name) && process.getuid?.() === 0) expect(complaints).toEqual([]);
  });

  test("loses no setting: without any of its lines the outcome is another one", () => {
    const file = join(fixtures, name);
    const text = readFixture(name);
    const whole = configOf(file, text, fixtureWorld());
    const lines = text.split("\n");
    const silent = lines.flatMap((line, index) => {
      if (!isSetting(name, line)) return [];
      const without = lines.with(index, "").join("\n");
      return outcome(file, without) === whole ? [line] : [];
    });
    expect(silent).toEqual([]);
  });
});

function outcome(file: string, text: string): string {
  try {
    return configOf(file, text, fixtureWorld());
  } catch (error) {
    return String(error);
  }
}

/** Lines that set something about a FastCGI program. What else a web server or a script does is its own. */
function isSetting(name: string, line: string): boolean {
  if (/^\s*(?:[#;<]|$|\[)/.test(line)) return false;
  if (/apache/.test(name)) return /^\s*(?:FastCgi|Fcgid)\w+\s|fastcgi-script|fcgid-script/i.test(line);
  if (/lighttpd/.test(name)) return /^\s*"[a-z-]+"\s*=>/.test(line) || /^\s*fastcgi\./.test(line);
  if (/\.sh$/.test(name)) return /spawn-fcgi -|^\s*(?:SOCKET|PORT|BIND|PHP_CGI|DAEMON)=|^export/.test(line);
  if (/supervisor/.test(name)) return /^\w/.test(line);
  return true;
}

test("a folder's fixtures name their own files, not the main one, as the place of a setting", () => {
  const site = configOf(
    join(fixtures, "supervisor-site/supervisord.conf"),
    readFixture("supervisor-site/supervisord.conf"),
    fixtureWorld(),
  );
  expect(site).toContain(`# ${join(fixtures, "supervisor-site/conf.d/wiki.conf")}:1: [fcgi-program:wiki]`);
  expect(Object.keys(appsOf(site))).toEqual(["blog", "shop", "wiki"]);
});

test("the table of fixtures/imports/README.md has every one of them", () => {
  const readme = readFixture("README.md");
  const missing = mainFiles.filter((name) => !readme.includes(name) && !readme.includes(`\`${name.split("/")[0]}/\``));
  expect(missing).toEqual([]);
});
