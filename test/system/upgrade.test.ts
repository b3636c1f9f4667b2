/** Another version is installed over a manager that runs: it goes on with its own. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, jest, test } from "@jest/globals";
import { execa } from "execa";
import { ask, bin, usePlace } from "../helpers/manager.ts";
import { buildPrograms, echoes } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { installCopy, startCopy } from "../runners/site.ts";

jest.setTimeout(240_000);

const place = usePlace();
beforeAll(() => buildPrograms([echoes.c]), 60_000);

test("A manager whose files were removed reloads, and does for the first time what a start has no need of", async () => {
  const config = join(place.directory, "fcgi-pm.toml");
  const output = join(place.directory, "blog.log");
  const app = `[apps.blog]\ncommand = ${JSON.stringify(echoes.c.command)}\nsocket = "${place.path}"\n`;
  writeFileSync(config, app);
  const runtime = join(place.directory, "run");
  mkdirSync(runtime, { mode: 0o700 });
  const end = startCopy(installCopy(place.directory, 0o755), ["--config", config], runtime);
  try {
    await until(async () => (await ask(place.path)).status === 200, { what: "an answer" });
    rmSync(join(place.directory, "installed"), { recursive: true });
    const run = (...words: string[]) =>
      execa(process.execPath, [bin, ...words], { env: { RUNTIME_DIRECTORY: runtime }, reject: false });

    // A list of lines with their places for what is wrong, and then a file that rotates: neither was loaded before.
    writeFileSync(config, app.replace("command", "comand"));
    const refused = await run("reload");
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toMatch(/fcgi-pm\.toml:2/);
    writeFileSync(config, `${app}output-file = "${output}"\n`);
    const reloaded = await run("reload");
    expect([reloaded.exitCode, reloaded.stderr]).toEqual([0, ""]);
    expect((await ask(place.path)).status).toBe(200);
    expect(readFileSync(output, "utf8")).toBeDefined();
  } finally {
    await end();
  }
});
