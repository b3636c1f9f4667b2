/** A worker that has answered once: does it go on, in the same process, as a pool needs it? */
import { connect } from "node:net";
import { judgeAnswer } from "../diagnosis/answer.ts";
import type { AnswerFacts } from "../diagnosis/answer-facts.ts";
import { pageOf } from "../diagnosis/complete-answer.ts";
import { endInWords } from "../diagnosis/death.ts";
import type { Finding } from "../diagnosis/finding.ts";
import { barred } from "../diagnosis/seen.ts";
import { type Address, toNetOptions } from "../fastcgi/address.ts";
import { isNonBlocking, lookAt } from "../os/procfs.ts";
import { named, summaryOf } from "./ask.ts";
import { askOf, witnessOf } from "./asking.ts";
import { watchBoot } from "./boot.ts";
import type { Case } from "./case.ts";
import { shellBetween } from "./shell-between.ts";
import type { Exit, Trial, TrialWorker } from "./trial.ts";
import { comesTrue } from "./wait.ts";

/** `facts`: its answer. */
export async function examineAfterwards(
  sick: Case,
  trial: Trial,
  worker: TrialWorker,
  facts: AnswerFacts,
): Promise<Finding[]> {
  await waitsAgain(trial, worker);
  if (worker.exit() !== undefined) return [leavesAfterOne(sick, trial, worker, facts)];
  const second = await askAgain(sick, trial, worker);
  if (second.length > 0) return second;
  return [
    ...(await shellBetween(trial, worker)),
    ...(await examineSecondWorker(sick, trial)),
    ...(await leaveEmpty(trial, worker)),
  ];
}

/** Between two requests a worker tidies up; one that does not rest where we can see it is given this time. */
const settleMs = 2000;

async function waitsAgain(trial: Trial, worker: TrialWorker): Promise<void> {
  const isSettled = () => worker.exit() !== undefined || lookAt(worker.pid, trial.listener) === "waiting";
  await comesTrue(isSettled, settleMs);
}

/** Some give up for a reason, and name it on a page with the status 200: MapServer without its config file. */
function leavesAfterOne(sick: Case, trial: Trial, worker: TrialWorker, facts: AnswerFacts): Finding {
  const exit = worker.exit() ?? { code: null, signal: null };
  if (isNonBlocking(trial.listener.fd)) return spoils([`the worker answered once, then it ended: ${endInWords(exit)}`]);
  const lines = worker.output.lines();
  return {
    code: "program.answers-once",
    level: exit.code === 0 ? "risk" : "broken",
    what: `The worker ends after its first answer (${endInWords(exit)}): each request costs a start of the program`,
    seen: [
      `${named(sick.patient.wish)} was answered, then the worker ended: ${endInWords(exit)}`,
      ...pageOf(facts),
      ...barred(lines),
    ],
    remedy: [
      "where that page is a complaint: mend what it says",
      "go back to accept after each answer: a loop around it (while (FCGI_Accept() >= 0), FCGI.each, serve_forever)",
      "php-cgi: a larger PHP_FCGI_MAX_REQUESTS",
    ],
  };
}

/** A POST is not sent twice: nobody wants two orders. */
async function askAgain(sick: Case, trial: Trial, worker: TrialWorker): Promise<Finding[]> {
  const { wish, journal } = sick.patient;
  if (wish.data !== undefined) return [];
  const facts = await askOf(sick, trial, worker, wish);
  journal.tried(`${named(wish)} again, of the same worker: ${summaryOf(facts)}`);
  const findings = judgeAnswer(facts, sick.context(await witnessOf(worker, facts)));
  return findings.filter(({ level }) => level === "broken").map(asSecond);
}

function asSecond(finding: Finding): Finding {
  return {
    ...finding,
    code: "program.fails-on-second-request",
    what: `The second request to the same worker fails, and the first did not: ${finding.what}`,
    remedy: [
      "look for what the first request leaves behind: closed files, changed globals, used-up iterators",
      ...finding.remedy,
    ],
  };
}

/** Its siblings share one listener: what one of them does to it, it does to all. */
async function examineSecondWorker(sick: Case, trial: Trial): Promise<Finding[]> {
  const isSpoilt = isNonBlocking(trial.listener.fd);
  if (!isSpoilt && sick.plan.app.processes === 1) return [];
  sick.patient.journal.say("starting a second worker on the same listener");
  const worker = sick.startIn(trial);
  const boot = await watchBoot(trial, worker, sick.patient.journal.signal);
  if (boot.kind !== "ended") return [];
  if (!isSpoilt) return [cannotBeTwo(sick, boot.exit, worker)];
  return [spoils([`a second worker on it ended: ${endInWords(boot.exit)}`, ...barred(worker.output.lines())])];
}

function cannotBeTwo(sick: Case, exit: Exit, worker: TrialWorker): Finding {
  const { processes } = sick.plan.app;
  return {
    code: "program.cannot-be-two",
    level: "broken",
    what: `A second worker cannot live beside the first, and the app wants ${processes}: ${endInWords(exit)}`,
    seen: [
      "the first worker answers; the second, started beside it, ended before it was ready",
      ...barred(worker.output.lines()),
    ],
    remedy: [
      "let workers share what only one can have: a port of its own, a pid file, a lock (FCGI_PM_WORKER tells them apart)",
      "or run one: --processes 1",
    ],
  };
}

function spoils(seen: readonly string[]): Finding {
  return {
    code: "program.spoils-the-listener",
    level: "broken",
    what: "A worker makes the listener non-blocking, and who is to accept on it then cannot live with that",
    seen: ["after the first worker was ready, O_NONBLOCK was set on the listener that all workers share", ...seen],
    remedy: [
      "find what sets O_NONBLOCK on fd 0 (an event loop, or a wrapper in Node, Go or Python) and give it an app of its own",
      "then restart the manager: the flag stays on the listener",
    ],
  };
}

const leavePatienceMs = 2000;

/** A client that connects and goes without a word: a health check, a browser that gave up. */
async function leaveEmpty(trial: Trial, worker: TrialWorker): Promise<Finding[]> {
  worker.output.forget();
  await connectAndLeave(trial.address);
  const isOver = () =>
    worker.exit() !== undefined ||
    ((trial.listener.queue()?.length ?? 0) === 0 && lookAt(worker.pid, trial.listener) === "waiting");
  await comesTrue(isOver, leavePatienceMs);
  const exit = worker.exit();
  if (exit === undefined) return [];
  worker.output.drain();
  return [
    {
      code: "program.dies-of-empty-connection",
      level: "note",
      what: "A worker ends when a client connects and leaves without a request; it is replaced, and nothing is lost",
      seen: [
        `a connection was opened and closed, then the worker ended: ${endInWords(exit)}`,
        ...barred(worker.output.lines(), 5),
      ],
      remedy: ["let no health check connect to the socket; fcgi-pm does not"],
    },
  ];
}

function connectAndLeave(address: Address): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(toNetOptions(address));
    socket.on("connect", () => socket.destroy());
    socket.on("error", () => {});
    socket.on("close", () => resolve());
  });
}
