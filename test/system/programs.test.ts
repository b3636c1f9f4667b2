import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { formatAddress } from "../../src/fastcgi/address.ts";
import { ask, paramsFor, shaOf, type Target } from "../helpers/load.ts";
import {
  descriptorsOf,
  discard,
  endAll,
  isAlive,
  processes,
  type RunningManager,
  scratch,
  startReady,
  tryKill,
} from "../helpers/manager.ts";
import { buildPrograms, type Echo, echoes, type Program, readEcho } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { freePort } from "../helpers/webservers.ts";

jest.setTimeout(120_000);

type Transport = "unix" | "tcp";

/** An app that runs under a manager of its own. */
interface Site extends Target {
  readonly program: Program;
  readonly manager: RunningManager;
  readonly app: string;
  readonly directory: string;
}

const workers = 4;
const mebibyte = Buffer.alloc(2 ** 20, "One line of many, and a byte that is no text: \xff\x00\r\n", "latin1");

/** Starts the program with four workers and waits until all are ready. */
async function startSite(program: Program, transport: Transport): Promise<Site> {
  const directory = scratch();
  const port = await freePort();
  const path = join(directory, "app.sock");
  const listen = transport === "unix" ? { kind: "unix", path } : { kind: "tcp", host: "127.0.0.1", port };
  const where = transport === "unix" ? ["--socket", path] : ["--port", String(port)];
  const [command = "", ...args] = program.command;
  const manager = await startReady([command, "--processes", String(workers), ...where, "--", ...args]);
  return { program, manager, listen: listen as Target["listen"], app: nameOf(command), directory };
}

const nameOf = (command: string): string => basename(command).replace(/\.\w+$/, "");

/** The same request through libfcgi's own client, as people try out an app by hand. */
function askByCgiFcgi(target: Target, uri: string, body?: Buffer): Promise<Echo> {
  const params = paramsFor(target.program, uri, body) as Map<string, string>;
  const env = { PATH: process.env["PATH"] ?? "", ...Object.fromEntries(params) };
  const child = spawn("cgi-fcgi", ["-bind", "-connect", formatAddress(target.listen)], { env, timeout: 60_000 });
  let answer = "";
  child.stdout.setEncoding("latin1").on("data", (text: string) => {
    answer += text;
  });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  child.stdin.on("error", () => {}); // it leaves without reading when it cannot connect; what it says then is told below
  child.stdin.end(body);
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => reject(new Error(`Cannot run cgi-fcgi\n  try: apt install libfcgi-bin`, { cause })));
    child.once("close", (code, signal) => {
      if (code === 0) resolve(readEcho(answer));
      else reject(new Error(`cgi-fcgi ended with ${signal ?? code}: ${complaint}`));
    });
  });
}

/** Every process of the workers' sessions: what they started is in there, too. */
const sessionsOf = (pids: readonly number[]): number[] =>
  processes().flatMap(({ pid, session, state }) => (pids.includes(session) && state !== "Z" ? [pid] : []));

/** Does the worker hold a socket beside the listener? */
function isBusy(pid: number): boolean {
  const links = descriptorsOf(pid);
  return [...links.values()].some((link) => link.startsWith("socket:") && link !== links.get(0));
}

const clients = { "our own client": ask, "cgi-fcgi": askByCgiFcgi } as const;

/** Asks through the client; the body's length is told by all, its sum by those that can. */
async function checkPost(site: Site, client: keyof typeof clients): Promise<void> {
  const post = client === "cgi-fcgi" ? askByCgiFcgi(site, "/post", mebibyte) : ask(site, "/post", { body: mebibyte });
  const echo = await post;
  expect(echo).toMatchObject({ method: "POST", body: mebibyte.length });
  expect(echo.sha).toBe(site.program.traits.tellsSha ? shaOf(mebibyte) : undefined);
}

