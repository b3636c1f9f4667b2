/** `fcgi-pm check` warns of what can be proved offline, and is content all the same. Needs root, to ask as another user. */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { queueCap } from "../../src/os/procfs.ts";
import { runToEnd, usePlace } from "../helpers/manager.ts";
import { freePort } from "../helpers/webservers.ts";

/** As whom no web server runs here. */
const user = "daemon";
const place = usePlace();

function check(lines: readonly string[], ...flags: readonly string[]) {
  const config = ["[apps.blog]", 'command = "/bin/cat"', ...lines, ""].join("\n");
  writeFileSync(join(place.directory, "fcgi-pm.toml"), config);
  return runToEnd(["check", ...flags], { cwd: place.directory });
}

describe("check warns of", () => {
  test("a socket that the web server's user does not reach, and says what opens the way", async () => {
    chmodSync(place.directory, 0o700);
    const { code, stdout } = await check([`socket = "${place.path}"`], "--web-user", user);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^blog: ok, /);
    expect(stdout).toContain(
      `  warning: ${user} cannot reach the socket ${place.path}: the directory ${place.directory}`,
    );
    expect(stdout).toContain(`    try: chmod o+x ${place.directory}`);
  });

  test("the mode that the socket will have", async () => {
    chmodSync(place.directory, 0o755);
    const { stdout } = await check([`socket = "${place.path}"`], "--web-user", user);
    expect(stdout).toContain(`warning: ${user} may not write to the socket ${place.path}`);
    const open = await check([`socket = "${place.path}"`, `socket-owner = ":${user}"`], "--web-user", user);
    expect(open.stdout).not.toContain("warning");
  });

  test("a port that is open to the network", async () => {
    const { code, stdout } = await check([`port = "*:${await freePort()}"`]);
    expect(code).toBe(0);
    expect(stdout).toContain("can be reached from other machines");
  });

  test("a queue that the kernel caps", async () => {
    const { code, stdout } = await check([`socket = "${place.path}"`, `listen-queue-depth = ${(queueCap() ?? 0) + 1}`]);
    expect(code).toBe(0);
    expect(stdout).toContain("warning: the kernel lets only");
  });
});

test("check notes a path that PrivateTmp hides, and does not warn of rights that nobody asked for", async () => {
  chmodSync(place.directory, 0o700);
  const { code, stdout } = await check([`socket = "${place.path}"`]);
  expect(code).toBe(0);
  expect(stdout).toContain(`  note: the socket ${place.path} lies in /tmp`);
  expect(stdout).not.toContain("warning");
});

test("check refuses a web server's user whom nobody knows", async () => {
  const { code, stdout } = await check([`socket = "${place.path}"`], "--web-user", "nobody-of-this-name");
  expect(code).toBe(5);
  expect(stdout).toContain('There is no user "nobody-of-this-name"');
});
