import { chmodSync, copyFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { Address } from "../../src/fastcgi/address.ts";
import { ask as askApp, shaOf } from "../helpers/load.ts";
import { endAll, type RunningManager, startReady } from "../helpers/manager.ts";
import { buildPrograms, type Echo, echoes, type Program, readEcho } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import {
  type ApacheOptions,
  freePort,
  get,
  type LighttpdOptions,
  type NginxOptions,
  publicDirectory,
  startApache,
  startLighttpd,
  startNginx,
  type Upstream,
  type WebServer,
} from "../helpers/webservers.ts";

jest.setTimeout(240_000);

type Transport = "unix" | "tcp";
type Language = keyof typeof echoes;
type Site =
  | ({ readonly server: "nginx" } & Pick<NginxOptions, "mount" | "edition" | "keepConn">)
  | ({ readonly server: "lighttpd" } & Pick<LighttpdOptions, "mount">)
  | ({ readonly server: "apache" } & Pick<ApacheOptions, "mount" | "pathInfo">);
interface Row {
  readonly language: Language;
  readonly site: Site;
  readonly transport: Transport;
  /** What the program reports for /some/path below the mount. */
  readonly scriptName: string;
  readonly pathInfo: string;
}

const path = "/some/path";
const row = (language: Language, site: Site, transport: Transport, scriptName: string, pathInfo = path): Row => ({
  language,
  site,
  transport,
  scriptName,
  pathInfo,
});

const nginx = (mount: NginxOptions["mount"], more: Pick<NginxOptions, "edition" | "keepConn"> = {}): Site => ({
  server: "nginx",
  mount,
  ...more,
});
const lighttpd = (mount: LighttpdOptions["mount"]): Site => ({ server: "lighttpd", mount });
const apache = (mount: ApacheOptions["mount"], pathInfo: boolean): Site => ({ server: "apache", mount, pathInfo });

/** Fewer than the workers: each idle kept connection occupies one that serves one connection at a time. */
const kept = { keepConn: 2 };

/** Each program behind each server, each server with each mount over each transport. */
const matrix: readonly Row[] = [
  // The configuration for the root sends SCRIPT_NAME twice; libfcgi gives a C program the first.
  row("c", nginx("/"), "unix", path),
  row("perl", nginx("/"), "tcp", ""),
  row("threads", nginx("/yourapplication"), "unix", "/yourapplication"),
  row("cgifast", nginx("/yourapplication"), "tcp", "/yourapplication"),
  row("ruby", nginx("/", { edition: "new" }), "unix", ""),
  row("go", nginx("/", { edition: "new" }), "tcp", "", path),
  row("php", nginx("/fcgi"), "unix", "/fcgi"),
  row("fcgiwrap", nginx("/fcgi"), "tcp", "/fcgi"),
  row("python", nginx("/yourapplication", kept), "unix", "/yourapplication"),
  row("node", nginx("/yourapplication", kept), "tcp", "/yourapplication"),
  row("c", nginx("/fcgi", kept), "tcp", "/fcgi"),
  row("go", nginx("/", kept), "unix", "", path),

  row("perl", lighttpd("/"), "unix", ""),
  row("threads", lighttpd("/"), "tcp", ""),
  row("python", lighttpd("/"), "unix", ""),
  row("php", lighttpd("/"), "tcp", ""),
  row("cgifast", lighttpd("/"), "unix", ""),
  row("c", lighttpd("/yourapplication.fcgi"), "unix", "/yourapplication.fcgi"),
  row("go", lighttpd("/yourapplication.fcgi"), "tcp", "", path),
  row("ruby", lighttpd("/yourapplication.fcgi"), "tcp", "/yourapplication.fcgi"),
  row("fcgiwrap", lighttpd("/yourapplication.fcgi"), "unix", "/yourapplication.fcgi"),
  row("node", lighttpd("/yourapplication.fcgi"), "unix", "/yourapplication.fcgi"),

  // Apache has no PATH_INFO unless a line of its own sends it.
  row("c", apache("/", false), "unix", "", ""),
  row("node", apache("/", false), "tcp", "", ""),
  row("perl", apache("/", true), "unix", ""),
  row("python", apache("/", true), "tcp", ""),
  row("threads", apache("/fcgi", false), "unix", "/fcgi", ""),
  row("cgifast", apache("/fcgi", false), "tcp", "/fcgi", ""),
  row("ruby", apache("/fcgi", true), "unix", "/fcgi"),
  row("go", apache("/fcgi", true), "tcp", "", `/fcgi${path}`),
  row("php", apache("/fcgi", true), "unix", "/fcgi"),
  row("fcgiwrap", apache("/fcgi", true), "tcp", "/fcgi"),
];

const isRoot = process.getuid?.() === 0;
const workers = 4;

/** An app under fcgi-pm in a directory that the web server may enter. */
interface App {
  readonly upstream: Upstream;
  readonly scriptFilename: string | undefined;
  start(): Promise<RunningManager>;
  discard(): void;
}

/** Programs that need their neighbours in the checkout, where www-data may not be allowed to go. */
const boundToCheckout: readonly Language[] = ["python", "node"];

/** Puts a copy of the file where every user can run it. */
function publish(file: string, directory: string): string {
  const copy = join(directory, basename(file));
  copyFileSync(file, copy);
  chmodSync(copy, 0o755);
  return copy;
}

/**
 * Workers run as www-data where they can: then the socket is theirs, and the web server's, without further words. Where
 * they run as root, the socket is opened to the web server's group, or (C programs) to everybody.
 */
function rights(language: Language, transport: Transport): string[] {
  if (!isRoot) return [];
  if (language === "c" && transport === "unix") return ["--socket-mode", "0666"];
  if (!boundToCheckout.includes(language)) return ["--user", "www-data"];
  return transport === "unix" ? ["--socket-owner", ":www-data"] : [];
}

async function prepareApp(language: Language, transport: Transport): Promise<App> {
  const program: Program = echoes[language];
  const directory = publicDirectory("fpm-");
  const port = await freePort();
  const socket = join(directory, "app.sock");
  const [command = "", ...args] = program.command;
  const free = isRoot && !boundToCheckout.includes(language) && command.includes("/");
  const scriptFilename = program.scriptFilename && publish(program.scriptFilename, directory);
  const where = transport === "unix" ? ["--socket", socket] : ["--port", String(port)];
  const flags = ["--processes", String(workers), ...where, ...rights(language, transport)];
  return {
    upstream: transport === "unix" ? { unix: socket } : { port },
    scriptFilename,
    start: () => startReady([free ? publish(command, directory) : command, ...flags, "--", ...args]),
    discard: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function startServer(site: Site, app: Pick<App, "upstream" | "scriptFilename">): Promise<WebServer> {
  const { upstream, scriptFilename } = app;
  switch (site.server) {
    case "nginx":
      return startNginx({ ...site, upstream, scriptFilename });
    case "lighttpd":
      return startLighttpd({ ...site, upstream, scriptFilename });
    case "apache":
      return startApache({ ...site, upstream, scriptFilename });
  }
}

const addressOf = (upstream: Upstream): Address =>
  "unix" in upstream ? { kind: "unix", path: upstream.unix } : { kind: "tcp", host: "127.0.0.1", port: upstream.port };

/** CGI.pm takes a body without a type for a form. */
const headers = { "Content-Type": "application/octet-stream" };

/** An echo through the web server; throws with the server's log when it is none. */
async function ask(server: WebServer, uri: string, body?: Buffer): Promise<Echo> {
  const answer = await get(server.url + uri, { ...(body && { body, headers }), timeoutMs: 60_000 });
  if (answer.status !== 200) throw new Error(`${server.name} answered ${answer.status}\n${server.log()}`);
  return readEcho(answer.text);
}

const describeSite = (site: Site): string => {
  const { server, ...rest } = site;
  const words = Object.entries(rest).filter(([name, value]) => name !== "mount" && value);
  return [server, "at", site.mount, ...words.map(([name, value]) => `${name}=${value}`)].join(" ");
};

const titled = matrix.map((one) => ({ ...one, title: `${describeSite(one.site)} over ${one.transport}` }));
const undo: (() => unknown)[] = [];

/** Undoes in reverse, all of it even if something fails. */
async function undoAll(): Promise<void> {
  const failures: unknown[] = [];
  for (const action of undo.splice(0).reverse()) {
    try {
      await action();
    } catch (error) {
      failures.push(error);
    }
  }
  await endAll();
  if (failures.length > 0) throw new AggregateError(failures, "Cannot clean up");
}

async function bring(language: Language, site: Site, transport: Transport) {
  const app = await prepareApp(language, transport);
  undo.push(() => app.discard());
  const manager = await app.start();
  const server = await startServer(site, app);
  undo.push(() => server.stop());
  return { app, manager, server };
}

const mostRounds = 20;

/** Fifty at once, all of which have to be answered; gives who did. */
async function askFifty(server: WebServer): Promise<Set<number>> {
  const uris = Array.from({ length: 50 }, (_, n) => `/many?sleep=10&n=${n}`);
  const answers = await Promise.all(uris.map((uri) => ask(server, uri)));
  expect(answers.map(({ query }) => `/many?${query}`)).toEqual(uris);
  return new Set(answers.map(({ pid }) => pid));
}

beforeAll(() => buildPrograms(Object.values(echoes)));

test("each program is behind each web server, and each mount over each transport", () => {
  const pairs = new Set(matrix.map(({ language, site }) => `${language} ${site.server}`));
  expect(pairs.size).toBe(3 * Object.keys(echoes).length);
  const places = (transport: Transport): string[] =>
    [...new Set(matrix.filter((one) => one.transport === transport).map(({ site }) => describeSite(site)))].sort();
  const others = (names: string[]): string[] => names.filter((name) => !name.includes("keepConn"));
  expect(others(places("unix"))).toEqual(others(places("tcp")));
});

describe.each(titled)("$language behind $title", ({ language, site, transport, scriptName, pathInfo }) => {
  const { traits } = echoes[language] as Program;
  let manager: RunningManager;
  let server: WebServer;
  beforeAll(async () => {
    ({ manager, server } = await bring(language, site, transport));
  });
  afterAll(undoAll);

  test("a GET comes with its query and paths", async () => {
    const echo = await ask(server, `${path}?a=1&b=%20two`);
    expect(echo).toMatchObject({ method: "GET", query: "a=1&b=%20two", scriptName, pathInfo, body: 0 });
    expect(manager.workers()).toContain(echo.pid);
  });

  test("a POST of 1 MiB arrives whole", async () => {
    const body = Buffer.alloc(2 ** 20, "bytes \xff\x00\r\n", "latin1");
    const echo = await ask(server, "/post", body);
    expect(echo).toMatchObject({ method: "POST", body: body.length });
    expect(echo.sha).toBe(traits.tellsSha ? shaOf(body) : undefined);
  });

  test("an answer of 300 kB arrives whole", async () => {
    expect((await ask(server, "/large?size=300000")).extra).toBe(300_000);
  });

  test("50 requests at once are all answered, by more than one worker", async () => {
    let pids = await askFifty(server);
    for (let round = 1; pids.size < 2 && round < mostRounds; round += 1) pids = await askFifty(server);
    expect(pids.size).toBeGreaterThan(1);
    for (const pid of pids) expect(manager.workers()).toContain(pid);
  });
});

/** Each server over each transport; the others above have shown that the program makes no difference here. */
const outages: readonly [Language, Site, Transport, number][] = [
  ["c", nginx("/"), "unix", 502],
  ["perl", nginx("/fcgi"), "tcp", 502],
  ["node", lighttpd("/"), "unix", 503],
  ["go", lighttpd("/yourapplication.fcgi"), "tcp", 503],
  ["php", apache("/", true), "unix", 503],
  ["python", apache("/fcgi", true), "tcp", 503],
];

describe.each(outages)("%s, stopped and started again", (language, site, transport, status) => {
  afterEach(undoAll);

  // nginx asks anew each time; lighttpd leaves a backend alone for a second or two, and Apache may for a minute.
  test(`${describeSite(site)} over ${transport} answers ${status} meanwhile and serves again after`, async () => {
    const { app, manager, server } = await bring(language, site, transport);
    await ask(server, "/before");
    await expect(manager.stop()).resolves.toMatchObject({ code: 0 });
    const { status: meanwhile } = await get(`${server.url}/meanwhile`);
    expect(meanwhile).toBe(status);
    const again = await app.start();
    const echo = await until(() => ask(server, "/after"), { what: "an answer again", timeoutMs: 90_000 });
    expect(again.workers()).toContain(echo.pid);
  });
});

describe("What does not go together", () => {
  afterEach(undoAll);

  // At the root lighttpd's own SCRIPT_FILENAME is the document root. Whatever is added to it comes second, and fcgiwrap
  // takes the first: a directory, which it may not run. The manager has no part in it.
  test("fcgiwrap behind lighttpd at / answers 403, and its workers live on", async () => {
    const { manager, server } = await bring("fcgiwrap", lighttpd("/"), "unix");
    const before = manager.workers();
    const { status } = await get(`${server.url}${path}`);
    expect(status).toBe(403);
    expect(manager.workers()).toEqual(before);
  });

  // A thread reads the next request of its kept connection inside FCGX_Accept_r, and so waits for the mutex while a
  // sibling sits in accept with it. Therefore libfcgi with threads is not for fastcgi_keep_conn, whoever manages it.
  test("threads behind nginx with keepConn answer a second request at the latest when others connect", async () => {
    const { app, server } = await bring("threads", nginx("/", { keepConn: 1 }), "unix");
    await ask(server, "/first");
    let answered = false;
    const second = ask(server, "/second?kept=1").finally(() => {
      answered = true;
    });
    const nudge = async (): Promise<boolean> => {
      await askApp({ listen: addressOf(app.upstream), program: app }, "/nudge");
      return answered;
    };
    await until(nudge, { what: "the second answer", timeoutMs: 60_000 });
    await expect(second).resolves.toMatchObject({ query: "kept=1" });
  });
});
