/** journald's native protocol, with a peer that decodes it by the documentation. test/system has journald itself. */
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { JournalLog } from "../../src/os/journal-log.ts";
import { asErrors, isJournalStream } from "../../src/os/journal-stream.ts";
import { encodeEntry, Journald } from "../../src/os/journald.ts";
import type { Fields, Log } from "../../src/os/log-format.ts";
import { until } from "../helpers/wait.ts";
import { type JournalPeer, startJournalPeer } from "./journal-peer.ts";

let directory: string;
let path: string;
let peer: JournalPeer | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fpm-"));
  path = join(directory, "socket");
});

afterEach(async () => {
  await peer?.end();
  peer = undefined;
  rmSync(directory, { recursive: true });
});

async function start(): Promise<JournalPeer> {
  peer = await startJournalPeer(path);
  return peer;
}

const messages = ({ received }: JournalPeer) => received.map(({ fields }) => fields["MESSAGE"]);

describe("standard error is the journal", () => {
  test("if JOURNAL_STREAM has its device and inode, and not if it is another file, or closed", () => {
    const fd = openSync(directory, "r");
    const { dev, ino } = fstatSync(fd, { bigint: true });
    const stream = { JOURNAL_STREAM: `${dev}:${ino}` };
    expect(isJournalStream(stream, fd)).toBe(true);
    const other = openSync("/dev/null", "r");
    expect(isJournalStream(stream, other)).toBe(false);
    for (const text of ["", `${dev}`, `${dev}:${ino}1`, "0:0"]) {
      expect(isJournalStream({ JOURNAL_STREAM: text }, fd)).toBe(false);
    }
    expect(isJournalStream({}, fd)).toBe(false);
    closeSync(other);
    closeSync(fd);
    expect(isJournalStream(stream, fd)).toBe(false);
  });
});

test("an error is one on every line of the stream", () => {
  expect(asErrors("error: no\n\n  try: this\n")).toBe("<3>error: no\n\n<3>  try: this\n");
});

describe("an entry", () => {
  test("arrives with every field, lines ends and equals signs in it included", async () => {
    const { received } = await start();
    const journald = new Journald(path);
    const entry = [
      ["MESSAGE", "one\ntwo\n"],
      ["APP", "blog"],
      ["DETAILS", '{"a":"b=c"}'],
      ["EMPTY", ""],
      ["WORDS", "naïve 🦉"],
    ] as const;
    expect(journald.send(encodeEntry(entry))).toBe("sent");
    await until(() => received.length === 1, { what: "the entry" });
    expect(received).toEqual([{ fields: Object.fromEntries(entry) }]);
    journald.close();
  });

  test("that is too large for a datagram arrives in a sealed file", async () => {
    const { received } = await start();
    const journald = new Journald(path);
    const length = 20 * 1024 * 1024;
    expect(journald.send(encodeEntry([["MESSAGE", "x".repeat(length)]]))).toBe("sent");
    await until(() => received.length === 1, { what: "the entry" });
    expect(received).toEqual([{ fields: { MESSAGE: `${length} bytes` }, seals: 0xf }]);
    journald.close();
  });

  test("goes nowhere where nobody listens, and to whoever listens there next", async () => {
    const journald = new Journald(path);
    const entry = encodeEntry([["MESSAGE", "hello"]]);
    expect(journald.send(entry)).toBe("gone");
    await start();
    expect(journald.send(entry)).toBe("sent");
    await peer?.end();
    expect(journald.send(entry)).toBe("gone");
    const { received } = await start();
    expect(journald.send(entry)).toBe("sent");
    await until(() => received.length === 1, { what: "the entry" });
    journald.close();
  });

  test("that does not find room is told so at once", async () => {
    const hung = await start();
    await hung.pause();
    const journald = new Journald(path);
    const entry = encodeEntry([["MESSAGE", "hello"]]);
    const deliveries = Array.from({ length: 10_000 }, () => journald.send(entry));
    expect(deliveries[0]).toBe("sent");
    expect(deliveries.at(-1)).toBe("full");
    journald.close();
  });
});

