/** The way to an output file, with real files. What a slow disk does, a file does that is not open yet. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Record } from "../../src/observe/record.ts";
import { OutputFile, type OutputSettings } from "../../src/os/output-file.ts";
import { until } from "../helpers/wait.ts";
import { runElsewhere } from "./elsewhere.ts";

let directory: string;
let path: string;
let file: OutputFile | undefined;
let heard: { failed: string[]; mended: number; dropped: number; unwritten: Record[] };

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fpm-"));
  path = join(directory, "out");
  heard = { failed: [], mended: 0, dropped: 0, unwritten: [] };
});

afterEach(async () => {
  await file?.close(1000);
  file = undefined;
  rmSync(directory, { recursive: true });
});

function open(settings: Partial<OutputSettings> = {}, after: Promise<void> = Promise.resolve()): OutputFile {
  const hearer = {
    failed: (reason: string) => heard.failed.push(reason),
    mended: () => {
      heard.mended += 1;
    },
    dropped: (lines: number) => {
      heard.dropped += lines;
    },
    unwritten: (records: readonly Record[]) => heard.unwritten.push(...records),
  };
  file = new OutputFile({ path, maxSize: 1e9, keep: 100, format: "json", ...settings }, hearer, after);
  return file;
}

const record = (text: string): Record => ({ fields: { time: "2026-11-21T04:24:51.527Z" }, message: text, text });

function written(name = "out"): string[] {
  const lines = readFileSync(join(directory, name), "utf8").split("\n");
  expect(lines.pop()).toBe("");
  return lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
}

/** Of all files, the oldest first. */
function writtenOfAll(): string[] {
  const numbers = readdirSync(directory).map((name) => Number(name.slice("out.".length) || 0));
  return numbers.toSorted((a, b) => b - a).flatMap((number) => written(number === 0 ? "out" : `out.${number}`));
}

const numbered = (count: number) => Array.from({ length: count }, (_, number) => `line ${number}`);

