/** `fcgi-pm generate systemd`: what is found out of a config, and which words make no sense. */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { bin, runToEnd, usePlace } from "../helpers/manager.ts";
import { echoes } from "../helpers/programs.ts";

jest.setTimeout(60_000);

const place = usePlace();
const [program = ""] = echoes.c.command;
const app = (more = "", name = "blog") => `[apps.${name}]\ncommand = "${program}"\n${more}\n`;

interface Generated {
  readonly code: number | null;
  readonly text: string;
  /** The same with every comment in one line. */
  readonly said: string;
  readonly stderr: string;
}

/** Of a config in a directory that everybody may enter, what the command prints. */
async function generate(config: string, ...words: string[]): Promise<Generated> {
  chmodSync(place.directory, 0o755);
  const path = join(place.directory, "fcgi-pm.toml");
  writeFileSync(path, config);
  const { code, stdout, stderr } = await runToEnd(["generate", ...words, "--config", path]);
  return { code, text: stdout, said: stdout.replaceAll("\n# ", " "), stderr };
}

/** The line of the unit. */
async function line(key: string, config: string, ...words: string[]): Promise<string | undefined> {
  const { text } = await generate(config, "systemd", ...words);
  return new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1];
}

describe("the user of the service", () => {
  test("is that of all apps", async () => {
    expect(await line("User", app('user = "www-data"') + app('user = "www-data"', "shop"))).toBe("www-data");
    expect(await line("Group", app('user = "www-data"\ngroup = "games"'))).toBe("games");
    expect(await line("User", app('user = "www-data"\nsocket-owner = "www-data:www-data"'))).toBe("www-data");
    // Its group has another name.
    expect(await line("User", app('user = "nobody"\nsocket-owner = ":nogroup"'))).toBe("nobody");
  });

  test.each([
    ["workers run as www-data and games", app('user = "www-data"') + app('user = "games"', "shop")],
    ["blog names no user", app()],
    ["blog has the priority -1", app('user = "www-data"\npriority = -1')],
    ["blog listens on port 80", app('user = "www-data"\nport = 80')],
    ["the socket of blog is given to :games", app('user = "www-data"\nsocket-owner = ":games"')],
    ["www-data may not make files in /run", app('user = "www-data"\nsocket = "/run/blog.sock"')],
    ["www-data may not make files in /var/log", app('user = "www-data"\noutput-file = "/var/log/blog.log"')],
  ])("is root, since %s", async (reason, config) => {
    const { text, said } = await generate(config, "systemd");
    expect(said).toContain(reason);
    expect(text).not.toMatch(/^User=/m);
    expect(text).toMatch(/^CapabilityBoundingSet=CAP_SETUID /m);
  });

  test("is root where a file of the environment is nobody else's", async () => {
    const secret = join(place.directory, "secret.env");
    writeFileSync(secret, "PASSWORD=x\n", { mode: 0o600 });
    const { said } = await generate(app(`user = "www-data"\nenv-file = "${secret}"`), "systemd");
    expect(said).toContain(`${secret} may not be read by www-data`);
  });

  test("is root where a directory on the way to the file is nobody else's", async () => {
    const secret = join(place.directory, "secret", "blog.env");
    mkdirSync(dirname(secret), { mode: 0o700 });
    writeFileSync(secret, "PASSWORD=x\n");
    const { said } = await generate(app(`user = "www-data"\nenv-file = "${secret}"`), "systemd");
    expect(said).toContain(`${secret} may not be read by www-data`);
  });

  test("may be the apps' again where systemd opens the listeners", async () => {
    expect(await line("User", app('user = "www-data"\nport = 80'), "--socket-unit")).toBe("www-data");
    const elsewhere = app(`user = "www-data"\nsocket-owner = ":games"\nsocket = "/run/blog.sock"`);
    expect(await line("User", elsewhere, "--socket-unit")).toBe("www-data");
    expect(await line("SocketGroup", elsewhere, "--socket-unit")).toBe("games");
    // systemd would give the socket to the service's user with its directory.
    const there = (await generate(app('user = "www-data"\nsocket-owner = ":games"'), "systemd", "--socket-unit")).text;
    expect(there).not.toMatch(/^User=/m);
    expect(there).toMatch(/^CapabilityBoundingSet=CAP_SETUID /m);
  });
});

