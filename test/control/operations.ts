/** Operations of a manager that has its apps in memory: what is asked of it is done to plain data, at once. */
import type { AppOutcome, CommandAnswer, LogsQuery, Operations } from "../../src/control/protocol.ts";
import { FcgiPmError } from "../../src/errors.ts";
import type { AppStatus, Status } from "../../src/observe/status.ts";
import type { EventLine, LogLine } from "../../src/observe/story.ts";

export interface Played extends Operations {
  status(app?: string): Status;
  /** What was asked, in order: the operation's name and its arguments. */
  readonly asked: readonly unknown[][];
  /** Says a line to all who follow logs. */
  say(line: LogLine): void;
  notify(event: EventLine): void;
  /** How many follow logs or events. */
  followers(): number;
  /** Commands wait for this before they are done. */
  hold(until: Promise<void>): void;
}

/** Two apps, `blog` with two workers and `shop` with none. */
export function playOperations(given: Partial<Played> = {}): Played {
  const apps = new Map([
    ["blog", appNamed("blog", 2)],
    ["shop", appNamed("shop", 0)],
  ]);
  const asked: unknown[][] = [];
  const lineFollowers = new Set<{ query: LogsQuery; onLine: (line: LogLine) => void }>();
  const eventFollowers = new Set<(event: EventLine) => void>();
  const past: LogLine[] = Array.from({ length: 5 }, (_, at) => lineOf("blog", `line ${at + 1}`));
  let held: Promise<void> = Promise.resolve();

  const find = (name: string): AppStatus => {
    const app = apps.get(name);
    if (app === undefined) throw new FcgiPmError("FCGI_PM_APP_UNKNOWN", `There is no app "${name}"`);
    return app;
  };
  const done = async (name: string | undefined, action: AppOutcome["action"]): Promise<CommandAnswer> => {
    await held;
    const named = name === undefined ? [...apps.values()] : [find(name)];
    return { version: 1, apps: named.map((app) => outcomeOf(app, action)) };
  };
  const statusOf = (name?: string): Status => ({
    version: 1,
    manager: {
      pid: process.pid,
      version: "0.0.0",
      control: null,
      config: null,
      startedAt: "2026-01-01T00:00:00.000Z",
      uptimeMs: 1,
      rssBytes: null,
      cpuMs: null,
    },
    apps: name === undefined ? [...apps.values()] : [find(name)],
  });
  const fits = (line: LogLine, { app, worker }: LogsQuery) =>
    (app === undefined || line.app === app) && (worker === undefined || line.worker === worker);
  const note = (...words: unknown[]) => void asked.push(words);

  return {
    asked,
    say: (line) => {
      for (const { query, onLine } of lineFollowers) if (fits(line, query)) onLine(line);
    },
    notify: (event) => {
      for (const onEvent of eventFollowers) onEvent(event);
    },
    followers: () => lineFollowers.size + eventFollowers.size,
    hold: (until) => {
      held = until;
    },
    status: (name) => {
      note("status", name);
      return statusOf(name);
    },
    stopManager: (request) => {
      note("stopManager", request);
      return done(undefined, "stopped");
    },
    stop: (name, request) => {
      note("stop", name, request);
      return done(name, "stopped");
    },
    restart: (name) => {
      note("restart", name);
      return done(name, "restarted");
    },
    reload: (name, request) => {
      note("reload", name, request);
      return done(name, "unchanged");
    },
    scale: (name, request) => {
      note("scale", name, request);
      return done(name, "scaled");
    },
    signal: (name, { signal }) => {
      note("signal", name, signal);
      return { version: 1, app: find(name).app, signal, workers: [{ worker: 1, pid: 101 }] };
    },
    env: (name, worker) => {
      note("env", name, worker);
      return { version: 1, app: find(name).app, worker: worker ?? 1, pid: 101, env: { PATH: "/bin", A: "b\nc" } };
    },
    reopenLogs: () => {
      note("reopenLogs");
      return { version: 1, apps: [] };
    },
    logs: (query) => {
      note("logs", query);
      if (query.app !== undefined) find(query.app);
      return query.lines === 0 ? [] : past.filter((line) => fits(line, query)).slice(-query.lines);
    },
    followLogs: (query, onLine) => {
      const follower = { query, onLine };
      lineFollowers.add(follower);
      return () => void lineFollowers.delete(follower);
    },
    followEvents: (onEvent) => {
      const follower = (event: EventLine) => onEvent(event);
      eventFollowers.add(follower);
      return () => void eventFollowers.delete(follower);
    },
    ...given,
  };
}

export function lineOf(app: string, text: string, worker = 1): LogLine {
  return { time: "2026-01-01T00:00:00.000Z", app, worker, pid: 100 + worker, stream: "stderr", text };
}

export function eventOf(msg: string): EventLine {
  return { time: "2026-01-01T00:00:00.000Z", level: "info", notice: "worker.ready", app: "blog", worker: 1, msg };
}

function outcomeOf({ app, wanted, generation }: AppStatus, action: AppOutcome["action"]): AppOutcome {
  return { app, action, changes: [], result: "done", generation, wanted, tookMs: 1 };
}

export function appNamed(app: string, size: number): AppStatus {
  const unknown = { rssBytes: null, cpuMs: null, lastExit: null };
  const workers = Array.from({ length: size }, (_, index) => ({
    number: index + 1,
    state: "ready" as const,
    generation: 1,
    pid: 101 + index,
    ageMs: 1000,
    connections: 0,
    busyMs: null,
    restarts: 0,
    ...unknown,
  }));
  return {
    app,
    state: "running",
    address: `/run/fcgi-pm/${app}.sock`,
    listener: "bound",
    wanted: size,
    ready: size,
    busy: 0,
    idle: size,
    queue: 0,
    queueHighest: 0,
    listenQueueDepth: 511,
    generation: 1,
    roll: null,
    restarts: 0,
    uptimeMs: 1000,
    nextTryInMs: null,
    workers,
    ...unknown,
  };
}

/** A promise that is kept when somebody says so. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => open() };
}
