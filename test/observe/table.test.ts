import { describe, expect, test } from "@jest/globals";
import type { Status } from "../../src/observe/status.ts";
import { appTable, statusTable } from "../../src/observe/table.ts";
import { displayWidth } from "../../src/observe/width.ts";
import { blog, death, mailer, manager, shop, statusWith as status, worker } from "./samples.ts";

const plain = { colour: false, nowMs: Date.parse("2026-11-21T04:21:41.000Z") };
const text = (lines: readonly string[]) => `\n${lines.join("\n")}\n`;

describe("the table of apps", () => {
  test("has a row for each, and a line for each whose workers die", () => {
    expect(text(statusTable([status(blog, mailer, shop)], plain))).toBe(`
APP     STATE    READY  BUSY  IDLE       QUEUE  GEN          RESTARTS  UPTIME  RSS   CPU  MANAGER  ADDRESS
blog    running    1/1     1     0    0/12/511  3                   0      3h  12M  1.2s     4700  /run/fcgi-pm/blog.sock
mailer  running    1/1     -     -           -  3                   0      3h  12M  1.2s     4700  -
shop    backoff    0/2     1     0  511/12/511  2→3, 1 of 4         7      3h  12M  1.2s     4700  127.0.0.1:9000

shop: worker 2: exit code 1 after 5ms, before it was ready, 4s ago; next try in 1.6s
`);
  });

  test("leaves out columns in one fixed order as the terminal gets narrower, and never wraps", () => {
    const order: string[] = [];
    let before: string[] = [];
    for (let width = 140; width >= 1; width -= 1) {
      const [head = "", ...rows] = statusTable([status(blog, mailer, shop)], { ...plain, width });
      for (const line of [head, ...rows]) expect(displayWidth(line)).toBeLessThanOrEqual(width);
      const heads = head.split(/ +/);
      order.push(...before.filter((name) => !name.includes("…") && !heads.some((there) => name.startsWith(there))));
      before = heads;
    }
    expect(order).toEqual([
      ...["MANAGER", "ADDRESS", "CPU", "RSS", "IDLE", "UPTIME", "GEN", "RESTARTS", "QUEUE", "BUSY"],
      // These stay, and are cut in the end.
      ...["READY", "STATE", "APP"],
    ]);
  });

  test("of several managers keeps whose an app is to the last", () => {
    const other = { ...status(shop), manager: { ...manager, pid: 4800 } };
    const [head, first, second] = statusTable([status(blog), other], { ...plain, width: 50 });
    expect(head).toMatch(/^APP +STATE +READY +BUSY +QUEUE +MANAGER$/);
    expect(first).toMatch(/^blog .* 4700$/);
    expect(second).toMatch(/^shop .* 4800$/);
  });

  test("has colours by meaning, which take no room", () => {
    const escapes = /\x1b\[\d+m/g;
    const look = { ...plain, width: 80 };
    const coloured = statusTable([status(blog, shop)], { ...look, colour: true });
    expect(coloured.map((line) => line.replace(escapes, ""))).toEqual(statusTable([status(blog, shop)], look));
    expect(coloured[1]).toContain("\x1b[32mrunning\x1b[39m");
    expect(coloured[2]).toContain("\x1b[31mbackoff\x1b[39m");
    expect(coloured[2]).toContain("\x1b[31m511/12/511\x1b[39m");
  });

  test("compared with an earlier look shows the share of a processor used since", () => {
    const earlier = (cpuMs: number, uptimeMs = manager.uptimeMs - 2000): Status => ({
      ...status({ ...blog, cpuMs }),
      manager: { ...manager, uptimeMs },
    });
    const shareSince = (before: readonly Status[]) =>
      statusTable([status(blog)], { ...plain, before })[1]
        ?.split(/ +/)
        .at(-3);
    expect(shareSince([earlier(234)])).toBe("50%");
    expect(shareSince([earlier(9999)])).toBe("0%");
    expect(shareSince([])).toBe("-");
    expect(shareSince([{ ...earlier(234), manager: { ...manager, pid: 1 } }])).toBe("-");
  });

  test("shows what an address contains, and does not obey it", () => {
    const [, row] = statusTable([status({ ...blog, address: "/run/\x1b[2J\t.sock" })], plain);
    expect(row).toMatch(/\/run\/\\x1b\[2J {4}\.sock$/);
  });
});

describe("external apps", () => {
  const php = { app: "php", state: "unreachable", address: "/run/php.sock", connectMs: null } as const;
  const maps = {
    app: "maps",
    state: "reachable",
    address: "maps.example.org:9000",
    connectMs: 3,
    reason: null,
  } as const;
  const externals = [{ ...php, reason: "there is no socket" }, maps];

  test("have a table of their own below that of the others", () => {
    expect(text(statusTable([{ ...status(blog), externals }], plain))).toBe(`
APP   STATE    READY  BUSY  IDLE     QUEUE  GEN  RESTARTS  UPTIME  RSS   CPU  MANAGER  ADDRESS
blog  running    1/1     1     0  0/12/511  3           0      3h  12M  1.2s     4700  /run/fcgi-pm/blog.sock

EXTERNAL  STATE        CONNECT  MANAGER  ADDRESS                WHY
php       unreachable        -     4700  /run/php.sock          there is no socket
maps      reachable        3ms     4700  maps.example.org:9000  -
`);
  });

  test("stand alone where one of them is asked for", () => {
    expect(text(appTable({ ...status(), externals: [maps] }, plain))).toBe(`
EXTERNAL  STATE      CONNECT  MANAGER  ADDRESS                WHY
maps      reachable      3ms     4700  maps.example.org:9000  -
`);
  });

  test("fit every width", () => {
    for (let width = 100; width >= 1; width -= 1) {
      for (const line of statusTable([{ ...status(blog), externals }], { ...plain, width }))
        expect(displayWidth(line)).toBeLessThanOrEqual(width);
    }
  });
});

describe("the table of one app", () => {
  test("has a row for each worker, how they died, and when the next try comes", () => {
    expect(text(appTable(status(shop), plain))).toBe(`
APP   STATE    READY  BUSY  IDLE       QUEUE  GEN          RESTARTS  UPTIME  RSS   CPU  MANAGER  ADDRESS
shop  backoff    0/2     1     0  511/12/511  2→3, 1 of 4         7      3h  12M  1.2s     4700  127.0.0.1:9000

WORKER   PID  STATE    GEN   AGE  CONNS  BUSY  RSS   CPU  RESTARTS  LAST EXIT
     1  4711  ready      3  1.5m      1  1.2s  12M  1.2s         0  -
     2     -  backoff    -     -      -     -    -     -         7  exit code 1, 4s ago

worker 2, pid 4712: exit code 1 after 5ms, before it was ready, 4s ago
  | Traceback
  |     boom \\x1b[31mred 日本語

next try in 1.6s
`);
  });

  test("shows the last words of the three workers that died last, newest first, and ten lines of each", () => {
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index + 1}`);
    const deaths = [1, 2, 3, 4].map((number) => ({
      ...death,
      ...{ worker: number, pid: 100 + number, at: `2026-11-21T04:21:3${number}.000Z` },
      ...{ exit: { code: null, signal: "SIGKILL" }, wasReady: true, lastLines: number === 3 ? [] : lines },
    }));
    const workers = deaths.map((lastExit, index) => ({ ...worker, number: index + 1, lastExit }));
    const lastExit = deaths[3] ?? null;
    const shown = appTable(status({ ...blog, lastExit, workers }), plain);
    expect(shown.filter((line) => line.startsWith("worker "))).toEqual([
      "worker 4, pid 104: SIGKILL after 5ms, 7s ago",
      "worker 2, pid 102: SIGKILL after 5ms, 9s ago",
      "worker 1, pid 101: SIGKILL after 5ms, 10s ago",
    ]);
    expect(shown.slice(-11)).toEqual([
      "  | … 10 lines before, see --json",
      ...lines.slice(10).map((line) => `  | ${line}`),
    ]);
  });

  test("fits every width", () => {
    for (let width = 1; width <= 120; width += 1) {
      for (const line of appTable(status(shop), { ...plain, width })) {
        expect(displayWidth(line)).toBeLessThanOrEqual(width);
      }
    }
  });
});
