/** Real files, really rotated. */
import {
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { RotatingFile, type Rotation } from "../../src/os/rotating-file.ts";
import { until } from "../helpers/wait.ts";

let directory: string;
let path: string;
let file: RotatingFile | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fpm-"));
  path = join(directory, "out");
});

afterEach(async () => {
  await file?.close().catch(() => {});
  file = undefined;
  rmSync(directory, { recursive: true });
});

async function open(rotation: Partial<Rotation> = {}): Promise<RotatingFile> {
  file = await RotatingFile.open({ path, maxSize: 100, keep: 3, ...rotation });
  return file;
}

/** Descriptors of this process on files of the test. */
const openFiles = () =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory);
    } catch {
      return false; // the one that lists them
    }
  });

const textOf = (name: string) => readFileSync(join(directory, name), "utf8");
const line = (number: number) => `${String(number).padStart(49, "0")}\n`;

describe("a file that rotates", () => {
  test("is made for its owner and group, and takes what is written", async () => {
    const opened = await open();
    await opened.write("one\n");
    await opened.write("two\n");
    expect(textOf("out")).toBe("one\ntwo\n");
    expect(statSync(path).mode & 0o137).toBe(0);
    expect(opened.room).toBe(92);
  });

  test("is appended to if it was there", async () => {
    writeFileSync(path, "before\n");
    await (await open()).write("after\n");
    expect(textOf("out")).toBe("before\nafter\n");
  });

  test("is not what a link of another user leads to: as root it would write for him wherever he likes", async () => {
    const [treasure, other] = [join(directory, "treasure"), 12345];
    const opened = await open({ maxSize: 1_000_000 });
    await opened.write("one\n");
    renameSync(path, join(directory, "aside"));
    symlinkSync(treasure, path);
    lchownSync(path, other, other);
    // It is looked whether the file is still there once a second.
    const refused = async () => opened.write("two\n").then(() => undefined, String);
    expect(await until(refused, { what: "the link to be seen" })).toMatch(/a symbolic link of another user/);
    await expect(open()).rejects.toThrow(/a symbolic link of another user/);
    expect(existsSync(treasure)).toBe(false);
    // One of root's own is as good as a path.
    lchownSync(path, 0, 0);
    await (await open()).write("three\n");
    expect(textOf("treasure")).toBe("three\n");
  });

  test("leaves nothing open, however often it is rotated and opened again", async () => {
    const opened = await open({ maxSize: 10, maxAgeMs: 1 });
    for (let number = 1; number <= 30; number += 1) {
      await opened.write(line(number));
      await opened.reopen();
    }
    await until(() => openFiles().length === 1, { what: "one open file" });
    await opened.close();
    await until(() => openFiles().length === 0, { what: "the file to be closed" });
  });

  test("that ends with half a line begins with a new one", async () => {
    writeFileSync(path, "half");
    const opened = await open();
    await opened.write("whole\n");
    await opened.reopen();
    await opened.write("next\n");
    expect(textOf("out")).toBe("half\nwhole\nnext\n");
  });

  test("is rotated when it has reached its size, the newest being .1, and no more are kept than are wanted", async () => {
    const opened = await open();
    for (let number = 1; number <= 51; number += 1) await opened.write(line(number));
    expect(readdirSync(directory).toSorted()).toEqual(["out", "out.1", "out.2", "out.3"]);
    expect(textOf("out")).toBe(line(51));
    expect(textOf("out.1")).toBe(line(49) + line(50));
    expect(textOf("out.2")).toBe(line(47) + line(48));
    expect(textOf("out.3")).toBe(line(45) + line(46));
    for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o137).toBe(0);
  });

  test("that is too large when it is opened is rotated at once", async () => {
    writeFileSync(path, "x".repeat(500));
    await (await open()).write("new\n");
    expect(textOf("out")).toBe("new\n");
    expect(textOf("out.1")).toHaveLength(500);
  });

  test("keeps none if none are wanted", async () => {
    const opened = await open({ keep: 0 });
    for (let number = 1; number <= 5; number += 1) await opened.write(line(number));
    expect(readdirSync(directory)).toEqual(["out"]);
    expect(textOf("out")).toBe(line(5));
  });

  test("removes at its opening what is no longer to be kept", async () => {
    for (const number of [1, 2, 3, 4, 5]) writeFileSync(`${path}.${number}`, "old\n");
    await open({ keep: 2 });
    expect(readdirSync(directory).toSorted()).toEqual(["out", "out.1", "out.2"]);
  });

  test("is rotated by what is written first after its age", async () => {
    const opened = await open({ maxAgeMs: 30 });
    await opened.write("old\n");
    await until(() => Date.now() - statSync(path).birthtimeMs > 60, { what: "the age" });
    await opened.write("new\n");
    expect(textOf("out")).toBe("new\n");
    expect(textOf("out.1")).toBe("old\n");
  });

  test("is as old as it was when it is opened anew", async () => {
    writeFileSync(path, "old\n");
    await until(() => Date.now() - statSync(path).birthtimeMs > 60, { what: "the age" });
    await (await open({ maxAgeMs: 50 })).write("new\n");
    expect(textOf("out.1")).toBe("old\n");
  });

  test("is not rotated before its age", async () => {
    const opened = await open({ maxAgeMs: 3_600_000 });
    await opened.write("one\n");
    await opened.write("two\n");
    expect(readdirSync(directory)).toEqual(["out"]);
  });

  test("is made anew when it is opened again after it was renamed", async () => {
    const opened = await open();
    await opened.write("before\n");
    renameSync(path, `${path}.old`);
    await opened.reopen();
    await opened.write("after\n");
    expect(textOf("out")).toBe("after\n");
    expect(textOf("out.old")).toBe("before\n");
  });

  test("that somebody has deleted is made anew, without a word", async () => {
    const opened = await open({ maxSize: 100_000 });
    await opened.write("before\n");
    rmSync(path);
    await until(
      async () => {
        await opened.write("after\n");
        return existsSync(path);
      },
      { what: "the new file" },
    );
    expect(textOf("out")).toBe("after\n");
  });
});

describe("a file that cannot be written", () => {
  test("is refused when it is opened", async () => {
    await expect(open({ path: join(directory, "none", "out") })).rejects.toThrow("ENOENT");
    mkdirSync(path);
    await expect(open()).rejects.toThrow("not a file");
    expect(readdirSync(directory)).toEqual(["out"]);
  });

  test("is refused when its directory has gone, and no directory is made", async () => {
    const gone = join(directory, "gone");
    mkdirSync(gone);
    const opened = await open({ path: join(gone, "out") });
    await opened.write("before\n");
    rmSync(gone, { recursive: true });
    await expect(opened.reopen()).rejects.toThrow("ENOENT");
    expect(existsSync(gone)).toBe(false);
  });

  test("because it cannot be rotated has what was written to it, and refuses what comes next", async () => {
    mkdirSync(join(directory, "out.1", "in the way"), { recursive: true });
    const opened = await open({ keep: 1 });
    await opened.write("x".repeat(99));
    await opened.write("last\n");
    expect(textOf("out")).toMatch(/xlast\n$/);
    await expect(opened.write("next\n")).rejects.toThrow(/EISDIR|ENOTEMPTY|ENOTDIR/);
    expect(textOf("out")).not.toContain("next");
  });
});
