/** Whom `fcgi-pm request` asks: an app of a running manager, an app of a config, or an address. */
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { Undo } from "../fastcgi/peers.ts";
import { answer, scriptedApp } from "../fastcgi/scripted-app.ts";
import { echoes } from "../helpers/programs.ts";
import { useSite } from "../helpers/site.ts";
import { blog, mailer, shop } from "../observe/samples.ts";
import { showing, statusOf, useStage } from "./stage.ts";

jest.setTimeout(60_000);
const undo = new Undo();
afterEach(() => undo.all());

/** An application that says its name. */
async function named(name: string): Promise<string> {
  return (await scriptedApp(undo, (_heard, socket) => socket.end(answer(`A: b\n\n${name}\n`)))).path;
}

describe("of running managers", () => {
  const stage = useStage();
  const apps = async () => ({
    blog: { ...blog, address: await named("blog") },
    shop: { ...shop, address: await named("shop") },
  });

  test("the only app with a listener needs no name", async () => {
    await stage.play("1", showing(statusOf(1, (await apps()).blog, mailer)));
    expect(await stage.run("request")).toMatchObject({ code: 0, stdout: "blog\n", stderr: "" });
  });

  test("one is named, whichever manager has it", async () => {
    const { blog: one, shop: other } = await apps();
    await stage.play("1", showing(statusOf(1, one)));
    await stage.play("2", showing(statusOf(2, other)));
    expect(await stage.run("request", "--app", "shop")).toMatchObject({ code: 0, stdout: "shop\n", stderr: "" });
    const { code, stderr } = await stage.run("request");
    expect([code, stderr]).toEqual([2, "error: Several apps could be asked: blog, shop\n  try: --app blog"]);
  });

  test("one without a listener cannot be asked, and one that nobody has is not there", async () => {
    const control = await stage.play("1", showing(statusOf(1, mailer)));
    const mute = await stage.run("request", "--app", "mailer", "--control", control);
    expect(mute).toMatchObject({ code: 2, stderr: expect.stringContaining("it has no listener") });
    const missing = await stage.run("request", "--app", "none");
    expect(missing).toMatchObject({ code: 3, stderr: expect.stringContaining('There is no app "none"') });
  });

  test("the commands of a remedy name the app", async () => {
    const cut = await scriptedApp(undo, (_heard, socket) => socket.end());
    await stage.play("1", showing(statusOf(1, { ...blog, address: cut.path })));
    const { code, stderr } = await stage.run("request", "--app", "blog");
    expect([code, stderr]).toEqual([1, expect.stringContaining("try: fcgi-pm logs blog ")]);
  });
});

describe("of a config", () => {
  const stage = useStage();
  const config = (...lines: string[]): string => {
    const path = join(stage.directory, "fcgi-pm.toml");
    writeFileSync(path, `${lines.join("\n")}\n`);
    return path;
  };

  test("the only app is asked at its address, with no manager", async () => {
    const path = config("[apps.blog]", 'command = "/bin/true"', `socket = "${await named("blog")}"`);
    expect(await stage.run("request", "--config", path)).toMatchObject({ code: 0, stdout: "blog\n" });
    expect(await stage.run("request", "-c", path, "--app", "blog")).toMatchObject({ code: 0, stdout: "blog\n" });
  });

  test("one that is not in it is not there, and a config that is wrong is status 5", async () => {
    const path = config("[apps.blog]", 'command = "/bin/true"');
    const missing = await stage.run("request", "-c", path, "--app", "shop");
    expect(missing).toMatchObject({ code: 3, stderr: expect.stringContaining('There is no app "shop"') });
    const wrong = await stage.run("request", "-c", config("[apps.blog]"));
    expect(wrong).toMatchObject({ code: 5, stdout: "" });
  });
});

describe("of nothing that is named", () => {
  const site = useSite();

  test("the config of the directory is used where no manager runs", async () => {
    const socket = await named("blog");
    writeFileSync(join(site.directory, "fcgi-pm.toml"), `[apps.blog]\ncommand = "/bin/true"\nsocket = "${socket}"\n`);
    expect(await site.run("request")).toMatchObject({ code: 0, stdout: "blog\n" });
  });

  test("an app that really runs answers by its name", async () => {
    const command = echoes.python.command[0] ?? "";
    mkdirSync(site.runtime, { recursive: true });
    await site.run("start", command, "--name", site.app, "--daemon");
    const { code, stdout } = await site.run("request", "/news?x", "--app", site.app);
    expect([code, stdout]).toEqual([0, expect.stringContaining("path_info=/news\nquery=x\n")]);
    await site.run("stop");
    const { code: after } = await site.run("request", "--app", site.app);
    expect(after).toBe(3);
  });
});

describe("an address", () => {
  const stage = useStage();

  test("may be a port with a host, a name or none", async () => {
    const app = await named("tcp");
    // What comes at the port goes to the application.
    const server = createServer((socket) => socket.pipe(connect(app)).pipe(socket));
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
    });
    undo.add(() => new Promise((resolve) => server.close(resolve)));
    for (const text of [`${port}`, `127.0.0.1:${port}`, `localhost:${port}`])
      expect(await stage.run("request", "--port", text)).toMatchObject({ code: 0, stdout: "tcp\n" });
  });

  test("of a host that is not there is no connection", async () => {
    const { code, stderr } = await stage.run("request", "--port", "no-such-host.invalid:9000", "--timeout", "20s");
    expect([code, stderr]).toEqual([3, expect.stringContaining("Cannot connect to no-such-host.invalid:9000")]);
  });
});
