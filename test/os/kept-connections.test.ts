/** Idle kept connections: ended where nothing is in flight, and only there. Real programs, stopped and continued by real signals. */
import { closeSync } from "node:fs";
import { afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { heldBy } from "../../src/os/held-connections.ts";
import { stillMs } from "../../src/os/kept-connections.ts";
import { socketOption, takeDescriptor } from "../../src/os/posix.ts";
import { socketsOf } from "../../src/os/proc-files.ts";
import { lookForConnections } from "../../src/os/procfs.ts";
import { childrenOf } from "../helpers/manager.ts";
import { behaviours, buildPrograms, echoes, type Program, waiters } from "../helpers/programs.ts";
import { pause, until } from "../helpers/wait.ts";
import { KeptClient, keepAsking, type Manner } from "./kept-client.ts";
import { Drain, type Kind, openSite, type Site, startWorker, Undo, untilFree, whileStopped } from "./workers.ts";

jest.setTimeout(60_000);

const undo = new Undo();
afterEach(() => undo.all());

/** Programs that serve one connection at a time and keep it when they are asked to. */
const keepers = [echoes.c, echoes.perl, echoes.php, echoes.python, waiters.poll];
const kinds = ["unix", "far", "tcp"] as const;
const everywhere = keepers.flatMap((program) => kinds.map((kind) => ({ program, kind })));

beforeAll(
  () => buildPrograms([...keepers, echoes.fcgiwrap, echoes.go, echoes.ruby, behaviours.diesOnSigterm]),
  120_000,
);

interface Scene {
  readonly site: Site;
  readonly pid: number;
  readonly drain: Drain;
}

async function setUp(program: Program, kind: Kind): Promise<Scene> {
  const site = await openSite(undo, kind);
  const pid = await startWorker(undo, site, program);
  return { site, pid, drain: new Drain(pid, site) };
}

/** With one client that is connected. */
async function begin(
  program: Program,
  kind: Kind,
  manner: Manner = "deaf",
): Promise<Scene & { readonly client: KeptClient }> {
  const scene = await setUp(program, kind);
  return { ...scene, client: new KeptClient(scene.site.connect(), program, manner) };
}

/** Until the worker has read all that was sent. */
function untilRead(scene: Scene): Promise<unknown> {
  return until(() => unreadBytesOf(scene) === 0, { what: "all to be read" });
}

/** Undefined while the worker does not hold the connection. */
function unreadBytesOf({ pid, site: { listener } }: Pick<Scene, "pid" | "site">): number | undefined {
  return heldBy(pid, listener.connections() ?? new Map(), listener)[0]?.unreadBytes;
}

interface Place {
  readonly program: Program;
  readonly kind: Kind;
}

/** The same in several places at the same time, since most of it is waiting. By name what came of each. */
async function inEach<T>(places: readonly Place[], act: (place: Place) => Promise<T>): Promise<Record<string, T>> {
  const results = places.map(async (place) => [`${place.program.name} ${place.kind}`, await act(place)] as const);
  return Object.fromEntries(await Promise.all(results));
}

function allOf<T>(places: readonly Place[], result: T): Record<string, T> {
  return Object.fromEntries(places.map(({ program, kind }) => [`${program.name} ${kind}`, result]));
}

describe("a worker with an idle kept connection", () => {
  const wide: Place[] = [
    ...everywhere,
    { program: echoes.fcgiwrap, kind: "unix" },
    { program: echoes.c, kind: "tcp6" },
  ];

  async function free({ program, kind }: Place, manner: Manner): Promise<unknown[]> {
    const { client, drain, site, pid } = await begin(program, kind, manner);
    const first = await client.ask();
    const from = performance.now();
    const isIdle = await drain.lookFor(20_000);
    const isLate = performance.now() - from >= stillMs;
    await until(() => client.hasEnd, { what: "the end of the connection" });
    await untilFree(pid, site);
    const next = await new KeptClient(site.connect(), program).ask();
    return [first, isIdle, client.hasLeft ? "left" : isLate && "ended", next];
  }

  test("is freed of it by its web server, which is asked to close it", async () => {
    const fates = await inEach(wide, (place) => free(place, "attentive"));
    expect(fates).toEqual(allOf(wide, ["answered", true, "left", "answered"]));
  });

  test("is freed of it after two seconds where the web server takes no notice", async () => {
    const fates = await inEach(wide, (place) => free(place, "deaf"));
    expect(fates).toEqual(allOf(wide, ["answered", true, "ended", "answered"]));
  });

  test("is not freed by one long stop: it has to come to wait again", async () => {
    const { client, drain } = await begin(echoes.c, "unix");
    await client.ask();
    await until(async () => !(await drain.look(0)) && drain.outcomes.at(-1) === "waiting", { what: "it to wait" });
    const again = new Drain(drain.pid, drain.site);
    expect(await again.look(stillMs + 500)).toBe(false);
    expect(again.outcomes).toEqual(["waiting"]);
  });

  test("has nothing of what its client sends afterwards", async () => {
    const { client, drain, site, pid } = await begin(echoes.c, "tcp");
    await client.ask();
    expect(await drain.lookFor(20_000)).toBe(true);
    expect(await client.ask()).toBe("left");
    await untilFree(pid, site);
  });
});

test("what is set on a connection to watch it is taken away when it is used again", async () => {
  const scene = await begin(echoes.c, "unix");
  const { client, drain, pid } = scene;
  const [SOL_SOCKET, SO_PEEK_OFF] = [1, 42];
  const mark = () => {
    const fd = takeDescriptor(pid, Math.max(...socketsOf(pid).keys()));
    const offset = socketOption(fd, SOL_SOCKET, SO_PEEK_OFF, 4).readInt32LE(0);
    closeSync(fd);
    return offset;
  };
  await client.ask();
  await until(async () => !(await drain.look(0)) && drain.outcomes.at(-1) === "waiting", { what: "it to wait" });
  expect(mark()).toBeGreaterThan(0);
  const answer = client.ask({ query: "sleep=3000" });
  await untilRead(scene);
  await drain.look();
  expect(mark()).toBe(-1);
  expect(await answer).toBe("answered");
});

describe("a request that is sent in pieces", () => {
  /** Looks on while nothing comes. False: something held this process up, and the pause has become longer than it may be. */
  async function rest({ drain }: Scene, forMs: number): Promise<boolean> {
    const from = performance.now();
    await drain.look();
    await drain.lookFor(forMs);
    return performance.now() - from < stillMs;
  }

  /** In each place, again until nothing has held it up: then it gives something. */
  function inEachInTime<T>(places: readonly Place[], attempt: (place: Place) => Promise<T | undefined>) {
    return inEach(places, async (place) => {
      for (;;) {
        const result = await attempt(place);
        if (result !== undefined) return result;
      }
    });
  }

  /** read(2) counts the bytes of one, recv(2) does not count those of the other. */
  const places: Place[] = [
    { program: echoes.php, kind: "unix" },
    { program: echoes.python, kind: "tcp" },
  ];

  test("is never cut while its pauses are shorter than two seconds", async () => {
    const fates = await inEachInTime(places, async ({ program, kind }) => {
      const scene = await begin(program, kind);
      const { client, drain } = scene;
      await client.ask();
      client.write(client.begin({ bodyBytes: 4 }));
      await untilRead(scene);
      for (const letter of "bod") {
        if (!(await rest(scene, stillMs - 700))) return undefined;
        client.write(client.body(letter));
        await untilRead(scene);
      }
      const fate = await client.send(Buffer.concat([client.body("y"), client.end()]));
      return [fate, client.text.includes("body=4\n"), drain.outcomes.includes("idle")];
    });
    expect(fates).toEqual(allOf(places, ["answered", true, false]));
  });

  test("is never cut where its pieces come in the very moment of a stop", async () => {
    // What recv(2) has just read lies nowhere any more, and the thread looks as if it waited.
    const more: Place[] = [...places, { program: echoes.python, kind: "unix" }];
    const fates = await inEachInTime(more, async ({ program, kind }) => {
      const scene = await begin(program, kind);
      const { client, drain } = scene;
      client.write(client.begin({ bodyBytes: 8 }));
      await untilRead(scene);
      for (const letter of "moments") {
        client.write(client.body(letter));
        if (!(await rest(scene, stillMs / 2))) return undefined;
      }
      const fate = await client.send(Buffer.concat([client.body("!"), client.end()]));
      return [fate, drain.outcomes.includes("idle")];
    });
    expect(fates).toEqual(allOf(more, ["answered", false]));
  });

  test("is not taken for a whole one when its first piece comes while the worker is stopped", async () => {
    const { client, drain, pid, site } = await begin(echoes.c, "unix");
    await client.ask();
    await whileStopped(pid, async () => {
      client.write(client.begin({ bodyBytes: 1 }));
      await until(() => (unreadBytesOf({ pid, site }) ?? 0) > 0, { what: "the first piece to arrive" });
      drain.lookAtStopped();
    });
    expect(await client.send(Buffer.concat([client.body("b"), client.end()]))).toBe("answered");
    expect(drain.outcomes).toEqual(["busy"]);
  });
});

describe("a request that is being computed", () => {
  const places: Place[] = [...everywhere, { program: echoes.ruby, kind: "unix" }, { program: echoes.go, kind: "unix" }];

  test("is never cut, however long it takes", async () => {
    const fates = await inEach(places, async ({ program, kind }) => {
      const scene = await begin(program, kind);
      const { client } = scene;
      const answer = client.ask({ query: "sleep=3000" });
      await untilRead(scene);
      let isOver = false;
      const over = answer.finally(() => {
        isOver = true;
      });
      while (!isOver) {
        await scene.drain.look();
        await Promise.race([over, pause(40)]);
      }
      return [await answer, client.text.includes("query=sleep=3000\n")];
    });
    expect(fates).toEqual(allOf(places, ["answered", true]));
  });
});

describe("a worker with a stream of requests on a kept connection", () => {
  test.each(everywhere.map(({ program, kind }) => [program.name, kind, program] as const))(
    "(%s, %s) is freed of it between two of them, and no request is crossed",
    async (_name, kind, program) => {
      const { site, pid, drain } = await setUp(program, kind);
      const loop = keepAsking(() => new KeptClient(site.connect(), program), 20);
      const isFreed = async () => {
        await drain.look();
        return drain.outcomes.filter((outcome) => outcome === "idle").length >= 5;
      };
      await until(isFreed, { what: "five connections to be closed", timeoutMs: 40_000 });
      await loop.stop();
      expect(loop.fates).toMatchObject({ left: 0, cut: 0, lost: 0 });
      await untilFree(pid, site);
    },
  );

  test("is retired without a loss, though it dies at once on SIGTERM, and another one serves on", async () => {
    const program = behaviours.diesOnSigterm;
    const { site, pid } = await setUp(program, "unix");
    const loop = keepAsking(() => new KeptClient(site.connect(), program), 20);
    await until(() => lookForConnections(pid, site.listener) === "busy", { what: "the loop to begin" });
    const other = await startWorker(undo, site, program);
    const drain = new Drain(pid, site, () => process.kill(pid, "SIGTERM"));
    await until(() => drain.look(), { what: "the worker to be idle", everyMs: 3, timeoutMs: 25_000 });
    await until(() => lookForConnections(other, site.listener) === "busy", { what: "the other to serve" });
    await loop.stop();
    expect(loop.fates).toMatchObject({ left: 0, cut: 0, lost: 0 });
    await until(() => !childrenOf(process.pid).includes(pid), { what: "its end" });
  });
});

describe("what cannot be told, and what need not be", () => {
  test("an event loop with an idle kept connection is left alone", async () => {
    const { client, drain } = await begin(echoes.go, "unix");
    await client.ask();
    expect(await drain.lookFor(stillMs + 1000)).toBe(false);
    expect(new Set(drain.outcomes)).toEqual(new Set(["busy"]));
    expect(await client.ask()).toBe("answered");
  });

  test("a program that closes after each answer needs no help", async () => {
    const { client, drain, site, pid } = await begin(echoes.ruby, "unix");
    expect(await client.ask()).toBe("answered");
    await untilFree(pid, site);
    expect(await drain.look()).toBe(true);
    expect(drain.connections).toBe(0);
  });
});
