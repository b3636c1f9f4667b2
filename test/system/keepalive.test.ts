/** Behind nginx, which may keep its connections to the workers (FCGI_KEEP_CONN): a reload costs no request either. */
import { afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { reloadThrice, startApp, type Transport } from "../helpers/app.ts";
import { type Asked, mixed, nothingFailed, startLoad } from "../helpers/load.ts";
import { isAlive, usePlace } from "../helpers/manager.ts";
import { behaviours, buildPrograms, echoes, type Program } from "../helpers/programs.ts";
import { startNginx, type WebServer } from "../helpers/webservers.ts";

jest.setTimeout(600_000);

const requests = 20_000;
const connections = 32;
const processes = 4;
/** Fewer than the workers: each idle kept connection occupies one that serves one connection at a time. */
const keepConn = 2;

const plain: readonly Asked[] = Array(30).fill({ uri: "/plain" });
/** Uploads are rare: over TCP each costs 40 ms, since both sides wait for the other's acknowledgement (Nagle's algorithm). */
const rarelyLong: readonly Asked[] = [...plain, { uri: "/works?sleep=1" }, { uri: "/upload", bodyBytes: 40_000 }];
/**
 * Ruby's library closes in spite of FCGI_KEEP_CONN, which crosses requests on their way. nginx repeats a GET then, and
 * answers a POST with 502: with no reload at all to one of 10 to 30 (measured).
 */
const noUploads: readonly Asked[] = [...plain, { uri: "/works?sleep=1" }, { uri: "/long?size=30000" }];

/**
 * php-cgi ends after 500 requests, and closes what is kept, in the same way: with no reload at all nginx answered 2 of 20,000
 * requests with 502 (49 where it ends after 50, none where it never does).
 */
const neverEnds = ["--env", "PHP_FCGI_MAX_REQUESTS=0"];

interface Row {
  readonly name: string;
  readonly program: Program;
  /** With a connection for each request. */
  readonly plain: Transport;
  /** With kept connections. */
  readonly kept: Transport;
  /** What is asked over kept connections. */
  readonly asked: readonly Asked[];
  /** What the app is started with then. */
  readonly flags?: readonly string[];
}

const rows: readonly Row[] = [
  { name: "a C program", program: behaviours.diesOnSigterm, plain: "unix", kept: "tcp", asked: rarelyLong },
  { name: "Perl's FCGI.pm", program: echoes.perl, plain: "tcp", kept: "unix", asked: mixed },
  { name: "php-cgi", program: echoes.php, plain: "tcp", kept: "unix", asked: mixed, flags: neverEnds },
  { name: "Go", program: echoes.go, plain: "unix", kept: "tcp", asked: mixed },
  { name: "Ruby", program: echoes.ruby, plain: "unix", kept: "tcp", asked: noUploads },
  { name: "Node", program: echoes.node, plain: "tcp", kept: "unix", asked: mixed },
];

const place = usePlace();
let nginx: WebServer | undefined;
beforeAll(() => buildPrograms(rows.map(({ program }) => program)), 120_000);
afterEach(() => nginx?.stop());

interface Case {
  readonly program: Program;
  readonly transport: Transport;
  readonly keep: number;
  readonly asked: readonly Asked[];
  readonly flags?: readonly string[];
}

async function reloadUnderLoad({ program, transport, keep, asked, flags = [] }: Case) {
  const app = await startApp(place, program, { transport, processes, flags });
  const { scriptFilename } = program;
  nginx = await startNginx({ upstream: app.upstream, mount: "/", edition: "new", keepConn: keep, scriptFilename });
  const load = startLoad(nginx, { connections, asked });
  const reloads = await reloadThrice(app, load, requests);
  const { answered, failed, complaints } = await load.stop();
  expect([failed, complaints]).toEqual([nothingFailed, []]);
  expect(answered).toBeGreaterThanOrEqual(requests);
  for (const [n, { outcome, before, after }] of reloads.entries()) {
    expect(outcome).toMatchObject({ action: "rolled", result: "done", generation: n + 2 });
    expect(new Set(after.workers.map(({ generation }) => generation ?? n + 2))).toEqual(new Set([n + 2]));
    expect(before.filter(isAlive)).toEqual([]);
  }
  // It closes what it keeps: of an event loop nobody else can tell that nothing is in flight.
  await nginx.stop();
  await app.manager.stop();
}

describe.each(rows)("Three reloads of $name behind nginx lose none of 20,000 requests", (row) => {
  const { program, asked, flags = [] } = row;
  test(`over ${row.plain}, a connection for each`, () =>
    reloadUnderLoad({ program, transport: row.plain, keep: 0, asked: mixed }));
  test(`over ${row.kept}, with fastcgi_keep_conn`, () =>
    reloadUnderLoad({ program, transport: row.kept, keep: keepConn, asked, flags }));
});
