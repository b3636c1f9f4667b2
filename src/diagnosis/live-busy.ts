/** An app that has no worker left for the next request: is it the queue, kept connections, or too much work? Facts in, findings out. */
import { formatDuration } from "../units.ts";
import type { Finding } from "./finding.ts";
import type { LiveFacts, LiveLook } from "./live-look.ts";

export function busyFindings(facts: LiveFacts): Finding[] {
  const jam = judgeJam(facts);
  return [judgeQueue(facts), jam, judgePast(facts)].filter((finding) => finding !== undefined);
}

function isFull({ queue, listenQueueDepth }: LiveLook): boolean {
  return queue !== null && listenQueueDepth !== null && queue >= listenQueueDepth;
}

function judgeQueue({ after, before, betweenMs }: LiveFacts): Finding | undefined {
  const { app, queue, listenQueueDepth } = after;
  if (!isFull(after)) return undefined;
  return {
    code: "live.queue-full",
    level: "broken",
    what: `the queue of ${app} is full: ${queue} connections wait, ${listenQueueDepth} may, and web servers get "(11: Resource temporarily unavailable)"`,
    seen: [
      `QUEUE ${before.queue}, and ${formatDuration(betweenMs)} later ${queue}`,
      `${after.busy ?? "?"} of ${after.ready} workers are busy`,
    ],
    remedy: [
      `fcgi-pm scale ${app} +4   # if nothing behind the app is the bottleneck`,
      "listen-queue-depth = 511   # where it is less; and sysctl net.core.somaxconn",
    ],
  };
}

function isNobodyFree({ busy, ready }: LiveLook): boolean {
  return ready > 0 && busy !== null && busy >= ready;
}

/** Does somebody wait, at both looks? */
function isJammed({ before, after }: LiveFacts): boolean {
  return [before, after].every(({ queue }) => queue !== null && queue > 0);
}

function judgeJam(facts: LiveFacts): Finding | undefined {
  const { before, after } = facts;
  if (!isNobodyFree(before) || !isNobodyFree(after)) return undefined;
  const pinned = facts.waitingForClients;
  const all = after.workers.filter(({ state, pid }) => state === "ready" && pid !== null).length;
  if (pinned !== undefined && pinned.length >= all && usedMs(facts) === 0) return keptConnections(facts, pinned);
  return isJammed(facts) ? tooBusy(facts) : undefined;
}

/** Time on the processor between the looks. */
function usedMs({ before, after }: LiveFacts): number | undefined {
  return before.cpuMs === null || after.cpuMs === null ? undefined : Math.max(0, after.cpuMs - before.cpuMs);
}

/** Where nobody waits by now, the next one will, who comes by another connection. */
function keptConnections(facts: LiveFacts, pids: readonly number[]): Finding {
  const { app, queue, ready } = facts.after;
  const jammed = isJammed(facts);
  const others = jammed
    ? `${queue} more wait for ever`
    : "whoever comes by another connection waits until one is closed";
  return {
    code: "live.keep-alive-pins",
    level: jammed ? "broken" : "risk",
    what: `kept connections of the web server occupy all ${ready} workers of ${app}, and ${others}`,
    seen: [
      `each worker holds a connection, has read all of it, and waits for the next request on it: process ${pids.join(", ")}`,
      `no time on the processor in ${formatDuration(facts.betweenMs)}, while ${queue} wait in the queue`,
    ],
    remedy: [
      "fastcgi_keep_conn off;   # in nginx, its default; over a Unix socket keeping saves little",
      `keepalive ${Math.max(1, Math.floor((ready - 1) / 2))};   # in nginx's upstream: with all of nginx's processes less than ${ready}`,
      `fcgi-pm scale ${app} +${ready}   # more workers than kept connections`,
      `fcgi-pm reload ${app} --batch ${ready}   # frees the workers for the moment`,
    ],
  };
}

function tooBusy(facts: LiveFacts): Finding {
  const { before, after, betweenMs } = facts;
  const used = usedMs(facts);
  const idle = used !== undefined && used < betweenMs / 20;
  const longest = Math.max(0, ...after.workers.map(({ busyMs }) => busyMs ?? 0));
  return {
    code: "live.all-busy",
    level: "risk",
    what: idle
      ? `all ${after.ready} workers of ${after.app} are busy without using the processor: they wait for something else, and ${after.queue} requests wait for them`
      : `all ${after.ready} workers of ${after.app} are busy, and ${after.queue} requests wait`,
    seen: [
      `QUEUE ${before.queue}, and ${formatDuration(betweenMs)} later ${after.queue}`,
      `${used === undefined ? "unknown" : formatDuration(used)} on the processor meanwhile; the longest request is ${formatDuration(longest)} old`,
    ],
    remedy: idle
      ? [
          "ls -l /proc/PID/fd   # of a busy worker: to which database or service is it connected?",
          `fcgi-pm scale ${after.app} +4   # as far as that service takes it`,
        ]
      : [`fcgi-pm scale ${after.app} +4   # if the machine has processors left: nproc, uptime`],
  };
}

function judgePast({ after }: LiveFacts): Finding | undefined {
  const { queueHighest, listenQueueDepth, app } = after;
  if (isFull(after) || queueHighest === null || listenQueueDepth === null || queueHighest < listenQueueDepth)
    return undefined;
  return {
    code: "live.queue-was-full",
    level: "risk",
    what: `the queue of ${app} was full since its start: clients were turned away then`,
    seen: [`the most that was seen is ${queueHighest} of ${listenQueueDepth}; now ${after.queue} wait`],
    remedy: [`fcgi-pm scale ${app} +4`, "listen-queue-depth = 511   # where it is less"],
  };
}
