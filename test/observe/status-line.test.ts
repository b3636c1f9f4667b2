import { describe, expect, test } from "@jest/globals";
import { statusLine } from "../../src/observe/status-line.ts";
import { blog } from "./samples.ts";

const shop = { ...blog, app: "shop", ready: 2, wanted: 2, busy: 0, queue: 7, roll: null, state: "running" as const };

describe("all apps in one line", () => {
  test("say how many workers are ready and busy, and what waits", () => {
    expect(statusLine([shop])).toBe("shop 2/2 ready, 0 busy, queue 7");
    expect(statusLine([shop, { ...shop, app: "wiki" }])).toBe(
      "shop 2/2 ready, 0 busy, queue 7; wiki 2/2 ready, 0 busy, queue 7",
    );
  });

  test("say nothing of what the kernel does not tell", () => {
    expect(statusLine([{ ...shop, busy: null, queue: null }])).toBe("shop 2/2 ready");
  });

  test("tell of a reload, of the next try, and of a stop", () => {
    const roll = { from: 1, to: 2, done: 1, of: 2 };
    expect(statusLine([{ ...shop, roll }])).toBe("shop 2/2 ready, 0 busy, queue 7, reload 1/2");
    const stuck = { ...shop, ready: 0, state: "backoff" as const, nextTryInMs: 1500 };
    expect(statusLine([stuck])).toBe("shop 0/2 ready, 0 busy, queue 7, next try in 1.5s");
    expect(statusLine([{ ...shop, state: "stopped" }])).toBe("shop stopped");
    const worker = { ...(blog.workers[0] as (typeof blog.workers)[number]), pid: 7 };
    const leaving = { ...shop, state: "stopping" as const, workers: [worker, { ...worker, pid: null }] };
    expect(statusLine([leaving])).toBe("shop stopping, 1 left");
  });

  test("are a sum where they are too many for a line, with those that are not as they should be", () => {
    const many = Array.from({ length: 200 }, (_, number) => ({ ...shop, app: `app-${number}` }));
    const sick = { ...shop, app: "sick", ready: 0, state: "backoff" as const, nextTryInMs: null };
    expect(statusLine([...many, sick])).toBe(
      "201 apps: 400/402 ready, 0 busy, queue 1407; sick 0/2 ready, 0 busy, queue 7",
    );
    expect(statusLine(many.map((app) => ({ ...app, state: "degraded" as const }))).length).toBeLessThanOrEqual(1000);
  });

  test("are nothing where there is no app", () => {
    expect(statusLine([])).toBe("");
  });
});
