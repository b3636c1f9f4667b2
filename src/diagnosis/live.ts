/** What is wrong with an app that runs: workers that do not live, stand still, or never end. Facts in, findings out. */
import { formatDuration } from "../units.ts";
import type { Finding } from "./finding.ts";
import { busyFindings } from "./live-busy.ts";
import { describeExit, type LiveExit, type LiveFacts, type LiveLook } from "./live-look.ts";
import { barred } from "./seen.ts";

/** What fills a queue stands before the queue. */
export function liveFindings(facts: LiveFacts): Finding[] {
  return [
    judgeState(facts),
    judgeStopped(facts),
    ...busyFindings(facts),
    judgeDrain(facts),
    judgeDeaths(facts),
    judgeUsers(facts),
  ].filter((finding) => finding !== undefined);
}

function judgeState(facts: LiveFacts): Finding | undefined {
  const { state, app, ready, wanted } = facts.after;
  if (state === "stopped" || state === "stopping") return stopped(app, state);
  if (facts.isNonBlocking === true && endsAtOnce(facts)) return nonBlocking(facts.after);
  if (state === "backoff") return crashLoop(facts);
  if (isFlapping(facts)) return flapping(facts);
  return ready < wanted ? degraded(facts.after) : undefined;
}

function stopped(app: string, state: string): Finding {
  return {
    code: "live.stopped",
    level: "broken",
    what: `${app} is ${state}: clients wait in the queue, and nobody answers`,
    seen: [`fcgi-pm status ${app}: ${state}`],
    remedy: [`fcgi-pm restart ${app}`],
  };
}

/** Not one worker of the first look lives at the second, and no reload has replaced them. */
function isFlapping({ before, after }: LiveFacts): boolean {
  if (before.roll !== null || after.roll !== null) return false;
  const pids = new Set(before.workers.map(({ pid }) => pid).filter((pid) => pid !== null));
  return before.wanted > 0 && after.wanted > 0 && !after.workers.some(({ pid }) => pids.has(pid ?? 0));
}

/** A worker that ends so soon with exit code 0 never served: it did not take fd 0 for a listener it could wait on. */
const atOnceMs = 1000;

function endsAtOnce(facts: LiveFacts): boolean {
  const { lastExit } = facts.after;
  return isFlapping(facts) || (lastExit !== null && endedAtOnce(lastExit));
}

function endedAtOnce({ exit, livedMs, wasReady }: LiveExit): boolean {
  return exit.code === 0 && !wasReady && livedMs < atOnceMs;
}

function flapping({ before, after, betweenMs, isFromFlags }: LiveFacts): Finding {
  const { app, lastExit } = after;
  return {
    code: "live.workers-flap",
    // Programs may well end after a few requests, as long as somebody is there.
    level: before.ready === 0 || after.ready === 0 ? "broken" : "risk",
    what: `the workers of ${app} end soon after they were started, all of them, again and again`,
    seen: [
      `not one worker lived from one look to the next, ${formatDuration(betweenMs)} later`,
      ...exitLines(lastExit),
    ],
    remedy: [trialOf(app, isFromFlags), `fcgi-pm logs ${app}`],
  };
}

/** The command that tries the program itself. */
function trialOf(app: string, isFromFlags: boolean): string {
  return isFromFlags
    ? "fcgi-pm doctor ./PROGRAM --user USER   # the program of fcgi-pm start with its flags: tries it, and explains how it ends"
    : `fcgi-pm doctor ${app}   # tries the program, and explains how it ends`;
}

function crashLoop({ after, isFromFlags }: LiveFacts): Finding {
  const { app, lastExit, nextTryInMs, restarts } = after;
  const next = nextTryInMs === null ? "" : `, the next try comes in ${formatDuration(nextTryInMs)}`;
  return {
    code: "live.crash-loop",
    level: "broken",
    what: `no worker of ${app} stays alive${lastExit === null ? "" : `: ${describeExit(lastExit)}`}`,
    seen: [`${restarts} restarts${next}`, ...exitLines(lastExit)],
    remedy: [trialOf(app, isFromFlags), `fcgi-pm restart ${app}   # tries at once, when it is mended`],
  };
}

function nonBlocking({ app }: LiveLook): Finding {
  return {
    code: "live.non-blocking",
    level: "broken",
    what: `the socket of ${app} is non-blocking, and its workers end at once with exit code 0, without a word`,
    seen: [
      "flags in /proc/PID/fdinfo of the listener have 04000 (O_NONBLOCK), which all holders of the socket share",
      "no worker lives long: libfcgi, php-cgi and Mojolicious take EAGAIN of accept for the end",
    ],
    remedy: [
      "fcgi-pm stop && fcgi-pm start --config /etc/fcgi-pm/fcgi-pm.toml   # the flag stays as long as the socket lives",
      "an app of its own for the wrapper or program (Node, Go, Python) that sets the flag",
    ],
  };
}

