/** A manager, an app, a worker and a death as they might be, for tests of what is made of them. */
import type { AppStatus, LastExit, ManagerStatus, Status, WorkerStatus } from "../../src/observe/status.ts";

const hour = 3_600_000;

export const manager: ManagerStatus = {
  pid: 4700,
  version: "0.1.0",
  control: "/run/fcgi-pm/control/4700.control",
  config: null,
  startedAt: "2026-11-21T01:21:37.880Z",
  uptimeMs: 3 * hour,
  rssBytes: 50_000_000,
  cpuMs: 100,
};

export const death: LastExit = {
  worker: 2,
  pid: 4712,
  exit: { code: 1, signal: null },
  at: "2026-11-21T04:21:37.000Z",
  livedMs: 5,
  wasReady: false,
  lastLines: ["Traceback", "\tboom \x1b[31mred 日本語"],
};

/** Busy for 1.2 s. */
export const worker: WorkerStatus = {
  number: 1,
  state: "ready",
  generation: 3,
  pid: 4711,
  ageMs: 90_000,
  connections: 1,
  busyMs: 1200,
  rssBytes: 12 * 1024 * 1024,
  cpuMs: 1234,
  restarts: 0,
  lastExit: null,
};

/** A slot without a process. */
export const gone: WorkerStatus = {
  ...{ number: 2, state: "backoff", generation: null, pid: null, ageMs: null, connections: null, busyMs: null },
  ...{ rssBytes: null, cpuMs: null, restarts: 7, lastExit: death },
};

/** Whole, with one worker. */
export const blog: AppStatus = {
  app: "blog",
  state: "running",
  address: "/run/fcgi-pm/blog.sock",
  listener: "bound",
  wanted: 1,
  ready: 1,
  busy: 1,
  idle: 0,
  queue: 0,
  queueHighest: 12,
  listenQueueDepth: 511,
  generation: 3,
  roll: null,
  restarts: 0,
  uptimeMs: 3 * hour,
  rssBytes: 12 * 1024 * 1024,
  cpuMs: 1234,
  nextTryInMs: null,
  lastExit: null,
  workers: [worker],
};

/** In a crash loop, with a full queue, in the middle of a roll. */
export const shop: AppStatus = {
  ...blog,
  app: "shop",
  state: "backoff",
  address: "127.0.0.1:9000",
  wanted: 2,
  ready: 0,
  queue: 511,
  roll: { from: 2, to: 3, done: 1, of: 4 },
  restarts: 7,
  nextTryInMs: 1600,
  lastExit: death,
  workers: [worker, gone],
};

/** Without a listener. */
export const mailer: AppStatus = {
  ...blog,
  ...{
    app: "mailer",
    address: null,
    listener: null,
    busy: null,
    idle: null,
    queue: null,
    queueHighest: null,
    listenQueueDepth: null,
  },
  workers: [],
};

export function statusWith(...apps: AppStatus[]): Status {
  return { version: 1, manager, apps };
}
