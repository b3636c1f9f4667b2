/** Apps that somebody else starts: shown and asked, never started, stopped or waited for. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type RunningManager, runManager } from "../helpers/manager.ts";
import { buildPrograms, echoes } from "../helpers/programs.ts";
import { useSite } from "../helpers/site.ts";
import { until } from "../helpers/wait.ts";
import { freePort } from "../helpers/webservers.ts";

jest.setTimeout(240_000);

beforeAll(() => buildPrograms([echoes.c]), 120_000);

const site = useSite();

const blog = () => `[apps.blog]\ncommand = ${JSON.stringify(echoes.c.command)}\nprocesses = 2\n`;
const external = (name: string, where: string) => `[apps.${name}]\nexternal = true\n${where}\n`;
const atSocket = () => `socket = "${site.path}"`;

function configure(...tables: readonly string[]): void {
  writeFileSync(join(site.directory, "fcgi-pm.toml"), tables.join("\n"));
}

/** Somebody else's program, which here is one of another manager, with another runtime directory. */
async function startForeign(...where: string[]): Promise<RunningManager> {
  const [command = ""] = echoes.c.command;
  const manager = runManager(["start", command, "--name", "foreign", ...where]);
  await manager.notice("manager.ready");
  return manager;
}

const externals = async () => (await site.status()).externals ?? [];
const workers = async () => (await site.status()).apps.flatMap((app) => app.workers.map(({ pid }) => pid));

describe("status", () => {
  test("tells at each question whether an external app can be reached, and does not judge the manager by it", async () => {
    const port = await freePort();
    configure(blog(), external("php", atSocket()), external("maps", `port = "LOCALHOST:${port}"`));
    expect(await site.run("start", "--daemon")).toMatchObject({ code: 0 });
    expect(await externals()).toEqual([
      { app: "php", state: "unreachable", address: site.path, connectMs: null, reason: "there is no socket" },
      {
        app: "maps",
        state: "unreachable",
        address: `LOCALHOST:${port}`,
        connectMs: null,
        reason: "nobody listens there",
      },
    ]);
    const { code, stdout } = await site.run("status");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^blog +running +2\/2 /m);
    expect(stdout).toMatch(/^php +unreachable .*fpm-\S+ +there is no socket$/m);
    expect(await site.run("status", "php")).toMatchObject({ code: 4, stdout: expect.not.stringContaining("blog") });
    expect(await site.run("status", "blog")).toMatchObject({ code: 0, stdout: expect.not.stringContaining("php") });

    await startForeign("--socket", site.path);
    await startForeign("--port", String(port));
    expect(await externals()).toMatchObject([
      { app: "php", state: "reachable", connectMs: null, reason: null },
      { app: "maps", state: "reachable", connectMs: expect.any(Number), reason: null },
    ]);
    expect(await site.run("status", "php")).toMatchObject({ code: 0 });
    expect(await site.run("status", "--ready", "maps")).toMatchObject({ code: 0, stdout: "" });
  });
});

test.each([
  ["stop", "php"],
  ["restart", "php"],
  ["scale", "php", "2"],
  ["signal", "php", "HUP"],
  ["logs", "php"],
  ["env", "php"],
])("%s %s is refused, and says that somebody else starts it", async (...words) => {
  configure(blog(), external("php", atSocket()));
  expect(await site.run("start", "--daemon")).toMatchObject({ code: 0 });
  const foreign = await startForeign("--socket", site.path);
  const before = [await workers(), foreign.workers()];
  expect(await site.run(...words)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^error: Cannot do that for php: it is external.*\n +try: do that where/),
  });
  expect([await workers(), foreign.workers()]).toEqual(before);
});

describe("reload", () => {
  test("adds, changes and removes external apps, and touches no worker for that", async () => {
    configure(blog());
    expect(await site.run("start", "--daemon")).toMatchObject({ code: 0 });
    const before = await workers();
    const reload = async (...words: string[]) => (await site.run("reload", ...words)).stdout.split("\n");

    configure(blog(), external("php", atSocket()), external("maps", "port = 9000"));
    expect(await reload("--dry-run")).toContain("php: external, would be added");
    expect(await externals()).toEqual([]);
    expect(await reload("maps")).toEqual(["maps: external, added", "  new in the config, at 127.0.0.1:9000", ""]);
    expect((await externals()).map(({ app }) => app)).toEqual(["maps"]);
    expect(await reload()).toEqual(expect.arrayContaining(["blog: unchanged", "php: external, added"]));

    configure(blog(), external("maps", 'port = "maps.example.org:9000"'));
    const changed = await reload();
    expect(changed).toEqual(
      expect.arrayContaining([
        "maps: external, changed",
        "  address: 127.0.0.1:9000 -> maps.example.org:9000",
        "php: external, removed",
      ]),
    );
    expect((await site.status()).externals?.map(({ address }) => address)).toEqual(["maps.example.org:9000"]);
    expect(await workers()).toEqual(before);
  });

  test("makes an app external, and an external one the manager's own", async () => {
    configure(blog(), `[apps.shop]\ncommand = ${JSON.stringify(echoes.c.command)}\n${atSocket()}\n`);
    expect(await site.run("start", "--daemon")).toMatchObject({ code: 0 });
    configure(blog(), external("shop", atSocket()));
    const { stdout } = await site.run("reload");
    expect(stdout.split("\n")).toEqual([
      "blog: unchanged",
      expect.stringMatching(/^shop: removed in /),
      "  external = true: somebody else starts it",
      "shop: external, added",
      `  new in the config, at ${site.path}`,
      "",
    ]);
    expect(await site.status()).toMatchObject({ apps: [{ app: "blog" }], externals: [{ app: "shop" }] });
    configure(blog(), `[apps.shop]\ncommand = ${JSON.stringify(echoes.c.command)}\n${atSocket()}\n`);
    expect(await site.run("reload")).toMatchObject({ code: 0 });
    const after = await site.status();
    expect(after).toMatchObject({ apps: [{ app: "blog" }, { app: "shop", state: "running" }], externals: [] });
  });

  test("is refused where nothing would be left to run", async () => {
    configure(blog());
    expect(await site.run("start", "--daemon")).toMatchObject({ code: 0 });
    configure(external("blog", atSocket()));
    expect(await site.run("reload")).toMatchObject({ code: 5, stderr: expect.stringContaining("nothing to start") });
    expect(await site.run("status", "blog")).toMatchObject({ code: 0 });
  });
});