describe("the log in the journal", () => {
  let plain: [level: string, fields: Fields, message: string][];
  let log: JournalLog;

  beforeEach(() => {
    plain = [];
    const other: Log = {
      say: (level, fields, message) => void plain.push([level, fields, message]),
      pass: (fields, message) => plain.push(["line", fields, message]) > 0,
      reopen: () => {},
      close: () => Promise.resolve(),
    };
    log = new JournalLog(new Journald(path), () => other);
  });

  test("has records and lines in their order, however long journald takes", async () => {
    const slow = await start();
    await slow.pause();
    const texts = Array.from({ length: 3000 }, (_, number) => `record ${number}`);
    for (const [index, text] of texts.entries()) {
      if (index % 2 === 0) log.say("info", { notice: "test" }, text);
      else expect(log.pass({ app: "blog", worker: 1, pid: 42, stream: "stdout" }, text)).toBe(true);
    }
    slow.goOn();
    await log.close(30_000);
    await until(() => slow.received.length === texts.length, { what: "all records" });
    expect(messages(slow)).toEqual(texts);
    expect(slow.received[0]?.fields).toMatchObject({ PRIORITY: "6", SYSLOG_IDENTIFIER: "fcgi-pm", NOTICE: "test" });
    expect(slow.received[1]?.fields).toMatchObject({ APP: "blog", WORKER: "1", WORKER_PID: "42", STREAM: "stdout" });
    expect(plain).toEqual([]);
  });

  test("refuses lines of workers past 4 MiB that wait, and never a record of the manager", async () => {
    const hung = await start();
    await hung.pause();
    const line = "x".repeat(10_000);
    let taken = 0;
    while (taken < 10_000 && log.pass({}, line)) taken += 1;
    expect(taken).toBeLessThan(1000);
    log.say("warn", {}, "still said");
    hung.goOn();
    await log.close(30_000);
    await until(() => hung.received.length === taken + 1, { what: "what was taken" });
    expect(messages(hung).at(-1)).toBe("still said");
  });

  test("gives up what waits for a journald that hangs at the end", async () => {
    const hung = await start();
    await hung.pause();
    for (let count = 0; count < 1000; count += 1) log.say("info", {}, "unheard");
    await log.close(50);
    hung.goOn();
    const after = new Journald(path);
    expect(after.send(encodeEntry([["MESSAGE", "after"]]))).toMatch(/sent|full/);
    await until(() => messages(hung).includes("unheard"), { what: "what had found room" });
    expect(hung.received.length).toBeLessThan(1000);
    after.close();
  });

  test("is said plainly while journald is gone, and in the journal again afterwards", async () => {
    const first = await start();
    log.say("info", {}, "one");
    await until(() => first.received.length === 1, { what: "the first record" });
    await first.end();
    log.say("error", { notice: "test" }, "two");
    expect(log.pass({ app: "blog" }, "three")).toBe(true);
    expect(plain).toEqual([
      ["error", { notice: "test" }, "two"],
      ["line", { app: "blog" }, "three"],
    ]);
    const second = await start();
    log.say("info", {}, "four");
    await log.close(20_000);
    await until(() => second.received.length === 1, { what: "the record after the restart" });
    expect(messages(second)).toEqual(["four"]);
    expect(plain).toHaveLength(2);
  });

  test("that waits for a journald which goes away is said plainly", async () => {
    const hung = await start();
    await hung.pause();
    const texts = Array.from({ length: 1000 }, (_, number) => `record ${number}`);
    for (const text of texts) log.say("info", {}, text);
    await hung.end();
    await log.close(20_000);
    const said = plain.map(([, , message]) => message);
    expect(said.length).toBeGreaterThan(0);
    expect(said).toEqual(texts.slice(-said.length));
  });

  test("leaves out what is said for debugging, as a log of another form does", async () => {
    const { received } = await start();
    log.say("debug", {}, "unsaid");
    log.say("info", {}, "said");
    await log.close(20_000);
    await until(() => received.length === 1, { what: "the record" });
    expect(received[0]?.fields["MESSAGE"]).toBe("said");
  });
});
