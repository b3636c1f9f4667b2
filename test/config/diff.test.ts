import { describe, expect, test } from "@jest/globals";
import type { App } from "../../src/config/app.ts";
import type { Change, Effects, Facts } from "../../src/config/diff.ts";
import { diffApps, isUntouched } from "../../src/config/diff.ts";
import { appFromFlags } from "../../src/config/parse.ts";
import { context } from "./context.ts";

/** An app with all defaults but these, and what a shell might make of it. */
function factsOf(app: Partial<App> = {}, made: Partial<Omit<Facts, "app">> = {}): Facts {
  return {
    app: { ...appFromFlags("blog", ["/srv/blog"], {}, context), ...app },
    environment: { PATH: "/usr/bin" },
    program: "made on Monday",
    identity: "uid 33, gid 33",
    owner: "uid 33, gid 33",
    ...made,
  };
}

function diff(before: Facts, after: Facts): Change {
  const [change, ...others] = diffApps([before], [after]);
  if (change === undefined || others.length > 0) throw new Error("expected one change");
  return change;
}

/** The effects that a change has, by name. */
function effectsOf(change: Change): string[] {
  return Object.entries(change).flatMap(([name, value]) => (value === true ? [name] : []));
}

/** One field alone: before, after, what that asks for, how it is told. */
type Case<V> = readonly [before: V, after: V, effect: keyof Effects | "nothing", ...details: string[]];

const tcp = (port: number, host = "127.0.0.1") => ({ kind: "tcp", host, port }) as const;
const unix = (path: string) => ({ kind: "unix", path }) as const;
const none = { kind: "none" } as const;

/** Has a row for every field: a new one does not compile until it is here. */
const cases: { readonly [F in keyof Required<Omit<App, "name">>]: readonly Case<App[F]>[] } = {
  command: [
    [["/a", "b"], ["/a", "c"], "rolls", 'command: "/a b" -> "/a c"'],
    [["/a", "b c"], ["/a", "b", "c"], "rolls", `command: "/a 'b c'" -> "/a b c"`],
    [["/a", ""], ["/a"], "rolls", `command: "/a ''" -> "/a"`],
    [
      ["/a", "x".repeat(200)],
      ["/a", "x".repeat(199)],
      "rolls",
      `command: "/a ${"x".repeat(200)}" -> "/a ${"x".repeat(199)}"`,
    ],
    [
      ["/a", "x".repeat(200)],
      ["/b", "x".repeat(200)],
      "rolls",
      `command: "/a ${"x".repeat(117)}…" -> "/b ${"x".repeat(117)}…"`,
    ],
  ],
  wsgi: [
    ["blog:app", "blog:application", "rolls", "wsgi: blog:app -> blog:application"],
    [undefined, "blog:app", "rolls", "wsgi: none -> blog:app"],
  ],
  python: [
    [undefined, "/srv/venv", "rolls", "python: none -> /srv/venv"],
    ["python3", "my python", "rolls", 'python: python3 -> "my python"'],
  ],
  threads: [[1, 4, "nothing"]],
  scriptName: [[undefined, "", "nothing"]],
  lighttpdRootFix: [[false, true, "nothing"]],
  directory: [["/etc", "/srv", "nothing"]],
  listen: [
    [unix("/a.sock"), unix("/b.sock"), "moves", "socket: /a.sock -> /b.sock"],
    [unix("/a.sock"), tcp(9000), "moves", "socket: /a.sock -> port 127.0.0.1:9000"],
    [tcp(9000), unix("/a b\n.sock"), "moves", 'port: 127.0.0.1:9000 -> socket "/a b\\n.sock"'],
    [tcp(9000), tcp(9001), "moves", "port: 127.0.0.1:9000 -> 127.0.0.1:9001"],
    [tcp(9000), tcp(9000, "::"), "moves", "port: 127.0.0.1:9000 -> [::]:9000"],
    [unix("/a.sock"), none, "moves", "socket: /a.sock -> listen false"],
    [none, tcp(9000), "moves", "listen: false -> port 127.0.0.1:9000"],
    [none, none, "nothing"],
  ],
  processes: [[4, 8, "size", "processes: 4 -> 8"]],
  listenQueueDepth: [[511, 1024, "depth", "listen-queue-depth: 511 -> 1024"]],
  socketMode: [[0o660, 0o600, "rights", "socket-mode: 0660 -> 0600"]],
  socketOwner: [[undefined, { user: "www-data" }, "nothing"]],
  cwd: [
    ["/a", "/b", "rolls", "cwd: /a -> /b"],
    [undefined, "/b", "rolls", "cwd: none -> /b"],
  ],
  user: [["www-data", "33", "nothing"]],
  group: [[undefined, "33", "nothing"]],
  umask: [[0o022, 0o077, "rolls", "umask: 0022 -> 0077"]],
  env: [[{}, { A: "1" }, "nothing"]],
  envFile: [[[], ["/etc/a.env"], "nothing"]],
  passEnv: [[["TZ"], [], "nothing"]],
  allowedClients: [[[], ["::1"], "nothing"]],
  initStartDelayMs: [[0, 250, "policy", "init-start-delay: 0ms -> 250ms"]],
  startTimeoutMs: [
    [60_000, 90_000, "policy", "start-timeout: 1m -> 1.5m"],
    [90_000, 91_000, "policy", "start-timeout: 90000ms -> 91000ms"],
  ],
  startGraceMs: [[1000, 0, "policy", "start-grace: 1s -> 0ms"]],
  minServerLifeMs: [[10_000, 3_600_000, "policy", "min-server-life: 10s -> 1h"]],
  restartDelayMs: [[100, 200, "policy", "restart-delay: 100ms -> 200ms"]],
  maxRestartDelayMs: [[60_000, 86_400_000, "policy", "max-restart-delay: 1m -> 1d"]],
  stopSignal: [["TERM", "QUIT", "policy", "stop-signal: TERM -> QUIT"]],
  stopTimeoutMs: [[10_000, 30_000, "policy", "stop-timeout: 10s -> 30s"]],
  drain: [["idle", "signal", "policy", "drain: idle -> signal"]],
  drainTimeoutMs: [[60_000, 5000, "policy", "drain-timeout: 1m -> 5s"]],
  watch: [
    [["/a", "/b", "/b"], ["/c c", "/b"], "watch", 'watch: "/c c" added, /a removed'],
    [["/a", "/b"], ["/b", "/a"], "nothing"],
  ],
  priority: [
    [undefined, 5, "rolls", "priority: none -> 5"],
    [5, 0, "rolls", "priority: 5 -> 0"],
  ],
  rlimits: [
    [
      { nofile: 1024, core: 0 },
      { nofile: 4096, as: "unlimited" },
      "rolls",
      "rlimits: nofile 1024 -> 4096, core 0 -> none, as none -> unlimited",
    ],
    [{ nofile: 1, core: 2 }, { core: 2, nofile: 1 }, "nothing"],
  ],
  outputFile: [
    [undefined, "/log/a", "output", "output-file: none -> /log/a"],
    ["/log/a", "/log/b", "output", "output-file: /log/a -> /log/b"],
  ],
  outputMaxSize: [[1, 2, "nothing"]],
  outputMaxAgeMs: [[undefined, 1000, "nothing"]],
  outputKeep: [[10, 11, "nothing"]],
};

