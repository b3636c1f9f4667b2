/** Which managers run: every control socket of a directory is asked, those of the dead are cleared away. */
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { findManagers, managerAt, managerOf, onlyManager } from "../../src/control/find.ts";
import { openControl } from "../../src/control/server.ts";
import { appNamed, playOperations } from "./operations.ts";
import { dieListening, useRoom } from "./room.ts";

jest.setTimeout(60_000);

const room = useRoom();

const at = (name: string) => join(room.directory, name);

/** A manager with these apps. */
async function manager(name: string, ...apps: string[]): Promise<void> {
  const { status: usual } = playOperations();
  const status = () => ({ ...usual(), apps: apps.map((app) => appNamed(app, 1)) });
  const operations = playOperations({ status });
  const server = await openControl({ operations, listen: { path: at(name) }, onBug: () => {} });
  room.after(() => server.close());
  // The first question loads what answers it: from now on it is quick.
  await managerAt(at(name), { timeoutMs: 60_000 });
}

/** Somebody who listens and never says a word. */
async function mute(name: string): Promise<void> {
  const server = createServer((socket) => room.after(() => socket.destroy()));
  await new Promise<void>((resolve) => server.listen(at(name), resolve));
  room.after(() => server.close());
}

const find = (timeoutMs = 60_000) => findManagers([room.directory], { timeoutMs });
/** Where somebody is mute: those that answer have time for it all the same. */
const findAmongMute = () => find(4000);

describe("managers", () => {
  test("are found by their sockets, in order, with what they say", async () => {
    await manager("b.control", "shop");
    await manager("a.control", "blog", "wiki");
    const { managers, failed } = await find();
    expect(managers.map(({ path, status }) => [path, status.apps.map(({ app }) => app)])).toEqual([
      [at("a.control"), ["blog", "wiki"]],
      [at("b.control"), ["shop"]],
    ]);
    expect(failed).toEqual([]);
  });

  test("are found all, however many there are", async () => {
    const names = Array.from({ length: 40 }, (_, nth) => `${String(nth).padStart(2, "0")}.control`);
    for (const name of names) await manager(name);
    expect((await find()).managers.map(({ path }) => path)).toEqual(names.map(at));
  });

  test("are none where there is no directory, nothing in it, or no directory but a file", async () => {
    const none = { managers: [], failed: [] };
    writeFileSync(at("file"), "");
    expect(await find()).toEqual(none);
    expect(await findManagers([at("missing")])).toEqual(none);
    expect(await findManagers([at("file")])).toEqual(none);
  });

  test("that were killed have their sockets removed, and nothing else is", async () => {
    await manager("alive.control", "blog");
    await dieListening(at("dead.control"));
    await dieListening(at("app.sock"));
    await dieListening(at("target"));
    symlinkSync("target", at("link.control"));
    writeFileSync(at("file.control"), "");
    mkdirSync(at("directory.control"));
    const { managers, failed } = await find();
    expect(managers.map(({ path }) => path)).toEqual([at("alive.control")]);
    expect(failed).toEqual([]);
    expect(readdirSync(room.directory).toSorted()).toEqual([
      "alive.control",
      "app.sock",
      "directory.control",
      "file.control",
      "link.control",
      "target",
    ]);
  });

  test("that do not answer are told apart, and keep nobody from the others", async () => {
    await mute("mute.control");
    await manager("z.control", "blog");
    const { managers, failed } = await findAmongMute();
    expect(managers.map(({ path }) => path)).toEqual([at("z.control")]);
    expect(failed).toMatchObject([{ path: at("mute.control"), error: { code: "FCGI_PM_MANAGER_SILENT" } }]);
    expect(readdirSync(room.directory)).toContain("mute.control");
  });
});

describe("a manager that is named by its socket", () => {
  test("is taken as it is, wherever it lies", async () => {
    await manager("elsewhere.sock", "blog");
    const { path, status } = await managerAt(at("elsewhere.sock"));
    expect(path).toBe(at("elsewhere.sock"));
    expect(status.apps.map(({ app }) => app)).toEqual(["blog"]);
  });

  test("and was killed is an error; its socket stays", async () => {
    await dieListening(at("dead.control"));
    await expect(managerAt(at("dead.control"))).rejects.toMatchObject({ code: "FCGI_PM_MANAGER_GONE" });
    expect(readdirSync(room.directory)).toEqual(["dead.control"]);
  });
});

describe("the manager of an app", () => {
  test("is the one that has it", async () => {
    await manager("a.control", "blog");
    await manager("b.control", "shop");
    expect(managerOf("shop", await find()).path).toBe(at("b.control"));
  });

  test("is nobody where none has it, and the apps that there are are said", async () => {
    await manager("a.control", "blog");
    await manager("b.control", "shop");
    const found = await find();
    const error = { code: "FCGI_PM_APP_UNKNOWN", exitStatus: 3, message: 'There is no app "wiki", only blog, shop' };
    expect(() => managerOf("wiki", found)).toThrow(expect.objectContaining(error));
  });

  test("is nobody where no manager is", async () => {
    const found = await find();
    const error = { code: "FCGI_PM_MANAGER_MISSING", exitStatus: 3, remedy: "start one: fcgi-pm start" };
    expect(() => managerOf("blog", found)).toThrow(expect.objectContaining(error));
  });

  test("cannot be told where several have it: all are named", async () => {
    await manager("a.control", "blog");
    await manager("b.control", "blog");
    const found = await find();
    const error = {
      code: "FCGI_PM_MANAGER_AMBIGUOUS",
      exitStatus: 2,
      message: `2 managers have an app "blog": ${at("a.control")}, ${at("b.control")}`,
    };
    expect(() => managerOf("blog", found)).toThrow(expect.objectContaining(error));
  });

  test("may be the one that does not answer: that is said rather than that there is no such app", async () => {
    await manager("a.control", "blog");
    await mute("mute.control");
    const found = await findAmongMute();
    expect(managerOf("blog", found).path).toBe(at("a.control"));
    expect(() => managerOf("wiki", found)).toThrow(expect.objectContaining({ code: "FCGI_PM_MANAGER_SILENT" }));
  });
});

describe("the only manager", () => {
  test("is the one that there is", async () => {
    await manager("a.control", "blog");
    expect(onlyManager(await find()).path).toBe(at("a.control"));
  });

  test("is none where there is none, or several, or one that is silent", async () => {
    const thrown = (code: string) => expect.objectContaining({ code });
    const nobody = await find();
    expect(() => onlyManager(nobody)).toThrow(thrown("FCGI_PM_MANAGER_MISSING"));
    await mute("mute.control");
    const silent = await findAmongMute();
    expect(() => onlyManager(silent)).toThrow(thrown("FCGI_PM_MANAGER_SILENT"));
    await manager("a.control");
    await manager("b.control");
    const several = await findAmongMute();
    expect(() => onlyManager(several)).toThrow(thrown("FCGI_PM_MANAGER_AMBIGUOUS"));
  });
});
