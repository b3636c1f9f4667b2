/** Applications that do what is seldom done: the browser gets one answer, the right one, and the worker serves on. */
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { recordType } from "../../src/fastcgi/wire/constants.ts";
import { abortRequest, stdin } from "../../src/fastcgi/wire/record.ts";
import { ending, opening, type RawPeer, type Received, Undo } from "../fastcgi/peers.ts";
import { until } from "../helpers/wait.ts";
import { startWorkers, type Workers } from "./wsgi-runner.ts";

jest.setTimeout(60_000);
const undo = new Undo();
const forTest = new Undo();
let workers: Workers;
let threaded: Workers;
beforeAll(async () => {
  workers = await startWorkers(undo, { app: "edges:application" });
  threaded = await startWorkers(undo, { app: "edges:application", args: ["--threads", "2"] });
});
afterEach(() => forTest.all());
afterAll(() => undo.all());

const complete = { appStatus: 0, protocolStatus: 0 };

/** One request on a kept connection, and another behind it, which must be answered as if nothing had been. */
async function ask(web: RawPeer, page: string): Promise<Received> {
  web.send(opening(1, { params: { PATH_INFO: page } }), ending(1));
  const answer = await web.answer(1);
  await answersStill(web);
  return answer;
}

async function answersStill(web: RawPeer): Promise<void> {
  web.send(opening(2, { params: { PATH_INFO: "/plain" } }), ending(2));
  expect((await web.answer(2)).stdout).toMatch(/\r\n\r\nplain$/);
}

test("an error that is its own cause is a 500, and no endless search for the first cause", async () => {
  const { stdout, stderr, end } = await ask(workers.peer(forTest), "/raises-from-itself");
  expect([stdout.slice(0, 12), end]).toEqual(["Status: 500 ", complete]);
  expect(stderr).toContain("ValueError: its own cause");
});

describe.each(["1", "2"])("with --threads %s", (threads) => {
  test("a child that the application forks and that leaves by sys.exit() does not answer in its place", async () => {
    const { stdout, types } = await ask((threads === "1" ? workers : threaded).peer(forTest), "/forks");
    expect(stdout).toMatch(/^Status: 200 OK\r\n.*\r\n\r\nforked$/s);
    expect(types.filter((type) => type === recordType.endRequest)).toHaveLength(1);
  });
});

test("an answer is whole although its close() fails, which is told to the log", async () => {
  const { stdout, stderr, end } = await ask(workers.peer(forTest), "/fails-to-close");
  expect(stdout).toMatch(/\r\n\r\nall of it$/);
  expect(stderr).toContain("ValueError: in close");
  expect(end).toEqual(complete);
});

describe("wsgi.errors", () => {
  test("goes to the web server in few records, however small its pieces are", async () => {
    const { stderr, types } = await ask(workers.peer(forTest), "/says-often");
    expect(stderr).toBe("x".repeat(1000));
    expect(types.filter((type) => type === recordType.stderr)).toHaveLength(2);
  });

  test("is not kept without end until the answer comes; all of it is on the worker's stderr", async () => {
    const before = workers.stderr.text.length;
    const { stdout, stderr } = await ask(workers.peer(forTest), "/says-much");
    expect(stdout).toMatch(/\r\n\r\nsaid$/);
    expect(stderr.length).toBeGreaterThan(1_000_000);
    expect(stderr.length).toBeLessThan(1_200_000);
    await until(() => workers.stderr.text.length - before >= 4_000_000, { what: "all of it on stderr" });
  });
});

test("an application that passes over an abort and fails then leaves the connection usable", async () => {
  const web = workers.peer(forTest);
  web.send(opening(1, { params: { PATH_INFO: "/passes-over-abort", CONTENT_LENGTH: "8" } }));
  web.send(stdin(1, Buffer.from("four")), abortRequest(1));
  expect(await web.answer(1)).toMatchObject({ stdout: "", end: complete });
  await answersStill(web);
});

test("an application that takes Python's wakeup descriptor, as event loops do, does not keep a worker from ending", async () => {
  const own = await startWorkers(undo, { app: "edges:application" });
  expect((await own.ask("/takes-wakeup-fd")).status).toBe(200);
  expect(await own.end()).toEqual([0]);
});
