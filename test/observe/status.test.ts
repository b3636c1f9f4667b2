import { expect, test } from "@jest/globals";
import { statusTable } from "../../src/observe/status.ts";
import { managerTitle } from "../../src/observe/title.ts";

test("the status names each app, its state, its listener and its workers", () => {
  const workers = [
    { number: 1, state: "ready", generation: 1, pid: 42, ageMs: 90_000 },
    { number: 2, state: "backoff", generation: null, pid: null, ageMs: null },
  ];
  const app = { app: "blog", state: "degraded", ready: 1, wanted: 2, address: "/run/blog.sock", workers };
  expect(statusTable([app, { ...app, app: "queue", address: null, workers: [] }])).toBe(
    [
      "blog: degraded, 1 of 2 workers ready on /run/blog.sock",
      "  worker 1: ready, pid 42, for 1.5m",
      "  worker 2: backoff",
      "queue: degraded, 1 of 2 workers ready",
    ].join("\n"),
  );
});

test("the title names as many apps as there is room for, and counts the rest", () => {
  const apps = ["blog", "shop", "mailer"];
  expect(managerTitle(apps, 100)).toBe("fcgi-pm: manager [blog, shop, mailer]");
  expect(managerTitle(apps, 36)).toBe("fcgi-pm: manager [blog, shop, +1]");
  expect(managerTitle(apps, 30)).toBe("fcgi-pm: manager [blog, +2]");
  expect(managerTitle(apps, 20)).toBe("fcgi-pm: manager");
});