describe("an output file", () => {
  test("has the lines as the log has them in a file, JSON or readable", async () => {
    for (const format of ["auto", "json", "pretty"] as const) {
      const opened = open({ format, path: join(directory, format) });
      opened.write({ ...record("\u001b[2Jhi"), fields: { time: 0, app: "blog", worker: 1, stream: "stdout" } }, false);
      await opened.close(20_000);
    }
    const json = '{"level":"info","time":0,"app":"blog","worker":1,"stream":"stdout","msg":"\\u001b[2Jhi"}\n';
    expect(readFileSync(join(directory, "auto"), "utf8")).toBe(json);
    expect(readFileSync(join(directory, "json"), "utf8")).toBe(json);
    expect(readFileSync(join(directory, "pretty"), "utf8")).toMatch(/^\[.*\] INFO: \[blog\/1\] \\x1b\[2Jhi\n$/);
  });

  test("is made before anything is written to it", async () => {
    await open().opened;
    expect(written()).toEqual([]);
  });

  test("loses nothing and mixes nothing up over many rotations", async () => {
    const opened = open({ maxSize: 64 * 1024 });
    const texts = numbered(10_000);
    for (const [index, text] of texts.entries()) {
      expect(opened.write(record(text), false)).toBe(true);
      if (index % 1000 === 0) await opened.opened;
    }
    await opened.close(20_000);
    expect(writtenOfAll()).toEqual(texts);
    expect(readdirSync(directory).length).toBeGreaterThan(10);
    for (const name of readdirSync(directory)) {
      expect(readFileSync(join(directory, name)).length).toBeLessThan(65 * 1024);
    }
    expect(heard).toEqual({ failed: [], mended: 0, dropped: 0, unwritten: [] });
  });

  test("is opened again after it was renamed, even if nothing is written", async () => {
    const opened = open();
    opened.write(record("before"), false);
    await until(() => written().length === 1, { what: "the first line" });
    renameSync(path, `${path}.moved`);
    opened.reopen();
    await until(() => readdirSync(directory).includes("out"), { what: "the new file" });
    opened.write(record("after"), false);
    await opened.close(20_000);
    expect(written("out.moved")).toEqual(["before"]);
    expect(written()).toEqual(["after"]);
  });

  test("takes nothing any more when it is closed", async () => {
    const opened = open();
    await opened.close(20_000);
    expect(opened.write(record("late"), false)).toBe(false);
    expect(written()).toEqual([]);
  });
});

describe("an output file that is written too slowly", () => {
  test("drops lines past 4 MiB and counts them, but no notices", async () => {
    let disk = () => {};
    const opened = open({}, new Promise((resolve) => (disk = resolve)));
    const text = "x".repeat(1000);
    for (let line = 0; line < 10_000; line += 1) expect(opened.write(record(text), false)).toBe(true);
    expect(opened.write(record("notice"), true)).toBe(true);
    disk();
    await until(() => heard.dropped > 0, { what: "the word about it" });
    await opened.close(20_000);
    const lines = written();
    expect(lines.at(-1)).toBe("notice");
    expect(lines.length * 1000).toBeLessThan(4 * 1024 * 1024);
    expect(heard.dropped).toBe(10_000 - (lines.length - 1));
  });

  test("is given up at the end, and what is lost is counted", async () => {
    const opened = open({}, new Promise(() => {}));
    for (const text of numbered(7)) opened.write(record(text), false);
    await opened.close(10);
    expect(heard.dropped).toBe(7);
  });
});

describe("an output file that cannot be written", () => {
  test("gives its lines back, and is mended by being opened again", async () => {
    const place = join(directory, "place");
    const opened = open({ path: join(place, "out") });
    opened.write(record("first"), false);
    opened.write(record("a notice, which the log has as well"), true);
    await until(() => heard.unwritten.length === 1, { what: "the line that comes back" });
    expect(heard.unwritten[0]?.text).toBe("first");
    expect(opened.write(record("meanwhile"), false)).toBe(false);
    mkdirSync(place);
    opened.reopen();
    await until(() => opened.write(record("after"), false), { what: "the file to be open" });
    await opened.close(20_000);
    expect(written("place/out")).toEqual(["after"]);
    expect(heard.failed).toHaveLength(1);
    expect(heard.failed[0]).toContain("ENOENT");
    expect(heard.mended).toBe(1);
  });

  test("is tried again after a while, when there is something to write, and says once that it failed", async () => {
    const place = join(directory, "place");
    const opened = open({ path: join(place, "out") });
    await opened.opened;
    await until(() => opened.write(record("in vain"), false), { what: "the next try" });
    await until(() => heard.unwritten.length === 1, { what: "the line that comes back" });
    mkdirSync(place);
    await until(() => opened.write(record("again"), false), { what: "the try after that" });
    await opened.close(20_000);
    expect(written("place/out")).toEqual(["again"]);
    expect(heard.failed).toHaveLength(1);
    expect(heard.mended).toBe(1);
  });

  test("because the disk is full loses at most one write; what comes after goes back, until there is room", () => {
    // A limit of the kernel on the size of files acts as a full disk does; it holds for the whole process.
    const { failed, mended, back, kept } = JSON.parse(runElsewhere(fillsTheDisk, { argument: path })) as Filled;
    expect(failed).toEqual([expect.stringContaining("EFBIG")]);
    expect(mended).toBe(1);
    expect(kept.at(-1)).toBe('{"level":"info","msg":"again"}');
    const texts = numbered(5000);
    expect(back).toEqual(texts.slice(-back.length));
    expect(kept.length + back.length).toBeGreaterThan(texts.length - 1000);
  });
});

interface Filled {
  readonly failed: readonly string[];
  readonly mended: number;
  readonly back: readonly string[];
  readonly kept: readonly string[];
}

const fillsTheDisk = `
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { OutputFile } from "./src/os/output-file.ts";
import { until } from "./test/helpers/wait.ts";
const path = process.argv[2];
const limit = (bytes) => execFileSync("prlimit", ["--pid", String(process.pid), "--fsize=" + bytes + ":unlimited"]);
const record = (text) => ({ fields: {}, message: text, text });
const heard = { failed: [], mended: 0, back: [] };
const file = new OutputFile({ path, maxSize: 1e9, keep: 1, format: "json" }, {
  failed: (reason) => heard.failed.push(reason),
  mended: () => { heard.mended += 1; },
  dropped: () => {},
  unwritten: (records) => heard.back.push(...records.map(({ text }) => text)),
}, Promise.resolve());
await file.opened;
limit(100000);
for (let number = 0; number < 5000; number += 1) {
  const text = "line " + number;
  if (!file.write(record(text), false)) heard.back.push(text);
}
await until(() => heard.failed.length > 0, { what: "the failure" });
limit("unlimited");
await until(() => file.write(record("again"), false), { what: "the next try" });
await file.close(20_000);
console.log(JSON.stringify({ ...heard, kept: readFileSync(path, "utf8").trim().split("\\n") }));
`;
