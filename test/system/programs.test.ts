import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
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
import { seeUnderWay } from "../helpers/under-way.ts";
import { until } from "../helpers/wait.ts";
import { freePort } from "../helpers/webservers.ts";

jest.setTimeout(240_000);

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

const directories: string[] = [];

/** Ends what is still there, whether a test has failed or not. */
async function cleanUp(): Promise<void> {
  await endAll();
  for (const directory of directories.splice(0)) discard(directory);
}

/** Starts the program with four workers and waits until all are ready. */
async function startSite(program: Program, transport: Transport, flags: readonly string[] = []): Promise<Site> {
  const directory = scratch();
  directories.push(directory);
  const port = await freePort();
  const path = join(directory, "app.sock");
  const listen = transport === "unix" ? { kind: "unix", path } : { kind: "tcp", host: "127.0.0.1", port };
  const where = transport === "unix" ? ["--socket", path] : ["--port", String(port)];
  const [command = "", ...args] = program.command;
  const manager = await startReady([command, "--processes", String(workers), ...where, ...flags, "--", ...args]);
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

const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, "latin1");

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

const mostRounds = 20;

/** Fifty at once, all of which have to be answered; gives who did. Each request keeps its worker busy for a while. */
async function askFifty(site: Site, client: keyof typeof clients): Promise<Set<number>> {
  const uris = Array.from({ length: 50 }, (_, n) => `/many?sleep=20&n=${n}`);
  const echoes = await Promise.all(uris.map((uri) => clients[client](site, uri)));
  expect(echoes.map(({ query }) => `/many?${query}`)).toEqual(uris);
  return new Set(echoes.map(({ pid }) => pid));
}

/** A worker that serves many at once may take them all in one round: then there is another. */
async function checkConcurrency(site: Site, client: keyof typeof clients): Promise<void> {
  let pids = await askFifty(site, client);
  for (let round = 1; pids.size < 2 && round < mostRounds; round += 1) pids = await askFifty(site, client);
  expect(pids.size).toBeGreaterThan(1);
  for (const pid of pids) expect(site.manager.workers()).toContain(pid);
}

/** The worker with this pid answers, if not in the first round, then in one of the next. */
async function seeAnswerOf(site: Site, pid: number): Promise<void> {
  let seen = false;
  for (let round = 0; !seen && round < mostRounds; round += 1) seen = (await askFifty(site, "our own client")).has(pid);
  expect(seen).toBe(true);
}

beforeAll(() => buildPrograms(Object.values(echoes)));

describe.each(Object.values(echoes))("$name", (program) => {
  describe.each(["unix", "tcp"] as const)("over %s", (transport) => {
    let site: Site;
    beforeAll(async () => {
      site = await startSite(program, transport);
    });
    afterAll(cleanUp);

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
      // A process that is being killed can still take a connection in its accept, and takes it along.
      await until(() => !isAlive(victim), { what: "its end" });
      await ask(site, "/during");
      const successor = await site.manager.see(
        "the successor to be ready",
        ({ notice, pid }) => notice === "worker.ready" && pid !== undefined && !before.includes(pid),
      );
      const rest = before.filter((pid) => pid !== victim);
      expect(site.manager.workers().sort()).toEqual([...rest, successor.pid].sort());
      await seeAnswerOf(site, successor.pid ?? 0);
    });
  });

  test.each(["unix", "tcp"] as const)(
    "over %s finishes a request when all is stopped, and leaves nothing",
    async (transport) => {
      const site = await startSite(program, transport);
      const { manager, directory } = site;
      try {
        await Promise.all(Array.from({ length: 12 }, () => ask(site, "/first?sleep=5")));
        const pids = manager.workers();
        expect(pids).toHaveLength(workers);
        await until(() => !pids.some(isBusy), { what: "idle workers" });
        const send = (sleepMs: number) => ask(site, `/last?sleep=${sleepMs}`);
        const { answer } = await seeUnderWay(send, () => pids.some(isBusy), 300);
        const ended = manager.stop();
        await expect(answer).resolves.toMatchObject({ query: expect.stringMatching(/^sleep=\d+$/) });
        await expect(ended).resolves.toMatchObject({ code: 0, signal: null });
        expect(pids.filter(isAlive)).toEqual([]);
        await until(() => sessionsOf(pids).length === 0, { what: "the end of what the workers started" });
        expect(readdirSync(directory)).toEqual([]);
        if (site.listen.kind === "unix") expect(existsSync(site.listen.path)).toBe(false);
        await expect(ask(site, "/after")).rejects.toMatchObject({ code: "FCGI_CONNECT_FAILED" });
      } finally {
        await cleanUp();
      }
    },
  );
});

/** All processes that these have started, to the last generation. */
function offspringOf(pids: readonly number[]): number[] {
  const children = processes().flatMap(({ pid, parent, state }) =>
    pids.includes(parent) && state !== "Z" ? [pid] : [],
  );
  return children.length === 0 ? [] : [...children, ...offspringOf(children)];
}

describe("Workers with children", () => {
  let site: Site;
  afterEach(cleanUp);

  const startPhpWithChildren = () => startSite(echoes.php, "unix", ["--env", "PHP_FCGI_CHILDREN=2"]);

  /** A worker counts as ready when its first child waits for requests; the second comes a moment later. */
  const twoEach = (parents: readonly number[]): Promise<number[]> => {
    const all = () => {
      const children = offspringOf(parents);
      return children.length === 2 * parents.length && children;
    };
    return until(all, { what: "two children of each" });
  };

  test("php-cgi with children of its own serves by them, and all of them are gone after the stop", async () => {
    site = await startPhpWithChildren();
    const { manager } = site;
    const parents = manager.workers();
    const children = await twoEach(parents);
    expect(children).toContain((await ask(site, "/")).pid);
    await expect(manager.stop()).resolves.toMatchObject({ code: 0 });
    await until(() => ![...parents, ...children].some(isAlive), { what: "the end of them all" });
    expect(readdirSync(site.directory)).toEqual([]);
  });

  test("what a killed php-cgi leaves behind does not go on serving", async () => {
    site = await startPhpWithChildren();
    const { manager } = site;
    const [victim = 0, ...rest] = manager.workers();
    const orphans = await twoEach([victim]);
    tryKill(victim);
    await until(() => !orphans.some(isAlive), { what: "the end of the orphans" });
    await until(() => manager.workers().length === workers, { what: "a successor" });
    expect(manager.workers()).toEqual(expect.arrayContaining(rest));
    await ask(site, "/after");
  });

  test("the CGI script of a killed fcgiwrap is killed, too", async () => {
    site = await startSite(echoes.fcgiwrap, "unix");
    const { manager } = site;
    const pids = manager.workers();
    const lost = expect(ask(site, "/?sleep=30000")).rejects.toMatchObject({ code: "FCGI_ANSWER_CUT_SHORT" });
    const running = () => pids.find((pid) => offspringOf([pid]).some((child) => commandOf(child).startsWith("sleep")));
    const victim = await until(running, { what: "the script to sleep" });
    const scripts = offspringOf([victim]);
    tryKill(victim);
    await lost;
    await until(() => !scripts.some(isAlive), { what: "the end of the script" });
    await ask(site, "/after");
  });
});
