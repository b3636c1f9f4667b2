/** Unit files as they come to lie on the disk. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { perform } from "../../src/cli/unit-files.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fpm-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

test("can be read by everybody, whatever root's umask is", () => {
  const path = join(directory, "web.service");
  const umask = process.umask(0o077);
  try {
    perform([{ path, kind: "new", text: "[Service]\n" }]);
  } finally {
    process.umask(umask);
  }
  expect(statSync(path).mode & 0o777).toBe(0o644);
  expect(readFileSync(path, "utf8")).toBe("[Service]\n");
});

test("leave nothing unfinished behind where they cannot be written", () => {
  const path = join(directory, "web.service");
  mkdirSync(path);
  writeFileSync(join(path, "in-the-way"), "");
  expect(() => perform([{ path, kind: "new", text: "[Service]\n" }])).toThrow(`Cannot change "${path}"`);
  expect(readdirSync(directory)).toEqual(["web.service"]);
});
