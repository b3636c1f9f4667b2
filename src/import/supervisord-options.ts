/** What becomes of each option of a program in supervisord.conf, as its documentation lists them (supervisor 4.2). */
import { setPort, setSocket, setSocketOwner } from "./addresses.ts";
import type { Draft, Given } from "./draft.ts";
import { addEnv, passEnv, remark } from "./draft.ts";
import { parsePairs } from "./environment-pairs.ts";
import type { Rules } from "./rules.ts";
import {
  either,
  isYes,
  lost,
  readInteger,
  same,
  toAccount,
  toDuration,
  toInteger,
  toMode,
  toSignal,
  toText,
} from "./rules.ts";

const noEvents = lost("fcgi-pm has no event listeners: its notices are in the log, and in fcgi-pm logs -f");

/** Options that mean something by themselves. The others are read together in supervisord-output.ts and supervisord-program.ts. */
export const programOptions: Rules = {
  directory: toText("cwd"),
  umask: toMode("umask"),
  user: toAccount("user"),
  stopsignal: toSignal,
  stopwaitsecs: toDuration("stop-timeout"),
  startsecs: toDuration("start-grace"),
  startretries: lost("fcgi-pm never gives up: the wait between tries grows up to max-restart-delay"),
  exitcodes: lost("fcgi-pm replaces a worker whatever its exit status is; 0 is no failure"),
  priority: lost(
    "all apps start together, their listeners first, so that no order is needed; here priority is the nice value",
  ),
  autostart: takeAutostart,
  autorestart: takeAutorestart,
  stopasgroup: either(
    lost("the stop signal goes to each worker, KILL to its process group; fcgi-pm signal APP reaches the workers"),
    same("the stop signal goes to each worker alone"),
  ),
  killasgroup: either(
    same("KILL always goes to the process group of a worker"),
    lost("KILL always goes to the process group of a worker, so that nobody is left"),
  ),
  serverurl: lost("there is no supervisorctl: fcgi-pm finds its managers in the runtime directory"),
  stdout_capture_maxbytes: noEvents,
  stderr_capture_maxbytes: noEvents,
  stdout_events_enabled: either(noEvents, same("there are no events")),
  stderr_events_enabled: either(noEvents, same("there are no events")),
  stdout_syslog: either(lost("lines go to the manager's log, which a service hands to the journal"), same("no syslog")),
  stderr_syslog: either(lost("lines go to the manager's log, which a service hands to the journal"), same("no syslog")),
};

/** The options of a FastCGI program's listener. */
export const listenerOptions: Rules = {
  socket: takeSocket,
  socket_owner: (draft, { value }) => {
    const [owner, group] = value.trim().split(":");
    setSocketOwner(draft, owner, group);
  },
  socket_mode: toMode("socket-mode"),
  socket_backlog: toInteger("listen-queue-depth", 1, 65_535),
};

/** `unix:///path` or `tcp://host:port`. */
function takeSocket(draft: Draft, given: Given): void {
  const tcp = /^tcp:\/\/([^\s:]+):(\d+)$/.exec(given.value);
  if (tcp !== null) setPort(draft, given, tcp[1] ?? "", tcp[2] ?? "");
  else if (given.value.startsWith("unix://"))
    setSocket(draft, given.value.slice("unix://".length).replace(/^\/{2,}/, "/"));
  else lost("a socket is unix:///path or tcp://host:port: set socket or port by hand")(draft, given);
}

function takeAutostart(draft: Draft, given: Given): void {
  if (isYes(given.value) !== false) {
    same("every app of a config starts with the manager")(draft, given);
    return;
  }
  draft.isDormant = true;
  lost("every app of a config starts with the manager: this one stands here as a comment")(draft, given);
}

/** Without it supervisord starts a program again that ends with a status which is not in exitcodes. */
function takeAutorestart(draft: Draft, given: Given): void {
  const word = given.value.trim().toLowerCase();
  if (word === "unexpected") {
    lost("a worker is replaced whatever its exit status is")(draft, given);
    return;
  }
  if (isYes(given.value) !== false) {
    same("a worker that ends is always replaced")(draft, given);
    return;
  }
  if (draft.settings.get("listen") === false) draft.isDormant = true;
  lost(
    draft.isDormant
      ? "fcgi-pm runs nothing just once: this app stands here as a comment, a timer or a unit of systemd is the place for it"
      : "a worker that ends is always replaced",
  )(draft, given);
}

/** `A="1",B="%(ENV_B)s"`: what is only handed on goes to pass-env, so that its value need not be known here. */
export function takeEnvironment(draft: Draft, given: Given, raw: string): void {
  const pairs = parsePairs(given.value);
  if (typeof pairs === "string") {
    remark(draft.remarks, "lost", given, `supervisord refuses it, too: ${pairs}`);
    return;
  }
  const passed = new Set(namesPassed(raw));
  addEnv(
    draft,
    given,
    pairs.filter(([name]) => !passed.has(name)),
  );
  if (passed.size > 0) passEnv(draft, given, [...passed]);
}

/** Variables that get the very value that supervisord has for them. */
export function namesPassed(raw: string): string[] {
  const pairs = parsePairs(raw.replace(/%\(ENV_(\w+)\)s/g, "ENV:$1:"));
  return typeof pairs === "string" ? [] : pairs.flatMap(([name, value]) => (value === `ENV:${name}:` ? [name] : []));
}

/** numprocs, which is at least one. */
export function readNumprocs(text: string | undefined): number | undefined {
  return text === undefined ? 1 : readInteger(text.trim(), 1, 10_000);
}

/** `50MB`, `1KB`, `0` to bytes; undefined for anything else. Python takes blanks around. */
export function bytesOf(text: string): number | undefined {
  const match = /^(\d+)\s*(kb|mb|gb)?$/i.exec(text.trim());
  if (match === null) return undefined;
  const factor = { kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }[(match[2] ?? "").toLowerCase()] ?? 1;
  return Number(match[1]) * factor;
}
