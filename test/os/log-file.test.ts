import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { proveLogFile, proveOutputFile } from "../../src/os/log-file.ts";
import { runElsewhere } from "./elsewhere.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fpm-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

test("a file that can be written is made, or left as it is", () => {
  const [fresh, there] = [join(directory, "fresh"), join(directory, "there")];
  writeFileSync(there, "text");
  for (const path of [fresh, there]) {
    proveLogFile(path);
    proveOutputFile("blog", path);
  }
  expect(statSync(fresh).mode & 0o137).toBe(0);
  expect(readFileSync(there, "utf8")).toBe("text");
});

test("a file that cannot be written is refused with its path and the reason", () => {
  const path = join(directory, "none", "out");
  expect(() => proveLogFile(path)).toThrow(
    `Cannot write the log "${path}": there is no directory ${join(directory, "none")}`,
  );
  expect(() => proveOutputFile("blog", path)).toThrow(
    `Cannot write the output file "${path}" of blog: there is no directory ${join(directory, "none")}`,
  );
  expect(existsSync(path)).toBe(false);
  expect(() => proveLogFile(directory)).toThrow(`Cannot write the log "${directory}": it is a directory`);
});

test("a link of another user is none for root: he could have root write anywhere", () => {
  const [link, target] = [join(directory, "link"), join(directory, "target")];
  symlinkSync(target, link);
  lchownSync(link, 12345, 12345);
  expect(() => proveOutputFile("blog", link)).toThrow(/it is a symbolic link of another user/);
  expect(existsSync(target)).toBe(false);
  lchownSync(link, 0, 0);
  proveOutputFile("blog", link);
  expect(existsSync(target)).toBe(true);
});

test("what is no regular file cannot be an output file: it cannot be rotated", () => {
  const fifo = join(directory, "fifo");
  execFileSync("mkfifo", [fifo]);
  mkdirSync(join(directory, "directory"));
  for (const path of [fifo, join(directory, "directory"), "/dev/null"]) {
    expect(() => proveOutputFile("blog", path)).toThrow("it is not a regular file");
  }
});

test("a file in a directory that cannot be written cannot be rotated, and is refused", () => {
  const path = join(directory, "out");
  writeFileSync(path, "");
  chmodSync(path, 0o666);
  chmodSync(directory, 0o555);
  const program = `
    import { proveOutputFile } from "./src/os/log-file.ts";
    try { proveOutputFile("blog", ${JSON.stringify(path)}); } catch (error) { console.log(error.message); }`;
  expect(runElsewhere(program, { asNobody: true })).toContain(
    "it cannot be rotated, its directory is not writable: EACCES",
  );
  chmodSync(directory, 0o755);
});
