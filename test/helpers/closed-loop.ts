/** The process of a load: told what to do by its argument, it says what happened on stdout, and ends when stdin does. */
import { Agent } from "node:http";
import { ask, askWebServer, type Failure, failureOf } from "./ask.ts";
import type { Echo } from "./echo.ts";
import type { Asked, LoadOrder, News } from "./load.ts";
import { pause } from "./wait.ts";

const {
  target,
  connections,
  asked,
  requests = Number.POSITIVE_INFINITY,
  timeoutMs = 60_000,
} = JSON.parse(process.argv[2] ?? "") as LoadOrder;

const newsEveryMs = 20;
const mostComplaints = 20;
/** Nobody listens: a loop that knocks without a rest would take the processor from those who are to listen again. */
const refusedPauseMs = 5;

const agent = new Agent({ keepAlive: true, maxSockets: connections });
const bodies = new Map(asked.map(({ bodyBytes = 0 }) => [bodyBytes, Buffer.alloc(bodyBytes, "fcgi")]));
const pids = new Set<number>();
let complaints = 0;
let begun = 0;
let isStopped = false;
let news = { failed: [] as Failure[], pids: [] as number[], latencies: [] as number[], complaints: [] as string[] };

function send({ uri, bodyBytes }: Asked, n: number): Promise<Echo> {
  const numbered = `${uri}${uri.includes("?") ? "&" : "?"}n=${n}`;
  const options = { body: bodyBytes === undefined ? undefined : bodies.get(bodyBytes), timeoutMs };
  return "url" in target ? askWebServer(target.url, numbered, agent, options) : ask(target, numbered, options);
}

async function one(n: number): Promise<void> {
  const what = asked[n % asked.length] as Asked;
  const from = performance.now();
  try {
    const { pid } = await send(what, n);
    news.latencies.push(performance.now() - from);
    if (!pids.has(pid)) news.pids.push(pid);
    pids.add(pid);
  } catch (error) {
    const failure = failureOf(error);
    news.failed.push(failure);
    complaints += 1;
    if (complaints <= mostComplaints) news.complaints.push(`${failure}: request ${n}, ${what.uri}: ${error}`);
    if (failure === "refused") await pause(refusedPauseMs);
  }
}

async function loop(): Promise<void> {
  while (!isStopped && begun < requests) {
    begun += 1;
    await one(begun);
  }
}

function tell(): void {
  const told: News = news;
  news = { failed: [], pids: [], latencies: [], complaints: [] };
  if (told.latencies.length + told.failed.length > 0) process.stdout.write(`${JSON.stringify(told)}\n`);
}

process.stdin.on("end", () => {
  isStopped = true;
});
process.stdin.resume();
const telling = setInterval(tell, newsEveryMs);
Promise.all(Array.from({ length: connections }, loop)).then(() => {
  clearInterval(telling);
  tell();
  agent.destroy();
  process.stdin.destroy();
});
