/** A program that lives and does not wait for requests on fd 0. */
import { describeStart } from "../diagnosis/death.ts";
import type { Finding } from "../diagnosis/finding.ts";
import { barred, quoteBytes, took } from "../diagnosis/seen.ts";
import { activityOf } from "./activity.ts";
import { ask, named, speakHttp, summaryOf } from "./ask.ts";
import type { Boot } from "./boot.ts";
import type { Case } from "./case.ts";
import { examineReady } from "./ready.ts";
import type { OpenSocket } from "./sockets.ts";
import type { Trial, TrialWorker } from "./trial.ts";

/** It waits in front of another socket. */
export async function judgeElsewhere(
  sick: Case,
  worker: TrialWorker,
  { waitsOn, afterMs }: Extract<Boot, { kind: "elsewhere" }>,
): Promise<Finding> {
  const where = waitsOn.local === "" ? "a socket without a name" : waitsOn.local;
  const seen = [
    ...describeStart(sick.startFacts()),
    `after ${took(afterMs)} it waits for connections on ${where} (descriptor ${waitsOn.fd}), and not on fd 0`,
  ];
  const http = await httpAt(waitsOn);
  if (/^HTTP\/\d/.test(http)) return httpServer([...seen, `asked in HTTP there: ${quoteBytes(http)}`], where);
  return ownSocket([...seen, ...said(worker)], where);
}

function httpAt({ kind, local }: OpenSocket): Promise<string> {
  const [, host = "", port] = /^(.*):(\d+)$/.exec(local) ?? [];
  if (kind === "unix" || port === undefined)
    return local.startsWith("/") ? speakHttp({ kind: "unix", path: local }) : Promise.resolve("");
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  return speakHttp({ kind: "tcp", host: isAnywhere(host) ? "127.0.0.1" : bare, port: Number(port) });
}

/** `[::]` takes IPv4, too, as a rule. */
function isAnywhere(host: string): boolean {
  return host === "0.0.0.0" || host === "[::]";
}

function httpServer(seen: readonly string[], where: string): Finding {
  return {
    code: "program.speaks-http",
    level: "broken",
    what: `The program is an HTTP server: it listens on ${where} by itself, and takes nothing from the FastCGI listener on fd 0`,
    seen,
    remedy: [
      "run the application in it, not its server: fcgi-pm start --wsgi module:app (Python), fcgi-pm start app.mjs (Node: export the app)",
      `or let the web server speak HTTP to it (nginx: proxy_pass http://${where.replace(/^(0\.0\.0\.0|\[::\]):/, "127.0.0.1:")}), and run it with --no-listen`,
    ],
  };
}

function ownSocket(seen: readonly string[], where: string): Finding {
  return {
    code: "program.binds-its-own-socket",
    level: "broken",
    what: `The program listens on ${where}, a socket of its own, and never takes a connection from fd 0`,
    seen,
    remedy: [
      "take the address out of the program (flup: WSGIServer(app).run() without bindAddress; others: their option for stdin or fd 0)",
      `or leave it its socket, name ${where} in the web server, and run it with --no-listen`,
    ],
  };
}

/** Long enough for a program that waits in a way which the kernel does not show. */
const mostPatienceMs = 5000;

/** It may serve all the same: then it is examined like any other. */
export async function judgeUnready(
  sick: Case,
  trial: Trial,
  worker: TrialWorker,
  { afterMs }: Extract<Boot, { kind: "unready" }>,
): Promise<Finding[]> {
  const { wish, journal } = sick.patient;
  const doing = await doings(trial);
  journal.say(`asking ${named(wish)} all the same`);
  const facts = await ask(trial.address, { ...wish, timeoutMs: Math.min(wish.timeoutMs, mostPatienceMs) });
  if (facts.kind === "complete") return examineReady(sick, trial, worker);
  return [
    {
      code: "program.never-accepts",
      level: "broken",
      what: `The program lives, but never waits for a request on fd 0`,
      seen: [
        ...describeStart(sick.startFacts()),
        `not ready after ${took(afterMs)} (start-timeout)`,
        ...doing,
        `${named(wish)} all the same: ${summaryOf(facts)}`,
        ...said(worker),
      ],
      remedy: remediesOf(doing),
    },
  ];
}

async function doings(trial: Trial): Promise<string[]> {
  const found = await Promise.all(
    trial
      .processes()
      .map(
        async ({ pid, name }) =>
          `${name} (process ${pid}) ${(await activityOf(pid)) ?? "does something that is not known"}`,
      ),
  );
  return found.slice(0, 10);
}

function remediesOf(doing: readonly string[]): string[] {
  const text = doing.join("\n");
  const target = /(?:reads from|connects to) (\S+:\d+) /.exec(text)?.[1];
  if (target !== undefined) return [`it waits for ${target}: see whether that service runs and answers`];
  if (text.includes("uses the processor"))
    return ["it is still at work: if it needs that long, --start-timeout 5m; else look for an endless loop"];
  return [
    "it has no FastCGI loop, or does not come to it: let a FastCGI library accept on fd 0",
    "an app that serves nobody: --no-listen",
  ];
}

function said(worker: TrialWorker): string[] {
  worker.output.drain();
  const lines = worker.output.lines();
  return lines.length === 0 ? [] : ["it wrote:", ...barred(lines)];
}
