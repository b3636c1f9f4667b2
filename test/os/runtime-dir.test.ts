/** The directory of the control sockets: whoever may write there, commands in our name. */
import { chmodSync, chownSync, mkdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { controlDirectories, controlDirectory, ensureControlDirectory } from "../../src/os/runtime-dir.ts";
import { discard, scratch } from "../helpers/manager.ts";

let directory: string;
let control: string;

beforeEach(() => {
  directory = scratch();
  control = controlDirectory({ RUNTIME_DIRECTORY: join(directory, "run") });
});

afterEach(() => discard(directory));

const modeOf = (path: string) => statSync(path).mode & 0o777;

test("it is made for nobody but ourselves, in a runtime directory that web servers may enter", () => {
  expect(control).toBe(join(directory, "run/control"));
  ensureControlDirectory(control);
  expect([modeOf(control), modeOf(join(directory, "run"))]).toEqual([0o700, 0o755]);
  ensureControlDirectory(control);
  expect(modeOf(control)).toBe(0o700);
});

test("one that is named is the only one that is meant, whatever lies beside it", () => {
  mkdirSync(join(directory, "run-blog/control"), { recursive: true });
  expect(controlDirectories({ RUNTIME_DIRECTORY: `${join(directory, "run")}:${join(directory, "other")}` })).toEqual([
    control,
  ]);
});

test("rights that others have there are taken from them", () => {
  mkdirSync(control, { recursive: true });
  chmodSync(control, 0o777);
  ensureControlDirectory(control);
  expect(modeOf(control)).toBe(0o700);
});

test("one of somebody else is refused", () => {
  mkdirSync(control, { recursive: true });
  chownSync(control, 65_534, 65_534);
  expect(() => ensureControlDirectory(control)).toThrow("belongs to another user (65534)");
});

test("what is no directory, or only leads to one, is refused", () => {
  mkdirSync(join(directory, "run"));
  mkdirSync(join(directory, "elsewhere"));
  symlinkSync(join(directory, "elsewhere"), control);
  expect(() => ensureControlDirectory(control)).toThrow("is no directory");
});