const rows = Object.entries(cases).flatMap(([field, list]) =>
  (list as readonly Case<unknown>[]).map((row) => [field, ...row] as const),
);

/** A field of value undefined is absent. */
function withField(field: string, value: unknown): Facts {
  return factsOf(value === undefined ? {} : { [field]: value });
}

test.each(rows)("%s alone: %j becomes %j, and that means %s", (field, before, after, effect, ...details) => {
  const change = diff(withField(field, before), withField(field, after));
  expect(effectsOf(change)).toEqual(effect === "nothing" ? [] : [effect]);
  expect(change.details).toEqual(details);
  expect(isUntouched(change)).toBe(effect === "nothing");
});

test("the table of fields has every field that an app can have", () => {
  const flags = {
    socketOwner: "a",
    cwd: "a",
    wsgi: "a:b",
    python: "a",
    scriptName: "",
    user: "a",
    group: "a",
    priority: "1",
    outputFile: "a",
    outputMaxAge: "1d",
  };
  const app = { ...appFromFlags("blog", ["x"], {}, context), ...appFromFlags("blog", [], flags, context) };
  expect(["name", ...Object.keys(cases)].toSorted()).toEqual(Object.keys(app).toSorted());
});

describe("what the shell has made of an app", () => {
  test.each<[string, Partial<Omit<Facts, "app">>, keyof Effects, string]>([
    ["its program", { program: "made on Tuesday" }, "rolls", "the program has changed"],
    ["its identity", { identity: "uid 34, gid 33" }, "rolls", "the user, or its groups, have other numbers"],
    ["the owner of its socket", { owner: "uid 34, gid 33" }, "rights", "the owner of the socket has other numbers"],
    ["its environment", { environment: { PATH: "/bin" } }, "rolls", "env: PATH changed"],
  ])("%s", (_, made, effect, detail) => {
    const change = diff(factsOf(), factsOf({}, made));
    expect([effectsOf(change), change.details]).toEqual([[effect], [detail]]);
  });

  test("names of the config are told where they are behind it", () => {
    const before = factsOf({ user: "www-data" });
    const after = factsOf(
      { user: "blog", group: "blog", socketOwner: { user: "blog", group: "web" } },
      { identity: "uid 34, gid 34", owner: "uid 34, gid 40" },
    );
    expect(diff(before, after).details).toEqual([
      "user: www-data -> blog",
      "group: none -> blog",
      "socket-owner: none -> blog:web",
    ]);
    expect(
      diff(after, { ...after, app: { ...after.app, socketOwner: { group: "web" } }, owner: "gid 40" }).details,
    ).toEqual(["socket-owner: blog:web -> :web"]);
  });

  test("an interpreter that is another one is told once, though the program is another one, too", () => {
    const before = factsOf({ wsgi: "blog:app", cwd: "/srv" });
    const after = factsOf({ wsgi: "blog:app", cwd: "/srv", python: "/venv" }, { program: "made on Tuesday" });
    expect(diff(before, after).details).toEqual(["python: none -> /venv"]);
  });

  test("variables are told by name, never by value", () => {
    const before = factsOf({}, { environment: { OLD: "secret-1", DATABASE_URL: "secret-2", SAME: "secret-3" } });
    const after = factsOf({}, { environment: { SAME: "secret-3", DEBUG: "secret-4", DATABASE_URL: "secret-5" } });
    expect(diff(before, after).details).toEqual(["env: DEBUG added, DATABASE_URL changed, OLD removed"]);
  });

  test("the variable of the queue's depth follows the depth, and rolls nothing", () => {
    const deep = (depth: number) =>
      factsOf({ listenQueueDepth: depth }, { environment: { FCGI_PM_LISTEN_QUEUE_DEPTH: String(depth) } });
    const change = diff(deep(511), deep(64));
    expect([effectsOf(change), change.details]).toEqual([["depth"], ["listen-queue-depth: 511 -> 64"]]);
  });

  test("another command is told once, though its program is another one, too", () => {
    const change = diff(factsOf(), factsOf({ command: ["/srv/other"] }, { program: "made on Tuesday" }));
    expect(change.details).toEqual(['command: "/srv/blog" -> "/srv/other"']);
  });
});

