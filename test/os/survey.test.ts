/** What `status` tells of workers: connections, memory, time on the processor; of real programs in several languages. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { environmentOf, processFacts, surveyWorkers, type WorkerFacts } from "../../src/os/survey.ts";
import { buildPrograms, echoes, type Program } from "../helpers/programs.ts";
import { pause, until } from "../helpers/wait.ts";
import { connectFromElsewhere } from "./far-socket.ts";
import { KeptClient } from "./kept-client.ts";
import { type Kind, openSite, type Site, startWorker, Undo } from "./workers.ts";

jest.setTimeout(60_000);

const undo = new Undo();
afterEach(() => undo.all());
beforeAll(() => buildPrograms(Object.values(echoes)), 120_000);

/** A process that is no worker, in a session of its own, ended with the test. */
function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess & { pid: number } {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"], detached: true, env });
  undo.add(() => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid ?? 0), "SIGKILL");
  });
  return child as ChildProcess & { pid: number };
}

const python = (program: string) => run("/usr/bin/python3", ["-c", program]);

function factsOf(pid: number, site?: Site): WorkerFacts {
  const facts = surveyWorkers([pid], site?.listener).get(pid);
  if (facts === undefined) throw new Error(`Process ${pid} is gone`);
  return facts;
}

/** How many connections each of them holds. */
function held(pids: readonly number[], { listener }: Site): (number | undefined)[] {
  const facts = surveyWorkers(pids, listener);
  return pids.map((pid) => facts.get(pid)?.connections?.length);
}

/** A request whose last byte is still to come: it is served for as long as the test likes. */
function beginAt(site: Site, program: Program): KeptClient {
  const client = new KeptClient(site.connect(), program);
  client.write(client.begin({ bodyBytes: 1 }));
  return client;
}

const finish = (client: KeptClient) => client.send(Buffer.concat([client.body("b"), client.end()]));

const serial = [echoes.c, echoes.perl, echoes.php, echoes.python, echoes.ruby, echoes.fcgiwrap];
const concurrent = [echoes.go, echoes.node];

describe("connections", () => {
  test.each(serial.map((program) => [program.name, program] as const))(
    "of %s: none while it is idle, one while it serves",
    async (_name, program: Program) => {
      const site = await openSite(undo, "unix");
      const pids = await Promise.all([startWorker(undo, site, program), startWorker(undo, site, program)]);
      expect(held(pids, site)).toEqual([0, 0]);
      const client = beginAt(site, program);
      await until(() => held(pids, site).includes(1), { what: "one to be busy" });
      expect(held(pids, site).toSorted()).toEqual([0, 1]);
      expect(await finish(client)).toBe("answered");
    },
  );

  test.each(
    concurrent.flatMap((program) =>
      (["unix", "far", "tcp"] as const).map((kind) => [program.name, kind, program] as const),
    ),
  )("of %s (%s): all that it serves at once, while it waits in epoll", async (_name, kind: Kind, program) => {
    const site = await openSite(undo, kind);
    const pid = await startWorker(undo, site, program);
    const clients = [1, 2, 3].map(() => beginAt(site, program));
    await until(() => held([pid], site)[0] === 3, { what: "three to be served" });
    expect(await Promise.all(clients.map(finish))).toEqual(["answered", "answered", "answered"]);
    expect(held([pid], site)).toEqual([3]); // kept
    for (const client of clients) client.socket.destroy();
    await until(() => held([pid], site)[0] === 0, { what: "all to be gone" });
  });

  test("that a child of the worker holds are the worker's", async () => {
    const site = await openSite(undo, "unix");
    const pid = await startWorker(undo, site, {
      ...echoes.php,
      command: echoes.php.command,
      env: { PHP_FCGI_CHILDREN: "2" },
    });
    const client = beginAt(site, echoes.php);
    await until(() => held([pid], site)[0] === 1, { what: "a child to be busy" });
    expect(await finish(client)).toBe("answered");
  });

  test("to other places do not count: a database, another app", async () => {
    const site = await openSite(undo, "unix");
    const elsewhere = await openSite(undo, "unix");
    const pid = await startWorker(undo, site, echoes.c);
    const other = await startWorker(undo, elsewhere, echoes.c);
    const client = new KeptClient(elsewhere.connect(), echoes.c);
    await client.ask();
    await new KeptClient(site.connect(), echoes.c).ask();
    expect(held([other, pid], elsewhere)).toEqual([1, 0]);
    expect(held([other, pid], site)).toEqual([0, 1]);
  });

  test("of clients elsewhere are told from a worker's other sockets, and from those of another listener of its own", async () => {
    const site = await openSite(undo, "far");
    const path = `${site.listener.address}.own`;
    const { pid } = python(`
import select, socket
own, far, beside = socket.socket(socket.AF_UNIX), [], socket.socketpair()
datagrams, closed, port = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), socket.socket(), socket.socket(socket.AF_INET)
own.bind(${JSON.stringify(path)})
own.listen()
far.append(own.accept())
open(${JSON.stringify(`${path}.accepted`)}, "w").close()
while True: far.append(own.accept())
`);
    const client = await until(() => connectFromElsewhere(path), { what: "the other listener" });
    undo.add(() => client.destroy());
    await until(() => existsSync(`${path}.accepted`), { what: "its client to be accepted" });
    expect(held([pid], site)).toEqual([0]);
  });

  test("are unknown where the kernel does not tell, and none where there is no listener", async () => {
    const site = await openSite(undo, "unix");
    const pid = await startWorker(undo, site, echoes.c);
    const mute = { ...site, listener: { ...site.listener, connections: () => undefined } };
    expect(factsOf(pid, mute).connections).toBeUndefined();
    expect(factsOf(pid).connections).toEqual([]);
  });

  test("are seen of workers that go from one to the next without a rest", async () => {
    const site = await openSite(undo, "unix");
    const pid = await startWorker(undo, site, echoes.perl);
    const load = spawn(process.execPath, ["-e", hammer, site.listener.address], { stdio: ["pipe", "pipe", "inherit"] });
    undo.add(() => load.kill("SIGKILL"));
    await once(load.stdout, "data");
    const waits = () => (site.listener.queue()?.length ?? 0) > 0;
    const [looks, others]: [looks: unknown[], others: unknown[]] = [[], []];
    while (looks.length < 200) {
      const isFed = waits();
      const [count] = held([pid], site);
      (isFed && waits() ? looks : others).push(count);
      await pause(1);
    }
    // While somebody waits it is idle for some microseconds only; it holds one connection or none.
    expect(looks.filter((count) => count === 1).length).toBeGreaterThan(100);
    expect([...looks, ...others].filter((count) => count !== 0 && count !== 1)).toEqual([]);
  });
});

