/** The path of a control socket: its rights, and what may stand in its way. */
import { once } from "node:events";
import { existsSync, lstatSync, mkdirSync, readdirSync, statSync, symlinkSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { openControl } from "../../src/control/server.ts";
import { removeSame } from "../../src/control/socket-file.ts";
import { isStopped } from "../../src/os/procfs.ts";
import { until } from "../helpers/wait.ts";
import { dieListening, raw, send, startListening, useRoom } from "./room.ts";

jest.setTimeout(60_000);

const room = useRoom();

const modeOf = (path: string) => statSync(path).mode & 0o7777;
const openAt = (path: string) =>
  openControl({ operations: room.operations, listen: { path }, onBug: (error) => room.bugs.push(error) });

describe("a control socket", () => {
  test.each([0o000, 0o022, 0o777])("has mode 0600 whatever the umask is (%o), which stays as it was", async (umask) => {
    const before = process.umask(umask);
    room.after(() => process.umask(before));
    await room.open();
    expect(modeOf(room.path)).toBe(0o600);
    expect(process.umask()).toBe(umask);
  });

  test("never appears under any name with wider rights, and is alone in the end", async () => {
    const seen: [string, number | undefined][] = [];
    const before = process.umask(0);
    room.after(() => process.umask(before));
    const watcher = watch(room.directory, (_event, name) => {
      const there = statSync(join(room.directory, String(name)), { throwIfNoEntry: false });
      seen.push([String(name), there === undefined ? undefined : there.mode & 0o7777]);
    });
    room.after(() => watcher.close());
    await room.open();
    await until(() => seen.some(([name]) => name === "a.control"), { what: "the socket" });
    for (const [, mode] of seen) expect([undefined, 0o600]).toContain(mode);
    expect(readdirSync(room.directory)).toEqual(["a.control"]);
  });

  test("replaces that of a manager that was killed", async () => {
    await dieListening(room.path);
    const dead = lstatSync(room.path).ino;
    await room.open();
    expect((await send(room.path, "GET", "/v1/status")).status).toBe(200);
    expect(readdirSync(room.directory)).toEqual(["a.control"]);
    expect(dead).toBeGreaterThan(0);
  });

  test("is refused where another manager listens, which goes on", async () => {
    await room.open();
    const { ino } = lstatSync(room.path);
    await expect(openAt(room.path)).rejects.toMatchObject({
      code: "FCGI_PM_CONTROL_IN_USE",
      exitStatus: 1,
      message: `Cannot listen on "${room.path}": another manager listens there`,
    });
    expect(lstatSync(room.path).ino).toBe(ino);
    expect((await send(room.path, "GET", "/v1/status")).status).toBe(200);
  });

  test("is refused where a process listens that does not accept, though it takes no more connections", async () => {
    const child = await startListening(room.path, 1);
    room.after(async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
    });
    child.kill("SIGSTOP");
    await until(() => isStopped(child.pid ?? 0), { what: "SIGSTOP to take effect" });
    const waiting = [1, 2, 3, 4].map(() => raw(room.path));
    room.after(() => waiting.map(({ socket }) => socket.destroy()));
    await until(() => waiting.some(({ socket }) => socket.destroyed), { what: "a full queue" });
    await expect(openAt(room.path)).rejects.toMatchObject({ code: "FCGI_PM_CONTROL_IN_USE" });
    expect(lstatSync(room.path).isSocket()).toBe(true);
  });

  test("of several that start at once one wins", async () => {
    await dieListening(room.path);
    const openings = await Promise.allSettled([1, 2, 3, 4].map(() => openAt(room.path)));
    for (const opening of openings) if (opening.status === "fulfilled") room.after(() => opening.value.close());
    expect(openings.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const opening of openings.filter(({ status }) => status === "rejected")) {
      expect(opening).toMatchObject({ reason: { code: "FCGI_PM_CONTROL_IN_USE" } });
    }
    expect((await send(room.path, "GET", "/v1/status")).status).toBe(200);
    expect(readdirSync(room.directory)).toEqual(["a.control"]);
  });
});

test("a name is removed only while it stands for the same file: an inode may be given anew", async () => {
  await dieListening(room.path);
  const file = lstatSync(room.path);
  for (const other of [{ ino: file.ino + 1 }, { dev: file.dev + 1 }, { birthtimeMs: file.birthtimeMs - 1000 }]) {
    removeSame(room.path, Object.assign(lstatSync(room.path), other));
    expect(existsSync(room.path)).toBe(true);
  }
  removeSame(room.path, file);
  expect(existsSync(room.path)).toBe(false);
  removeSame(room.path, file);
});

describe("what is no socket is not touched", () => {
  test.each<[string, (path: string) => void]>([
    ["a file", (path) => writeFileSync(path, "mine")],
    ["a directory", (path) => mkdirSync(path)],
    ["a link to nothing", (path) => symlinkSync("/nonexistent", path)],
    ["a link to a dead socket", (path) => symlinkSync(`${path}.real`, path)],
  ])("%s", async (_what, make) => {
    await dieListening(`${room.path}.real`);
    make(room.path);
    const { ino } = lstatSync(room.path);
    await expect(openAt(room.path)).rejects.toMatchObject({ code: "FCGI_PM_CONTROL_NOT_A_SOCKET" });
    expect(lstatSync(room.path).ino).toBe(ino);
    expect(lstatSync(`${room.path}.real`).isSocket()).toBe(true);
    expect(readdirSync(room.directory)).toEqual(["a.control", "a.control.real"]);
  });
});

describe("a path that cannot be had is refused in words", () => {
  test("where its directory is missing, or is none", async () => {
    await expect(openAt(join(room.directory, "no", "a.control"))).rejects.toMatchObject({
      code: "FCGI_PM_CONTROL_PATH_WRONG",
      message: expect.stringContaining(`there is no directory ${room.directory}/no`),
    });
    writeFileSync(join(room.directory, "file"), "");
    await expect(openAt(join(room.directory, "file", "a.control"))).rejects.toMatchObject({
      code: "FCGI_PM_CONTROL_PATH_WRONG",
      message: expect.stringContaining("is no directory"),
    });
  });

  test("where it is too long, which Node would cut off", async () => {
    const path = join(room.directory, `${"x".repeat(108)}.control`);
    await expect(openAt(path)).rejects.toMatchObject({ code: "FCGI_PM_CONTROL_PATH_TOO_LONG" });
    expect(readdirSync(room.directory)).toEqual([]);
  });

  test("where there is no right to write", async () => {
    // Root may write anywhere but to /proc.
    await expect(openAt("/proc/a.control")).rejects.toMatchObject({ code: "FCGI_PM_CONTROL_PATH_WRONG" });
  });
});