test("request and doctor work for an external app, without any manager and with one", async () => {
  const port = await freePort();
  await startForeign("--socket", site.path);
  await startForeign("--port", String(port));
  configure(external("php", atSocket()), external("maps", `port = "LOCALHOST:${port}"`), external("gone", "port = 1"));
  const works = async () => {
    for (const app of ["php", "maps"]) {
      const asked = await site.run("request", "/x?size=3", "--app", app);
      expect(asked).toMatchObject({ code: 0, stdout: expect.stringContaining("query=size=3") });
      const { code, stdout } = await site.run("doctor", app, "--json");
      const [report] = (JSON.parse(stdout) as { patients: { findings: { code: string; level: string }[] }[] }).patients;
      expect([code, report?.findings.filter(({ level }) => level === "broken")]).toEqual([0, []]);
    }
    expect(await site.run("request", "/", "--app", "gone")).toMatchObject({ code: 3 });
    expect(await site.run("doctor", "gone")).toMatchObject({ code: 4 });
  };
  await works();
  configure(
    blog(),
    external("php", atSocket()),
    external("maps", `port = "LOCALHOST:${port}"`),
    external("gone", "port = 1"),
  );
  expect(await site.run("start", "--daemon")).toMatchObject({ code: 0 });
  await works();
});

test("generate writes the address of an external app, from the config and from a running manager", async () => {
  configure(blog(), external("php", atSocket()), external("maps", 'port = "maps.example.org:9000"'));
  expect(await site.run("start", "--daemon")).toMatchObject({ code: 0 });
  const [manager = ""] = site.files().filter((name) => name.endsWith(".control"));
  const control = join(site.runtime, "control", manager);
  for (const words of [[], ["--control", control]]) {
    expect(await site.run("generate", "nginx", "php", ...words)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`server "unix:${site.path}";`),
    });
    expect(await site.run("generate", "nginx", "maps", ...words)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ *server "?maps\.example\.org:9000"?;/m),
    });
  }
});

describe("a config of external apps alone", () => {
  test("is right, and a socket that is not there yet is a warning", async () => {
    configure(external("php", atSocket()), external("maps", 'port = "maps.example.org:9000"'));
    const { code, stdout } = await site.run("check");
    expect(code).toBe(0);
    expect(stdout.split("\n")).toEqual([
      `php: external, at ${site.path}`,
      `  warning: there is no socket ${site.path}`,
      expect.stringMatching(/^ {4}try: start what listens there/),
      "maps: external, at maps.example.org:9000",
      "",
    ]);
  });

  test("has nothing to start", async () => {
    configure(external("php", atSocket()));
    expect(await site.run("start")).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(
        /^error: There is nothing to start in .*: all its apps are external \(php\)\n +try: /,
      ),
    });
    expect(site.files()).toEqual([]);
  });
});

test("at rest nobody is asked", async () => {
  const port = await freePort();
  configure(blog(), external("maps", `port = "LOCALHOST:${port}"`));
  expect(await site.run("start", "--daemon")).toMatchObject({ code: 0 });
  const { createServer } = await import("node:net");
  let came = 0;
  const server = createServer((socket) => {
    came += 1;
    socket.destroy();
  });
  await new Promise<void>((listening) => server.listen(port, "127.0.0.1", listening));
  try {
    // Commands that only look for the manager ask it for its apps, and nobody else for anything.
    expect(await site.run("restart", "blog")).toMatchObject({ code: 0 });
    expect(await site.run("scale", "blog", "1")).toMatchObject({ code: 0 });
    expect(came).toBe(0);
    expect(await site.run("status")).toMatchObject({ code: 0 });
    await until(() => came === 1, { what: "the one connection" });
  } finally {
    server.close();
  }
});