function exitLines(exit: LiveExit | null): string[] {
  if (exit === null) return [];
  const when = exit.wasReady ? "after it was ready" : "before it was ready";
  const lived = `worker ${exit.worker} ended with ${describeExit(exit)} after ${formatDuration(exit.livedMs)}, ${when}`;
  const zero = endedAtOnce(exit)
    ? ["exit code 0 at once: it took itself for a plain CGI program, or is no FastCGI program"]
    : [];
  const lines = exit.lastLines.length === 0 ? ["it wrote nothing"] : ["it wrote last:", ...barred(exit.lastLines)];
  return [lived, ...zero, ...lines];
}

function degraded({ app, ready, wanted, workers, lastExit, state }: LiveLook): Finding {
  const others = workers.filter((worker) => worker.state !== "ready");
  const starting = state === "starting" && lastExit === null;
  return {
    code: starting ? "live.starting" : "live.degraded",
    level: ready === 0 && !starting ? "broken" : "risk",
    what: `only ${ready} of ${wanted} workers of ${app} are ready`,
    seen: [...others.map(({ number, state: its }) => `worker ${number}: ${its}`), ...exitLines(lastExit)],
    remedy: [`fcgi-pm logs ${app}   # what the others wrote`, `fcgi-pm status ${app}`],
  };
}

function judgeStopped({ stopped, after }: LiveFacts): Finding | undefined {
  if (stopped.length === 0) return undefined;
  return {
    code: "live.workers-stopped",
    level: stopped.length >= after.ready ? "broken" : "risk",
    what: `${stopped.length} of ${after.ready} ready workers of ${after.app} are stopped (state T): they answer nobody`,
    seen: [`state T at two looks: process ${stopped.join(", ")}; a debugger, or a signal STOP`],
    remedy: [`fcgi-pm signal ${after.app} CONT`, `kill -CONT ${stopped.join(" ")}`],
  };
}

/** An ordinary request is over by then. */
const longDrainMs = 30_000;

function judgeDrain({ after }: LiveFacts): Finding | undefined {
  const hanging = after.workers.filter(({ state, busyMs }) => state === "draining" && (busyMs ?? 0) >= longDrainMs);
  if (hanging.length === 0) return undefined;
  return {
    code: "live.drain-hangs",
    level: "risk",
    what: `${hanging.length} ${hanging.length === 1 ? "worker" : "workers"} of the old code of ${after.app} cannot leave: a request of theirs does not end`,
    seen: hanging.map(
      ({ number, pid, busyMs }) => `worker ${number} (process ${pid}) drains, busy for ${formatDuration(busyMs ?? 0)}`,
    ),
    remedy: [
      'drain-timeout = "60s"   # when the stop signal is sent all the same',
      "keepalive_timeout 5s;   # in nginx's upstream, where it keeps connections to event loops (Node, Go)",
      ...hanging.flatMap(({ pid }) => (pid === null ? [] : [`kill ${pid}   # its request is lost`])),
    ],
  };
}

const recentMs = 10 * 60_000;

/** Deaths of the last minutes, beside a crash loop, which is told already. */
function judgeDeaths({ after, nowMs }: LiveFacts): Finding | undefined {
  const { lastExit, restarts, app, state } = after;
  if (lastExit === null || state === "backoff" || isRecycling(lastExit)) return undefined;
  const agoMs = nowMs - Date.parse(lastExit.at);
  if (!(agoMs < recentMs)) return undefined;
  return {
    code: "live.workers-die",
    level: "risk",
    what: `workers of ${app} die: the last one ${formatDuration(Math.max(0, agoMs))} ago, ${restarts} since the start`,
    seen: exitLines(lastExit),
    remedy: [`fcgi-pm logs ${app}`, `fcgi-pm doctor ${app} --uri /PATH   # a path on which it dies`],
  };
}

/** php-cgi ends with 0 after 500 requests, by design. */
function isRecycling({ exit, wasReady }: LiveExit): boolean {
  return wasReady && exit.code === 0;
}

function judgeUsers({ users, after }: LiveFacts): Finding | undefined {
  if (!users.includes("root")) return undefined;
  return {
    code: "live.runs-as-root",
    level: "risk",
    what: `the workers of ${after.app} run as root: a hole in the program is a hole in the machine`,
    seen: ["uid 0 in /proc/PID/status"],
    remedy: ['user = "www-data"   # or a user of its own, then: fcgi-pm reload'],
  };
}