describe("a field counts only where it means something", () => {
  test.each<[string, Partial<App>, Partial<App>, (keyof Effects)[], string[]]>([
    [
      "the directory, to a relative program",
      { command: ["app/blog"], directory: "/etc" },
      { command: ["app/blog"], directory: "/srv" },
      ["rolls"],
      ["the directory of the config: /etc -> /srv"],
    ],
    [
      "the directory, to a program that is looked up",
      { command: ["blog"], directory: "/etc" },
      { command: ["blog"], directory: "/srv" },
      ["rolls"],
      ["the directory of the config: /etc -> /srv"],
    ],
    [
      "the directory, to a relative cwd",
      { cwd: "site", directory: "/etc" },
      { cwd: "site", directory: "/srv" },
      ["rolls"],
      ["the directory of the config: /etc -> /srv"],
    ],
    [
      "the directory, to a WSGI application without a cwd",
      { wsgi: "blog:app", directory: "/etc" },
      { wsgi: "blog:app", directory: "/srv" },
      ["rolls"],
      ["the directory of the config: /etc -> /srv"],
    ],
    [
      "the directory, to a relative interpreter",
      { wsgi: "blog:app", cwd: "/srv/blog", python: "venv", directory: "/etc" },
      { wsgi: "blog:app", cwd: "/srv/blog", python: "venv", directory: "/srv" },
      ["rolls"],
      ["the directory of the config: /etc -> /srv"],
    ],
    [
      "what the runner is told, to a WSGI application",
      { wsgi: "blog:app" },
      { wsgi: "blog:app", threads: 4, scriptName: "", lighttpdRootFix: true },
      ["rolls"],
      ["threads: 1 -> 4", 'script-name: none -> ""', "lighttpd-root-fix: false -> true"],
    ],
    ["the mode of a socket, to none of TCP", { listen: tcp(1), socketMode: 0o600 }, { listen: tcp(1) }, [], []],
    ["the depth of a queue, to none", { listen: none, listenQueueDepth: 5 }, { listen: none }, [], []],
    [
      "how files are rotated, to an output file",
      { outputFile: "/log/a", outputMaxSize: 64 * 1024 ** 2, outputKeep: 10 },
      { outputFile: "/log/a", outputMaxSize: 64 * 1024 ** 2 + 1, outputKeep: 9, outputMaxAgeMs: 86_400_000 },
      ["output"],
      ["output-max-size: 67108864 -> 67108865", "output-max-age: none -> 1d", "output-keep: 10 -> 9"],
    ],
  ])("%s", (_, before, after, effects, details) => {
    const change = diff(factsOf(before), factsOf(after));
    expect([effectsOf(change), change.details]).toEqual([effects, details]);
  });

  test("the owner of a socket, to none of TCP", () => {
    const change = diff(factsOf({ listen: tcp(1) }), factsOf({ listen: tcp(1) }, { owner: "uid 0" }));
    expect(isUntouched(change)).toBe(true);
  });
});