/** Each request keeps its worker busy for a while. Programs that serve many at once may need a second round to share. */
async function checkConcurrency(site: Site, client: keyof typeof clients): Promise<void> {
  const pids = new Set<number>();
  const round = async (): Promise<boolean> => {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => clients[client](site, `/many?sleep=20&${n}`)));
    for (const [n, { pid, query }] of answers.entries()) {
      expect(query).toBe(`sleep=20&${n}`);
      pids.add(pid);
    }
    return pids.size > 1;
  };
  await until(round, { what: "a second worker to answer", timeoutMs: 60_000 });
  for (const pid of pids) expect(site.manager.workers()).toContain(pid);
}

/** The program's worker with this pid answers. */
async function answersFrom(site: Site, pid: number): Promise<boolean> {
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask(site, "/who?sleep=20")));
  return answers.some((answer) => answer.pid === pid);
}

beforeAll(() => buildPrograms(Object.values(echoes)));

describe.each(Object.values(echoes))("$name", (program) => {
  describe.each(["unix", "tcp"] as const)("over %s", (transport) => {
    let site: Site;
    beforeAll(async () => {
      site = await startSite(program, transport);
    });
    afterAll(async () => {
      await endAll();
      if (site) discard(site.directory);
    });

    describe.each(Object.keys(clients) as (keyof typeof clients)[])("through %s", (client) => {
      test("answers a GET with its query", async () => {
        const echo = await clients[client](site, "/some/path?a=1&b=%20two");
        expect(echo).toMatchObject({ method: "GET", query: "a=1&b=%20two", body: 0 });
        expect(site.manager.workers()).toContain(echo.pid);
        expect(["1", "2", "3", "4"]).toContain(echo.worker);
      });

      test("takes a POST of 1 MiB", () => checkPost(site, client));

      test("answers 50 requests at once, by more than one worker", () => checkConcurrency(site, client));
    });

    test("says on stderr what becomes a record of the log", async () => {
      const { pid, worker } = await ask(site, "/?stderr=something-to-remember");
      const record = await site.manager.see("the line", (one) => one.msg === "something-to-remember");
      expect(record).toMatchObject({ app: site.app, worker: Number(worker), pid, stream: "stderr" });
    });

    test("gets a new worker for one that is killed", async () => {
      const { pid: victim } = await ask(site, "/");
      const before = site.manager.workers();
      tryKill(victim);
      await ask(site, "/during");
      const successor = await site.manager.see(
        "the successor to be ready",
        ({ notice, pid }) => notice === "worker.ready" && pid !== undefined && !before.includes(pid),
      );
      const rest = before.filter((pid) => pid !== victim);
      expect(site.manager.workers().sort()).toEqual([...rest, successor.pid].sort());
      await until(() => answersFrom(site, successor.pid ?? 0), { what: "its answer", timeoutMs: 60_000 });
    });
  });

  test.each(["unix", "tcp"] as const)("over %s finishes a request when all is stopped, and leaves nothing", async (transport) => {
    const site = await startSite(program, transport);
    const { manager, directory } = site;
    try {
      await Promise.all(Array.from({ length: 12 }, () => ask(site, "/first?sleep=5")));
      const pids = manager.workers();
      expect(pids).toHaveLength(workers);
      await until(() => !pids.some(isBusy), { what: "idle workers" });
      const inFlight = ask(site, "/last?sleep=300");
      await until(() => pids.some(isBusy), { what: "a busy worker" });
      const ended = manager.stop();
      await expect(inFlight).resolves.toMatchObject({ query: "sleep=300" });
      await expect(ended).resolves.toMatchObject({ code: 0, signal: null });
      expect(pids.filter(isAlive)).toEqual([]);
      expect(sessionsOf(pids)).toEqual([]);
      expect(readdirSync(directory)).toEqual([]);
      if (site.listen.kind === "unix") expect(existsSync(site.listen.path)).toBe(false);
      await expect(ask(site, "/after")).rejects.toMatchObject({ code: "FCGI_CONNECT_FAILED" });
    } finally {
      await endAll();
      discard(directory);
    }
  });
});