describe("the command", () => {
  test("names node and fcgi-pm by their paths, and the config", async () => {
    const config = join(place.directory, "fcgi-pm.toml");
    expect(await line("ExecStart", app())).toBe(`${process.execPath} ${bin} start --config ${config}`);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: systemd replaces it
    expect(await line("ExecReload", app())).toContain("--control %t/fcgi-pm/control/${MAINPID}.control");
    expect(await line("ExecReload", `[manager]\ncontrol = "/run/my.control"\n${app()}`)).toMatch(
      / --control \/run\/my.control$/,
    );
  });

  test("lets what lies in /tmp be seen by others, and what a link leads to be seen by the apps", async () => {
    expect(await line("ReadWritePaths", app())).toBe("-/var -/srv -/tmp");
    expect(await line("PrivateTmp", app())).toBe("no");
    const link = join(place.directory, "link");
    const home = mkdtempSync("/root/fpm-");
    try {
      expect(await line("ProtectHome", app())).toBe("yes");
      copyFileSync(program, join(home, "echo"));
      symlinkSync(join(home, "echo"), link);
      expect(await line("ProtectHome", app().replace(program, link))).toBe("read-only");
    } finally {
      rmSync(home, { recursive: true });
    }
  });

  test("prints units one after the other, each below its path, or writes them as files", async () => {
    const { said } = await generate(app('user = "www-data"'), "systemd", "--socket-unit", "--notify-reload");
    const paths = ["fcgi-pm.service", "fcgi-pm.service.d/notify-reload.conf", "fcgi-pm-blog.socket"];
    for (const path of paths) expect(said).toContain(`${path} Made by fcgi-pm`);
    const out = join(place.directory, "out");
    const written = await generate(
      app('user = "www-data"'),
      "systemd",
      "--socket-unit",
      "--notify-reload",
      "--output",
      out,
    );
    expect(written.text.trim().split("\n")).toEqual(paths.map((path) => join(out, path)));
    for (const path of paths) expect(readFileSync(join(out, path), "utf8")).toMatch(/^# Made by fcgi-pm/);
  });

  test("refuses words that do not belong together", async () => {
    const two = app() + app("", "shop");
    expect(await generate(two, "systemd", "blog")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/alone: the config has 2 apps[\s\S]*--template/),
    });
    expect(await generate(two, "systemd", "blgo")).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("blog, shop"),
    });
    expect((await generate(app(), "systemd", "blog")).code).toBe(0);
    expect((await generate(app(), "systemd", "--template")).code).toBe(2);
    for (const flag of ["--socket-unit", "--notify-reload", "--template", "--user"])
      expect(await generate(app(), "sysv", flag)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`${flag} is for units of systemd`),
      });
    for (const [kind, flag, whose] of [
      ["systemd", "--server-name", "web servers"],
      ["nginx", "--output", "systemd"],
    ] as const)
      expect(await generate(app(), kind, flag, "x")).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`with ${flag}: it is for ${whose}`),
      });
    expect(await generate(app(), "logrotate")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("neither log-file"),
    });
  });

  test("refuses a config in which there is nothing to start", async () => {
    const external = "[apps.blog]\nexternal = true\nport = 9000\n";
    for (const kind of ["systemd", "sysv", "logrotate"])
      expect(await generate(external, kind)).toMatchObject({
        code: 5,
        stderr: expect.stringContaining("no app in it to start"),
      });
  });

  test("refuses a config whose paths no unit can have", async () => {
    expect(
      await generate(
        app('control = "x"').replace("control", "socket").replace('"x"', '"/run/x "'),
        "systemd",
        "--socket-unit",
      ),
    ).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("begins or ends with a space"),
    });
  });
});