describe("several differences", () => {
  test("each has its effect and its line", () => {
    const before = factsOf({ processes: 4 });
    const after = factsOf(
      { processes: 8, socketMode: 0o600, listenQueueDepth: 64, stopTimeoutMs: 30_000, watch: ["/w"], outputFile: "/o" },
      { program: "made on Tuesday" },
    );
    const change = diff(before, after);
    expect(effectsOf(change)).toEqual(["rolls", "rights", "depth", "policy", "size", "output", "watch"]);
    expect(change.details).toEqual([
      "processes: 4 -> 8",
      "listen-queue-depth: 511 -> 64",
      "socket-mode: 0660 -> 0600",
      "stop-timeout: 10s -> 30s",
      "watch: /w added",
      "output-file: none -> /o",
      "the program has changed",
    ]);
  });

  test("an app that moves neither rolls nor has anything of its listener applied in place", () => {
    const after = factsOf(
      { listen: unix("/b.sock"), socketMode: 0o600, listenQueueDepth: 64, umask: 0, processes: 2 },
      { program: "made on Tuesday", owner: "uid 34" },
    );
    const change = diff(factsOf({ listen: unix("/a.sock") }), after);
    expect(effectsOf(change)).toEqual(["moves", "size"]);
    expect(change.details).toHaveLength(7);
  });
});

describe("several apps", () => {
  const blog = factsOf({ name: "blog", listen: unix("/blog.sock") });
  const shop = factsOf({ name: "shop", listen: unix("/shop.sock") });
  const wiki = factsOf({ name: "wiki", listen: unix("/wiki.sock") });
  const told = (changes: readonly Change[]) =>
    changes.map((change) => [change.app, change.kind, ...effectsOf(change), ...change.details]);

  test("come in the new order, those that are gone last; order itself is no change", () => {
    expect(told(diffApps([blog, shop], [wiki, shop]))).toEqual([
      ["wiki", "added", "new in the config"],
      ["shop", "kept"],
      ["blog", "removed", "no longer in the config"],
    ]);
    expect(diffApps([blog, shop], [shop, blog]).every(isUntouched)).toBe(true);
  });

  test("an app that comes has no before, one that goes has no after, and neither is untouched", () => {
    const [added] = diffApps([], [blog]);
    const [removed] = diffApps([blog], []);
    expect(added).toMatchObject({ after: blog.app });
    expect(added).not.toHaveProperty("before");
    expect(removed).toMatchObject({ before: blog.app });
    expect(removed).not.toHaveProperty("after");
    expect([added, removed].map((change) => change && isUntouched(change))).toEqual([false, false]);
  });

  test("an app with another name is another app, though nothing else differs", () => {
    const renamed = { ...blog, app: { ...blog.app, name: "journal" } };
    expect(told(diffApps([blog], [renamed]))).toEqual([
      ["journal", "added", "new in the config"],
      ["blog", "removed", "no longer in the config"],
    ]);
  });

  test("two apps that swap their sockets both move", () => {
    const swapped = [
      { ...blog, app: { ...blog.app, listen: shop.app.listen } },
      { ...shop, app: { ...shop.app, listen: blog.app.listen } },
    ];
    expect(told(diffApps([blog, shop], swapped))).toEqual([
      ["blog", "kept", "moves", "socket: /blog.sock -> /shop.sock"],
      ["shop", "kept", "moves", "socket: /shop.sock -> /blog.sock"],
    ]);
  });

  test("an app may be called constructor", () => {
    const odd = factsOf({ name: "constructor" });
    expect(told(diffApps([], [odd]))).toEqual([["constructor", "added", "new in the config"]]);
    expect(diffApps([odd], [odd]).every(isUntouched)).toBe(true);
  });
});
