/** Whatever the program does on its stop signal: a reload costs no request. */
import { beforeAll, describe, expect, jest, test } from "@jest/globals";
import { reloadThrice, startApp } from "../helpers/app.ts";
import { mixed, nothingFailed, startLoad } from "../helpers/load.ts";
import { isAlive, usePlace } from "../helpers/manager.ts";
import { behaviours, buildPrograms, echoes, type Program } from "../helpers/programs.ts";

jest.setTimeout(600_000);

const requests = 20_000;
const connections = 32;
const processes = 4;

interface Row {
  readonly name: string;
  readonly program: Program;
  readonly flags?: readonly string[];
  /** Workers that are replaced at a time. */
  readonly batch?: number;
}

const rows: readonly Row[] = [
  { name: "a C program that dies at once on SIGTERM", program: behaviours.diesOnSigterm },
  { name: "Perl's FCGI.pm", program: echoes.perl },
  { name: "Go", program: echoes.go },
  { name: "php-cgi", program: echoes.php },
  { name: "Ruby", program: echoes.ruby },
  { name: "Node", program: echoes.node },
  {
    name: "a program that boots for 2 s",
    program: behaviours.slowToStart,
    flags: ["--env", "BOOT_MS=2000"],
    batch: 2,
  },
];

const place = usePlace();
beforeAll(() => buildPrograms(rows.map(({ program }) => program)), 120_000);

describe.each(rows)("Three reloads of $name", ({ program, flags = [], batch = 1 }) => {
  test.each(["unix", "tcp"] as const)("lose none of 20,000 requests over %s", async (transport) => {
    const app = await startApp(place, program, { transport, processes, flags });
    const load = startLoad(app, { connections, asked: mixed });
    const reloads = await reloadThrice(app, load, requests, { batch });
    const { answered, failed, complaints } = await load.stop();
    expect([failed, complaints]).toEqual([nothingFailed, []]);
    expect(answered).toBeGreaterThanOrEqual(requests);
    for (const [n, { outcome, before, after, leastReady }] of reloads.entries()) {
      expect(outcome).toMatchObject({ action: "rolled", result: "done", generation: n + 2 });
      expect(new Set(after.workers.map(({ generation }) => generation ?? n + 2))).toEqual(new Set([n + 2]));
      expect(before.filter(isAlive)).toEqual([]);
      // php-cgi ends by itself after 500 requests, and has its successor some milliseconds later.
      if (program !== echoes.php) expect(leastReady).toBeGreaterThanOrEqual(processes);
    }
    await app.manager.stop();
  });
});