/** A load from another process, with a connection for each request; says when it has its first answer. */
const hammer = `
  const { connect } = require("node:net");
  const record = (type, content) => Buffer.concat([Buffer.from([1, type, 0, 1, 0, content.length, 0, 0]), content]);
  const none = Buffer.alloc(0);
  const request = Buffer.concat([record(1, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0])), record(4, none), record(5, none)]);
  const ask = () => {
    const socket = connect(process.argv[1], () => socket.write(request));
    socket.on("data", () => process.stdout.write("."));
    socket.on("error", () => {});
    socket.on("close", ask);
  };
  for (let client = 0; client < 32; client += 1) ask();
  process.stdin.on("end", () => process.exit()).resume();
`;

describe("use", () => {
  test("memory is what the kernel counts as resident", async () => {
    const child = python("import time; block = bytearray(40 << 20); time.sleep(60)");
    const counted = () =>
      Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) * 1024;
    await until(() => counted() > 45 << 20, { what: "it to be large" });
    const isTheSame = () => Math.abs(factsOf(child.pid).rssBytes - counted()) < 2 << 20;
    await until(isTheSame, { what: "the two to be the same" });
  });

  test("time on the processor is that of the worker, its children, and those that have ended", async () => {
    const burn = "t = time.process_time() + 0.2\nwhile time.process_time() < t: pass\n";
    const child = python(
      `import os, time\nif os.fork() == 0:\n  exec(${JSON.stringify(burn)}); os._exit(0)\nos.wait()\n` +
        `if os.fork() == 0:\n  exec(${JSON.stringify(burn)}); time.sleep(60)\n${burn}time.sleep(60)`,
    );
    await until(() => factsOf(child.pid).cpuMs >= 580, { what: "three times 0.2 s" });
    // Of these its own were one; how much its start has cost is not known.
    const own = () => processFacts(child.pid)?.cpuMs ?? 0;
    await until(() => factsOf(child.pid).cpuMs - own() >= 380, { what: "what its children have used" });
  });

  test("of a process alone is known, of one that is gone is not", () => {
    const own = processFacts(process.pid);
    expect(own?.cpuMs).toBeGreaterThan(0);
    expect(Math.abs((own?.rssBytes ?? 0) - process.memoryUsage.rss())).toBeLessThan(32 << 20);
    expect(processFacts(0x7ffffff0)).toBeUndefined();
  });

  test("who is gone is absent, a zombie included", async () => {
    const parent = python("import os, time\nif os.fork() == 0: os._exit(0)\ntime.sleep(60)");
    const zombie = () => readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, "utf8").trim();
    const isZombie = () => / Z /.test(readFileSync(`/proc/${zombie()}/stat`, "latin1"));
    await until(isZombie, { what: "the child to be a zombie" });
    const facts = surveyWorkers([parent.pid, Number(zombie()), 0x7ffffff0], undefined);
    expect([...facts.keys()]).toEqual([parent.pid]);
  });
});

describe("an environment", () => {
  test("is told as the process got it, whatever is in it", async () => {
    const env = {
      PLAIN: "1",
      EMPTY: "",
      LINES: "a\nb",
      EQUALS: "a=b=c",
      ünï: "çödé ☃",
      "with space": "x",
      __proto__x: "y",
    };
    const child = run("/bin/sleep", ["60"], env);
    await until(() => Object.keys(environmentOf(child.pid) ?? {}).length === 7, { what: "the program to begin" });
    expect(Object.entries(environmentOf(child.pid) ?? {})).toEqual(Object.entries(env));
  });

  test("of a process that is gone is unknown", () => {
    expect(environmentOf(0x7ffffff0)).toBeUndefined();
  });
});
